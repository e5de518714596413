"""What a production host lets its twin do: talk to one of its database servers, over that server's own socket.

A forced command of sshd, for an account that owns nothing. The word that it was called with names the engine, and
nothing else that it says is looked at. The server knows the account by its user id (MariaDB's unix_socket, PostgreSQL's
peer), so there is no password, and the database servers listen to no network. Standard library only.
"""

import os
import selectors
import socket
import sys
from pathlib import Path

RUN = Path("/run")
SOCKETS = {"mariadb": "mysqld/mysqld.sock", "postgresql": "postgresql/.s.PGSQL.*[0-9]"}
PIECE = 1 << 16


def door(word: str) -> "str | None":
    """The socket that is meant; None where there is none. Of several clusters it is the first, Debian's own."""
    found = sorted(map(str, RUN.glob(SOCKETS[word])), key=lambda path: (len(path), path)) if word in SOCKETS else []
    return found[0] if found else None


def pass_on(there: socket.socket, here: int, out: int) -> None:
    """Bytes both ways, until one end is at its end."""
    with selectors.DefaultSelector() as ends:
        ends.register(there, selectors.EVENT_READ)
        ends.register(here, selectors.EVENT_READ)
        while True:
            for key, _ in ends.select():
                data = there.recv(PIECE) if key.fileobj is there else os.read(here, PIECE)
                if not data:
                    return
                if key.fileobj is not there:
                    there.sendall(data)
                while data and key.fileobj is there:
                    data = data[os.write(out, data) :]


def main() -> int:
    """0 where the talk came to its end."""
    path = door(os.environ.get("SSH_ORIGINAL_COMMAND", ""))
    if path is None:
        sys.stderr.write("seawall: mariadb or postgresql, where it runs here\n")
        return 2
    try:
        with socket.socket(socket.AF_UNIX) as there:
            there.connect(path)
            pass_on(there, 0, 1)
    except OSError as fault:
        sys.stderr.write(f"seawall: {path}: {fault.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
