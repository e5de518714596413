"""A backup server: for each client two accounts, one directory, and keys that can do one thing.

The writer can add and nothing else (append-only, its own directory). The reader is another user without the right
to write, so its reading can neither delete nor lock. Data beside the usual: `clients`, from name to the public keys
`writer` (the client's own) and `reader` (its partner's).
"""

from collections.abc import Generator, Mapping

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host

from playbooks.install import TOOLKIT
from playbooks.operations import File, ask, files
from playbooks.watch import known

REPOSITORIES = "/srv/borg"
Keys = Mapping[str, str]  # "writer" and "reader", as in a .pub file


@deploy("Prepare a backup server")
def vault() -> None:
    """Accounts, directories, keys."""
    clients: Mapping[str, Keys] = host.data.clients
    accounts(name="backup server: accounts and directories", clients=list(clients))
    files(name="backup server: keys", wanted=_authorized(clients))
    known(name="backup server: this run is known")


def served(client: str) -> dict[str, str]:
    """The writer and the reader of a client, and how `borg serve` is started for each."""
    borg = f"{TOOLKIT}/bin/borg serve --umask=0027 --restrict-to-path {REPOSITORIES}/{client}"
    return {f"borg-{client}": f"{borg} --append-only", f"borg-{client}-ro": borg}


def home(account: str) -> str:
    """Root's directory, not the account's: what it may do is not its own to change."""
    return f"/var/lib/{account}"


@operation()
def accounts(clients: list[str]) -> Generator[StringCommand]:
    """Two users a client, one directory that the first writes and the second reads, closed to everybody else."""
    known = set(ask("getent passwd | cut -d: -f1"))
    for client in clients:
        writer, reader = served(client)
        for user, group in ((writer, "--user-group"), (reader, f"--gid {writer}")):
            if user not in known:
                yield StringCommand(
                    f"useradd --system {group} --no-create-home --home-dir {home(user)} --shell /bin/sh {user}"
                )
        path = f"{REPOSITORIES}/{client}"
        if not ask(f"stat -c '%U %G %a' {path} 2>/dev/null | grep -x '{writer} {writer} 750' || true"):
            yield StringCommand(f"install -d -m 755 {REPOSITORIES} && install -d -o {writer} -g {writer} -m 750 {path}")


def _authorized(clients: Mapping[str, Keys]) -> dict[str, File]:
    """One forced command a key."""
    return {
        f"{home(user)}/.ssh/authorized_keys": File(f'command="{serve}",restrict {clients[client][part]}\n')
        for client in clients
        for part, (user, serve) in zip(("writer", "reader"), served(client).items(), strict=True)
    }
