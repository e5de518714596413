"""The firewall: an own chain per address family, everything else dropped, loaded atomically.

fail2ban keeps its own chains: a full restore would remove its rules while it believes they stand. Nothing is
saved with `iptables-save`, which would freeze a ban's state into the boot rules.
"""

from collections.abc import Generator, Sequence
from ipaddress import ip_address

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host

from inventory.data import Opening
from playbooks.guard import TOOLS, WORK, confirm
from playbooks.operations import File, Unit, ask, differs, files, look, put, units
from templates import render

FOLDER = "/etc/seawall/firewall"
TOOL = f"{TOOLS}/firewall"
UNIT = "seawall-firewall.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
FAMILIES = (4, 6)


def rules(openings: Sequence[Opening], family: int) -> str:
    """What `iptables-restore --noflush` (family 4) or `ip6tables-restore` (6) loads."""
    return render(
        "firewall.rules.j2", family=family, lines=[line for opening in openings for line in _accept(opening, family)]
    )


def _accept(opening: Opening, family: int) -> list[str]:
    ends = f"-p {opening['protocol']} --dport {opening['port']} -j ACCEPT"
    sources = [source for source in opening["sources"] if ip_address(source).version == family]
    return [f"-s {source} {ends}" for source in sources] if opening["sources"] else [ends]


def only_control(control: Sequence[str], port: int) -> list[Opening]:
    """What is loaded at boot where the rules cannot be: ssh from the control machine."""
    return [Opening(protocol="tcp", port=port, sources=list(control))]


@operation()
def guarded_rules(wanted: dict[str, File]) -> Generator[StringCommand]:
    """Load `wanted` (name to rules) where the kernel or the boot files say otherwise; confirmed or undone."""
    seen = look([f"{FOLDER}/{name}" for name in wanted])
    drifted = any(differs(seen.get(f"{FOLDER}/{name}"), file) for name, file in wanted.items())
    if not drifted and ask(f"{TOOL} stands && echo yes || true") == ["yes"]:
        return
    for name, file in wanted.items():
        yield put(f"{WORK}/firewall/{name}", file)
    yield StringCommand(f"{TOOL} try")
    confirm()
    yield StringCommand(f"{TOOL} keep")


@deploy("Firewall")
def firewall() -> None:
    """Let in what the host's role needs, and nothing else."""
    data = host.data
    files(
        name="firewall: tool and boot unit",
        wanted={
            TOOL: File(render("firewall.sh.j2", folder=FOLDER, work=WORK, tools=TOOLS), "755"),
            UNIT_FILE: File(render("firewall.service.j2", tool=TOOL)),
        },
    )
    sets = {"rules": data.openings, "fallback": only_control(data.control, data.sshd_port)}
    guarded_rules(
        name="firewall: load the rules, confirm, keep",
        wanted={
            f"{name}.v{family}": File(rules(it, family), "600") for name, it in sets.items() for family in FAMILIES
        },
    )
    units(name="firewall: loaded at boot", wanted=[Unit(UNIT, watches=())])
