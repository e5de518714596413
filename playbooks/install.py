"""Put the toolkit on a host, and on one that backs up: its slice, its secrets, a key of its own, its services.

Data beside the usual: `wheels` (path of a tar of wheels here); `packages`, what pip installs of them; `slice`,
`known_hosts` and `secrets` (name to value), which are empty on a backup server: it needs borg and nothing else.
"""

import shlex
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host
from pyinfra.operations import files as pyinfra_files

from estate.model import Role
from playbooks.databases import databases
from playbooks.guard import STATE
from playbooks.operations import Directory, File, Unit, ask, directories, files, units
from templates import render

TOOLKIT = "/opt/seawall"
CACHE = "/var/cache/seawall"
PIP = "/usr/share/python-wheels/pip-*.whl"  # python3-venv brings it; a pip in the environment would cost 3 s
FORGET = "/etc/tmpfiles.d/seawall-borg.conf"
UNITS = Path("/etc/systemd/system")
BOUND = "seawall-bound.timer"
WRITTEN = (
    "seawall-backup.service",
    "seawall-keeper.service",
    "seawall-drp@.service",
    "seawall-stream.service",
    "seawall-bound.service",
    BOUND,
    "seawall-tickets.service",
    "seawall-tickets.path",
)


@deploy("Install the toolkit")
def install() -> None:
    """Everything a host needs to back up, to be restored from, or to take over."""
    data = host.data
    directories(name="toolkit: directories", wanted={CACHE: Directory(mode="700"), "/etc/seawall": Directory()})
    _toolkit(Path(data.wheels), data.packages)
    if data.slice:
        _client(data.name, data.slice, data.known_hosts, data.secrets)
        databases()
        _services()


def _toolkit(wheels: Path, packages: Sequence[str]) -> None:
    """A virtual environment from wheels alone: no compiler and no package index on the host."""
    remote = f"{CACHE}/{wheels.name}"
    pyinfra_files.put(name="toolkit: wheels", src=str(wheels), dest=remote, mode="600")
    environment(name="toolkit: environment", wheels=remote, packages=packages)


@operation()
def environment(wheels: str, packages: Sequence[str]) -> Generator[StringCommand]:
    """The toolkit of exactly these wheels; built beside and swapped, so that a run that dies leaves the old one."""
    marker = f"{TOOLKIT}/{Path(wheels).name}.installed"
    if ask(f"test -e {marker} && echo there || true"):
        return
    yield StringCommand(f"""
set -e; new={TOOLKIT}.new; house={CACHE}/wheels
rm -rf $new $house; mkdir -p $house; tar -xf {wheels} -C $house
mine=$(python3 -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
if ! ls $house/borgbackup-*-$mine-*.whl > /dev/null 2>&1; then
    echo "these wheels are for another Python than $(python3 --version): on a machine with this host's Debian, in a" \
        "checkout, script/setup, then .venv/bin/python -m seawall.wheels, makes a tar of others: name it by --wheels">&2
    exit 1
fi
python3 -m venv --without-pip $new
export TMPDIR={CACHE} PYTHONPATH=$(echo {PIP})
$new/bin/python -m pip install --quiet --no-index --no-compile --find-links $house {shlex.join(packages)}
sed -i '1s,{TOOLKIT}.new/,{TOOLKIT}/,' $new/bin/*; touch $new/{Path(wheels).name}.installed
rm -rf {TOOLKIT}.old $house; if [ -e {TOOLKIT} ]; then mv -T {TOOLKIT} {TOOLKIT}.old; fi; mv -T $new {TOOLKIT}
rm -rf {TOOLKIT}.old; ln -sfn {TOOLKIT}/bin/seawall /usr/local/bin/seawall""")


def _client(name: str, piece: str, known_hosts: str, secrets: Mapping[str, str]) -> None:
    """The slice of the estate, the pinned keys of the servers it may reach, its secrets, and a key of its own."""
    directories(name="toolkit: private directories", wanted={
        "/etc/seawall/secrets": Directory(mode="700"), "/etc/seawall/ssh": Directory(mode="700"),
        "/etc/seawall/maintenance": Directory(), STATE: Directory(mode="711"),
    })  # fmt: skip
    files(name="toolkit: slice, pinned host keys, secrets", wanted={
        "/etc/seawall/estate.json": File(piece, mode="600"),
        "/etc/seawall/host": File(f"{name}\n"),
        "/etc/seawall/known_hosts": File(known_hosts),
        FORGET: File(forgotten(f"{STATE}/borg/.cache/borg/*")),
        **{f"/etc/seawall/secrets/{word}": File(f"{value}\n", mode="600") for word, value in secrets.items()},
    })  # fmt: skip
    identity(name="toolkit: a key of its own", path="/etc/seawall/ssh/id_ed25519")
    if host.data.role == Role.DRP:
        identity(name="toolkit: the keeper's key", path="/etc/seawall/ssh/keeper_ed25519")


def forgotten(where: str) -> str:
    """Lines of tmpfiles.d(5) that take borg's locks away at boot, before anybody can come.

    borg breaks a lock where no process has its number any more. After a crash somebody else may have it, for weeks.
    """
    return f"# Written by playbooks/install.py\nR! {where}/lock.exclusive\nr! {where}/lock.roster\n"


@operation()
def identity(path: str) -> Generator[StringCommand]:
    """An ssh key that is made on the host and never leaves it."""
    if not ask(f"test -s {path} && echo there || true"):
        yield StringCommand(f"ssh-keygen -q -t ed25519 -N '' -C $(hostname) -f {shlex.quote(path)}")


def _services() -> None:
    """The units are known; who starts them is `playbooks.schedule`, an activation, or an order."""
    files(name="services: units", wanted={
        str(UNITS / unit): File(render(f"{unit}.j2")) for unit in WRITTEN
    })  # fmt: skip
    reload_units(name="services: systemd knows them")
    units(name="services: what bounds the binary logs", wanted=[Unit(BOUND, (str(UNITS / BOUND),), act="restart")])


@operation()
def reload_units() -> Generator[StringCommand]:
    """Owed as long as systemd has read older files than there are."""
    for unit in (name.replace("@.", "@probe.") for name in WRITTEN):
        if ask(f"systemctl show -p NeedDaemonReload -p LoadState --value {unit} | grep -xE 'yes|not-found' || true"):
            yield StringCommand("systemctl daemon-reload")
            return
