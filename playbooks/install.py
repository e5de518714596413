"""Put the toolkit, this host's slice, its secrets, its ssh identity and its services in place.

Data: `wheels` (path of a tar of wheels here), `name`, `slice`, `known_hosts`, `secrets` (name to value), `role`,
and on a backup server `clients` (name to the public keys that write and read).
"""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.operations import files as pyinfra_files

from playbooks.operations import Directory, File, Unit, ask, directories, files, units
from templates import render

TOOLKIT = "/opt/seawall"
CACHE = "/var/cache/seawall"
REPOSITORIES = "/srv/borg"
UNITS = Path("/etc/systemd/system")


@deploy("Install the toolkit")
def install() -> None:
    """Everything a role needs to back up, be restored from, or take over."""
    data = host.data
    directories(name="toolkit: directories", wanted={CACHE: Directory(mode="700"), "/etc/seawall": Directory()})
    _toolkit(Path(data.wheels))
    if data.role == "backup":
        backup_server(name="backup server: accounts and repositories", clients=data.clients)
        files(name="backup server: keys", wanted=_authorized(data.clients))
    elif data.slice:
        _client(data.name, data.slice, data.known_hosts, data.secrets)
        _services(data.role)


def _toolkit(wheels: Path) -> None:
    """A virtual environment from wheels alone: no compiler and no package index on the host."""
    remote = f"{CACHE}/{wheels.name}"
    pyinfra_files.put(name="toolkit: wheels", src=str(wheels), dest=remote, mode="600")
    environment(name="toolkit: environment", wheels=remote)


@operation()
def environment(wheels: str) -> Iterator[StringCommand]:
    """The toolkit of exactly these wheels; built beside and swapped, so that a run that dies leaves the old one."""
    marker = f"{TOOLKIT}/{Path(wheels).name}.installed"
    if ask(f"test -e {marker} && echo there || true"):
        return
    yield StringCommand(
        f"set -e; new={TOOLKIT}.new; rm -rf $new {CACHE}/wheels; mkdir -p {CACHE}/wheels; tar -xf {wheels} -C {CACHE}/wheels;"
        f" python3 -m venv $new; TMPDIR={CACHE} $new/bin/python -m pip install --quiet --no-index --no-compile"
        f" --find-links {CACHE}/wheels seawall; sed -i '1s,{TOOLKIT}.new/,{TOOLKIT}/,' $new/bin/*; touch $new/{Path(wheels).name}.installed;"
        f" rm -rf {TOOLKIT}.old {CACHE}/wheels; if [ -e {TOOLKIT} ]; then mv -T {TOOLKIT} {TOOLKIT}.old; fi; mv -T $new {TOOLKIT};"
        f" rm -rf {TOOLKIT}.old; ln -sfn {TOOLKIT}/bin/seawall /usr/local/bin/seawall"
    )


def _client(name: str, piece: str, known_hosts: str, secrets: Mapping[str, str]) -> None:
    """The slice of the estate, the pinned keys of the servers it may reach, its secrets, and a key of its own."""
    directories(name="toolkit: private directories", wanted={
        "/etc/seawall/secrets": Directory(mode="700"), "/etc/seawall/ssh": Directory(mode="700"),
        "/etc/seawall/maintenance": Directory(), "/var/lib/seawall": Directory(mode="711"),
    })  # fmt: skip
    files(name="toolkit: slice, pinned host keys, secrets", wanted={
        "/etc/seawall/estate.json": File(piece, mode="600"),
        "/etc/seawall/host": File(f"{name}\n"),
        "/etc/seawall/known_hosts": File(known_hosts),
        **{f"/etc/seawall/secrets/{word}": File(f"{value}\n", mode="600") for word, value in secrets.items()},
    })  # fmt: skip
    identity(name="toolkit: a key of its own", path="/etc/seawall/ssh/id_ed25519")


@operation()
def identity(path: str) -> Iterator[StringCommand]:
    """An ssh key that is made on the host and never leaves it."""
    if not ask(f"test -s {path} && echo there || true"):
        yield StringCommand(f"ssh-keygen -q -t ed25519 -N '' -C $(hostname) -f {shlex.quote(path)}")


def _services(role: str) -> None:
    """The scheduler runs where production runs. On the DRP host it waits until the host serves."""
    files(name="services: units", wanted={
        str(UNITS / "seawall-backup.service"): File(render("seawall-backup.service.j2")),
        str(UNITS / "seawall-drp@.service"): File(render("seawall-drp@.service.j2")),
    })  # fmt: skip
    reload_units(name="services: systemd knows them")


@operation()
def reload_units() -> Iterator[StringCommand]:
    """Owed as long as systemd has read older files than there are."""
    for unit in ("seawall-backup.service", "seawall-drp@probe.service"):
        if ask(f"systemctl show -p NeedDaemonReload -p LoadState --value {unit} | grep -xE 'yes|not-found' || true"):
            yield StringCommand("systemctl daemon-reload")
            return


@deploy("Start the backup scheduler")
def schedule() -> None:
    """After the first repositories are there. Data: `role`."""
    if host.data.role == "production":
        units(name="services: backup scheduler", wanted=[Unit("seawall-backup.service", (str(UNITS / "seawall-backup.service"),), act="restart")])


def accounts(client: str) -> dict[str, str]:
    """The two users of a client on a backup server, and how `borg serve` is started for each.

    The writer can add and nothing else (append-only, its own directory). The reader is another user without the
    right to write, so its reading can neither delete nor lock.
    """
    borg = f"{TOOLKIT}/bin/borg serve --umask=0027 --restrict-to-path {REPOSITORIES}/{client}"
    return {f"borg-{client}": f"{borg} --append-only", f"borg-{client}-ro": borg}


def home(account: str) -> str:
    """Root's directory, not the account's: what it may do is not its own to change."""
    return f"/var/lib/{account}"


@operation()
def backup_server(clients: Mapping[str, Any]) -> Iterator[StringCommand]:
    """Two users a client, one directory that the first writes and the second reads, closed to everybody else."""
    known = set(ask("getent passwd | cut -d: -f1"))
    for client in clients:
        writer, reader = accounts(client)
        if writer not in known:
            yield StringCommand(f"useradd --system --user-group --no-create-home --home-dir {home(writer)} --shell /bin/sh {writer}")
        if reader not in known:
            yield StringCommand(f"useradd --system --gid {writer} --no-create-home --home-dir {home(reader)} --shell /bin/sh {reader}")
        path = f"{REPOSITORIES}/{client}"
        if not ask(f"stat -c '%U %G %a' {path} 2>/dev/null | grep -x '{writer} {writer} 750' || true"):
            yield StringCommand(f"install -d -m 755 {REPOSITORIES} && install -d -o {writer} -g {writer} -m 2750 {path} && chmod g-s {path}")


def _authorized(clients: Mapping[str, Mapping[str, str]]) -> dict[str, File]:
    """One forced command a key."""
    wanted = {}
    for client, keys in clients.items():
        for (user, serve), key in zip(accounts(client).items(), (keys.get("writer"), keys.get("reader")), strict=True):
            line = f'command="{serve}",restrict {key}\n' if key else "# no key yet\n"
            wanted[f"{home(user)}/.ssh/authorized_keys"] = File(line)
    return wanted
