"""Encryption at rest, for hosts that ask for it: vhosts and databases in directories that ext4 encrypts (fscrypt).

They are opened at boot with a passphrase that the host asks its key server for and never writes to a disk. What needs
the data does not start before; ssh does. Data that is there already is copied into encrypted directories, compared by
digest, and only then they change names; the host does that by itself, so that a driver that dies leaves no service
stopped.
"""

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host

from effects.onhost import text
from effects.onhost.encrypted import KEY
from effects.reach import known_hosts_line
from estate.model import VHOSTS
from inventory.encryption import EncryptionData
from playbooks.guard import STATE, TOOLS
from playbooks.operations import File, ask, files
from playbooks.uploads import TOOL as UPLOADS
from playbooks.uploads import UNIT as UPLOADING
from playbooks.uploads import mounting
from templates import render

PACKAGES = ("fscrypt", "e2fsprogs", "rsync", "python3")
TOOL = f"{TOOLS}/encryption"
CALLS = f"{TOOLS}/encrypted.py"
MOVING = f"{STATE}/moving"  # how far a move is
KNOWN_HOSTS = "/etc/seawall/key_server"
UNITS = "/etc/systemd/system"
DROP_IN = "seawall-encryption.conf"
WAITING = "postgresql.service multi-user.target"  # a target starts what it wants, and not what that wants in turn
MOUNTS = f"local-fs.target {UPLOADING}"  # what may be mounted below the data
# Units that are lost without the data: also every instance of a template, and every name that goes on after a dash.
NEEDING = ("nginx", "apache2", "mariadb", "postgresql@", "seawall-php-", "seawall-backup", "seawall-drp@")
PATCHING = "apt-daily-upgrade"

# For each place the kind and mount point of the file system that it lies on.
LOOK = """while read -r place; do
  if mountpoint -q "$place"; then echo "mounted $place"; fi
  until [ -d "$place" ]; do place=$(dirname "$place"); done
  findmnt -nro FSTYPE,TARGET -T "$place" | tail -n 1
done"""


def packages_for(data: EncryptionData | None) -> tuple[str, ...]:
    """Debian packages that an encrypted host needs."""
    return PACKAGES if data else ()


def tool(name: str, data: EncryptionData) -> str:
    """The host's side of it."""
    shared = {"mounts": MOUNTS, "vhosts": VHOSTS, "uploads": UPLOADS, "patching": PATCHING}
    here = {"calls": f"python3 {CALLS}", "moving": MOVING, "known_hosts": KNOWN_HOSTS, "drop_in": DROP_IN, "key": KEY}
    return render("encryption.sh.j2", host=name, data=data, waiting=WAITING, **here, **shared)


def _opening(name: str, data: EncryptionData | None) -> dict[str, File]:
    if data is None:
        return {}
    return mounting() | {  # a move has to unmount them
        TOOL: File(tool(name, data), "755"),
        CALLS: File(text("encrypted")),
        KNOWN_HOSTS: File(known_hosts_line(data["address"], data["port"], data["host_key"])),
        f"{UNITS}/seawall-encryption.service": File(
            render("encryption.service.j2", tool=TOOL, mounts=MOUNTS, waiting=WAITING)
        ),
    }


def _needing(data: EncryptionData | None) -> dict[str, File]:
    """The units that wait for the data."""
    if data is None:
        return {}
    versions = ask("ls -d /etc/php/*/fpm 2>/dev/null | cut -d / -f 4")
    needs = File(render("encryption.needs.conf.j2"))
    return {f"{UNITS}/{unit}.service.d/{DROP_IN}": needs for unit in (*NEEDING, *(f"php{v}-fpm" for v in versions))} | {
        f"{UNITS}/{PATCHING}.service.d/seawall-later.conf": File(render("encryption.later.conf.j2"))
    }


@operation()
def possible(data: EncryptionData | None) -> Generator[StringCommand]:
    """Changes nothing. Raises OperationError where directories can't be encrypted, before anything is touched."""
    yield from ()
    for row in ask(LOOK, stdin="".join(f"{place}\n" for place in data["places"])) if data else ():
        kind, where = row.split(" ", 1)
        if kind == "mounted":
            raise OperationError(f"{where} is a file system of its own: mount it one directory up. Nothing was changed")
        if kind != "ext4":
            raise OperationError(
                f"{where} is {kind}, and we encrypt directories of ext4 alone: give the host such a file system, or"
                " take its encryption out of the estate. Nothing was changed"
            )


@operation()
def data_at_rest(act: str, *, encrypted: bool) -> Generator[StringCommand]:
    """`make` the keys, or `move` what lies in the clear into encrypted directories, where that is owed.

    Raises OperationError where they are locked.
    """
    if not encrypted:
        return
    owed = ask(f"if [ -x {TOOL} ]; then {TOOL} owed; else printf 'make\\nmove\\n'; fi")
    if "locked" in owed:
        raise OperationError(f"the data of this host is locked; if its key server is lost: seawall unlock {host.name}")
    if act in owed:
        yield StringCommand(_by_itself(act))


def _by_itself(act: str) -> str:
    """As a unit of its own: it goes on when this connection dies, and a second driver does not interfere.

    Whatever ends it, services that it has stopped are started again.
    """
    unit = f"seawall-encryption-{act}.service"
    return f"""
systemctl -q is-active {unit} && {{ echo "it is still at it: journalctl -fu {unit}; then run this again" >&2; exit 1; }}
systemctl reset-failed {unit} 2>/dev/null
systemd-run --quiet --wait --collect --unit={unit} -p ExecStopPost='{TOOL} resume' {TOOL} {act} && exit 0
journalctl -q -o cat -n 9 -u {unit} | grep -ve '^{unit}' -e '^Started {unit}' >&2; exit 1"""


@deploy("Encryption at rest")
def encryption() -> None:
    """The way to the key server first, then the keys, then what waits for them, then the data."""
    name, data = host.data.name, host.data.encryption
    files(name="encryption: the way to the key server", wanted=_opening(name, data))
    data_at_rest(name="encryption: there are keys, and it is open", act="make", encrypted=data is not None)
    files(name="encryption: what waits for it", wanted=lambda: _needing(data))
    data_at_rest(name="encryption: the data is encrypted", act="move", encrypted=data is not None)
