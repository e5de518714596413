"""Whether a door is open: a TCP port that answers, an ssh login that works over a new connection.

paramiko 4 knows no post-quantum key exchange. Where a server offers nothing else, OpenSSH carries the connection, with
the same key and the same pinned host key, to an sshd that serves this one connection on the other end (`detour`).
"""

import os
import shlex
import signal
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from estate.problem import Missing, Unreachable, Untrusted

if TYPE_CHECKING:
    import paramiko

CONNECT = 4.0  # seconds
THREAD = 30.0  # seconds for a thread of this process, which looks every 0.1 s whether it is to end
BANNER = 10  # lines that a server may say before it says that it speaks ssh
LONGEST = 35_000  # bytes of a packet (RFC 4253 section 6.1): nobody is known yet, so nobody is believed
ALIVE = 5  # seconds between signs of life, of which as many may be missing
TCP = {  # seconds, but for the last: milliseconds
    socket.TCP_NODELAY: 1,
    socket.TCP_KEEPIDLE: 10,
    socket.TCP_KEEPINTVL: 10,
    socket.TCP_KEEPCNT: 5,
    socket.TCP_USER_TIMEOUT: 60_000,
}
PARAMIKO = (  # key exchanges of paramiko 4.0.0 that are still safe
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
)
INNER = (
    "exec /usr/sbin/sshd -i -f /dev/null -o HostKey=/etc/ssh/ssh_host_ed25519_key -o UsePAM=yes -o AllowUsers=root"
    f" -o PasswordAuthentication=no -o KbdInteractiveAuthentication=no -o KexAlgorithms={PARAMIKO[0]}"
    " -o DisableForwarding=yes"
)


def answers(address: str, port: int, *, timeout: float = CONNECT) -> bool:
    """Whether something accepts TCP connections there within `timeout` seconds."""
    try:
        with socket.create_connection((address, port), timeout=timeout):
            return True
    except OSError:
        return False


def first_open(address: str, ports: Iterable[int], *, timeout: float = CONNECT) -> int | None:
    """The first of `ports` that answers; None where none does."""
    return next((port for port in ports if answers(address, port, timeout=timeout)), None)


def known_hosts_line(address: str, port: int, key: str) -> str:
    """One line of known_hosts for `key` ("ssh-ed25519 AAAA…"); other ports than 22 are written `[host]:port`."""
    return f"{address if port == 22 else f'[{address}]:{port}'} {' '.join(key.split()[:2])}\n"


def key_exchanges(address: str, port: int) -> tuple[str, ...]:
    """What an ssh server offers, said before anybody is known (RFC 4253 section 7.1). Raises OSError, ValueError."""
    with socket.create_connection((address, port), timeout=CONNECT) as wire, wire.makefile("rwb") as stream:
        stream.write(b"SSH-2.0-seawall\r\n")
        stream.flush()
        if not any(stream.readline(512).startswith(b"SSH-") for _ in range(BANNER)):
            raise ValueError("no ssh server")
        try:
            (size,) = struct.unpack(">IB", stream.read(5))[:1]
            if not 0 < size <= LONGEST:
                raise ValueError("no ssh server")
            body = stream.read(size - 1)
            (length,) = struct.unpack_from(">I", body, 17)  # after the message's number and a cookie of 16 bytes
        except struct.error:
            raise ValueError("it ended before it said what it knows") from None
        return tuple(body[21 : 21 + length].decode("ascii", "replace").split(","))


def detour(address: str, port: int, *, key: str, known_hosts: Path) -> str | None:
    """What paramiko has to run to get through (as root, the only user here), or None where it needs no help.

    Raises OSError where nobody answers.
    """
    try:
        offered = key_exchanges(address, port)
    except ValueError:
        return None  # the connection itself will say what is wrong
    if set(PARAMIKO) & set(offered):
        return None
    options = {
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(known_hosts),
        "ConnectTimeout": f"{CONNECT:.0f}",
        "ServerAliveInterval": str(ALIVE),
        "ServerAliveCountMax": str(ALIVE),
        "LogLevel": "ERROR",
    }
    told = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return shlex.join(["ssh", "-F", "/dev/null", "-T", "-p", str(port), "-i", key, *told, f"root@{address}", INNER])


def login(address: str, port: int, *, user: str, key: str, known_hosts: Path) -> None:
    """Log in over a new connection with the private key `key`, run `true`, leave; at most `CONNECT` seconds a part.

    A connection that is already there, or multiplexed, would hide that no new one can be made.
    Raises Unreachable, or Untrusted for a wrong host key or a key that is not accepted.
    """
    import paramiko  # noqa: PLC0415 - a managed host knocks too, and has no paramiko

    client = paramiko.SSHClient()
    client.load_host_keys(str(known_hosts))
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        aside = detour(address, port, key=key, known_hosts=known_hosts)
        client.connect(
            address,
            port,
            user,
            key_filename=key,
            timeout=CONNECT,
            banner_timeout=CONNECT,
            auth_timeout=CONNECT,
            look_for_keys=False,
            allow_agent=False,
            sock=paramiko.ProxyCommand(aside) if aside else None,
        )
        channel = client.exec_command("true", timeout=CONNECT)[1].channel
        # A session that PAM refuses, or a shell that lets nobody in, has been authenticated all the same.
        code = channel.recv_exit_status() if channel.status_event.wait(CONNECT) else None
        if code != 0:
            said = "no answer" if code is None else f"exit code {code}"
            raise Unreachable(f"{address} port {port}: {user} can log in and run nothing: {said}", hint="look at PAM")
    except (paramiko.BadHostKeyException, paramiko.AuthenticationException) as fault:
        raise Untrusted(
            f"{address} port {port}: {fault}", hint="look at the pinned host key and the control key"
        ) from None
    except FileNotFoundError:
        raise Missing(f"the control key {key} is not there", hint="look at [control] ssh_key in the estate") from None
    except (OSError, EOFError, paramiko.SSHException) as fault:
        raise Unreachable(
            f"{address} port {port}: {fault}", hint="is the host up, and this machine in control.addresses?"
        ) from None
    finally:
        leave(client)


def leave(client: "paramiko.SSHClient") -> None:
    """End a connection, and its detour: paramiko neither waits for that process nor closes its pipes."""
    import paramiko  # noqa: PLC0415 - as above

    transport = client.get_transport()
    # Not by asking for the attribute: a closed socket of gevent's has none, and says so with EBADF.
    aside: object = transport.sock if transport is not None else None
    with suppress(Exception):  # a peer that is gone can't be told goodbye
        client.close()
    if transport is not None and isinstance(aside, paramiko.ProxyCommand):
        # Not by its own `kill`, which may reap it: the thread of paramiko sends it a signal as well when it ends.
        with suppress(ProcessLookupError):
            os.kill(aside.process.pid, signal.SIGKILL)
        transport.join(THREAD)  # it reads until there is nothing more
        with aside.process:
            pass


def awake(client: "paramiko.SSHClient") -> None:
    """Send at once: paramiko leaves Nagle's algorithm on, which costs 55 ms a command instead of 10.

    And notice a peer that is gone within a minute (tcp(7)): a cable that is cut says nothing.
    """
    transport = client.get_transport()
    if transport is not None:
        peer = transport.sock
        if isinstance(peer, socket.socket):  # and no detour
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in TCP.items():
                peer.setsockopt(socket.IPPROTO_TCP, option, value)
