"""Encryption at rest, for hosts that ask for it: vhosts and databases lie in a store under AES-256-GCM (gocryptfs).

The store is opened at boot with a passphrase that the host asks its key server for and never writes to a disk. What
needs the data does not start before; ssh does. Data that is there already is copied into the store, compared by digest,
and only then swapped; the host does that by itself, so that a driver that dies leaves no service stopped.
"""

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host

from effects.reach import known_hosts_line
from inventory.encryption import CLEAR, EncryptionData
from playbooks.guard import TOOLS
from playbooks.operations import File, ask, files
from templates import render

PACKAGES = ("gocryptfs", "fuse3", "rsync")
TOOL = f"{TOOLS}/encryption"
STORE = "/srv/encrypted/store"
PRIVATE = f"{CLEAR}/private"  # only root enters; what others need is mounted from there
MOVING = "/var/lib/seawall/moving"  # a file for each place that is still on its way into the store
KNOWN_HOSTS = "/etc/seawall/key_server"
UNITS = "/etc/systemd/system"
DROP_IN = "seawall-encryption.conf"
# Units that are lost without the data: also every instance of a template, and every name that goes on after a dash.
NEEDING = ("nginx", "mariadb", "postgresql@", "seawall-php-", "seawall-backup", "seawall-drp@")


def waiting(data: EncryptionData) -> str:
    """What is started when the store is open. A target starts what it wants, and not what that wants in turn."""
    return " ".join(
        ["local-fs.target", *(["postgresql.service"] if "postgresql" in data["mounts"] else []), "multi-user.target"]
    )


def packages_for(data: EncryptionData | None) -> tuple[str, ...]:
    """Debian packages that an encrypted host needs."""
    return PACKAGES if data else ()


def tool(name: str, data: EncryptionData) -> str:
    """The host's side of it."""
    here = {
        "store": STORE,
        "clear": CLEAR,
        "private": PRIVATE,
        "moving": MOVING,
        "known_hosts": KNOWN_HOSTS,
        "drop_in": DROP_IN,
    }
    return render("encryption.sh.j2", host=name, data=data, waiting=waiting(data), **here)


def _opening(name: str, data: EncryptionData | None) -> dict[str, File]:
    if data is None:
        return {}
    return {
        TOOL: File(tool(name, data), "755"),
        KNOWN_HOSTS: File(known_hosts_line(data["address"], data["port"], data["host_key"])),
        f"{UNITS}/seawall-encryption.service": File(
            render("encryption.service.j2", tool=TOOL, store=STORE, clear=CLEAR, waiting=waiting(data))
        ),
    }


def _needing(data: EncryptionData | None) -> dict[str, File]:
    """Mounts below the store, and the units that wait for them."""
    if data is None:
        return {}
    versions = ask("ls -d /etc/php/*/fpm 2>/dev/null | cut -d / -f 4")
    needs = File(render("encryption.needs.conf.j2", clear=CLEAR, paths=list(data["mounts"].values())))
    return {
        f"{UNITS}/{path[1:].replace('/', '-')}.mount": File(
            render("encryption.mount.j2", place=name, path=path, clear=CLEAR, private=PRIVATE, moving=MOVING)
        )
        for name, path in data["mounts"].items()
    } | {f"{UNITS}/{unit}.service.d/{DROP_IN}": needs for unit in (*NEEDING, *(f"php{v}-fpm" for v in versions))}


@operation()
def store(act: str, *, encrypted: bool) -> Generator[StringCommand]:
    """`make` the store, or `move` what lies in the clear into it, where that is owed.

    Raises OperationError where the store is locked: whatever is written now would lie beside it.
    """
    if not encrypted:
        return
    owed = ask(f"if [ -x {TOOL} ]; then {TOOL} owed; else printf 'make\\nmove\\n'; fi")
    if "locked" in owed:
        raise OperationError(f"the data of this host is locked; if its key server is lost: seawall unlock {host.name}")
    if act in owed:
        yield StringCommand(_by_itself(act))


def _by_itself(act: str) -> str:
    """As a unit of its own: it goes on when this connection dies, and a second driver does not interfere."""
    unit = f"seawall-encryption-{act}.service"
    return f"""
systemctl -q is-active {unit} && {{ echo "it is still at it: journalctl -fu {unit}; then run this again" >&2; exit 1; }}
systemctl reset-failed {unit} 2>/dev/null
systemd-run --quiet --wait --collect --unit={unit} {TOOL} {act} && exit 0
journalctl -q -o cat -n 6 -u {unit} | grep -ve '^{unit}' -e '^Started {unit}' >&2; exit 1"""


@deploy("Encryption at rest")
def encryption() -> None:
    """The way to the key server first, then the store, then what waits for it, then the data."""
    name, data = host.data.name, host.data.encryption
    files(name="encryption: the way to the key server", wanted=_opening(name, data))
    store(name="encryption: a store, and open", act="make", encrypted=data is not None)
    files(name="encryption: what waits for it", wanted=lambda: _needing(data))
    store(name="encryption: the data is in it", act="move", encrypted=data is not None)
