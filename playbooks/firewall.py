"""The firewall: own chains for each address family, everything else dropped, loaded atomically.

fail2ban has no rule here: its jails fill sets of addresses, and one rule of ours looks into all of them. So
loading rules never loses a ban, and a ban is never found to be a change. Nothing is saved with `iptables-save`,
which would freeze a moment's state into the boot rules.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_network

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host

from inventory.data import Door, Opening
from playbooks.guard import TOOLS, WORK, confirm
from playbooks.operations import File, Unit, ask, differs, files, look, put, units
from templates import render

FOLDER = "/etc/seawall/firewall"
TOOL = f"{TOOLS}/firewall"
UNIT = "seawall-firewall.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
FAMILIES = (4, 6)
CHAINS = ("SEAWALL", "SEAWALL-LIMIT", "SEAWALL-OPEN", "SEAWALL-DROP", "SEAWALL-FORWARD", "SEAWALL-OUTPUT")
SETS = ("seawall-allow4", "seawall-block4", "seawall-allow6", "seawall-block6")
BANS = "seawall-bans"  # a set of the sets that fail2ban's jails fill
MAILERS = ("postfix", "Debian-exim", "opensmtpd", "mail")  # users that Debian's mail servers send as


def rules(
    openings: Sequence[Opening],
    family: int,
    *,
    control: Sequence[str],
    port: int,
    vaults: Sequence[Door],
    mailers: Sequence[int],
) -> str:
    """What `iptables-restore --noflush` (family 4) or `ip6tables-restore` (6) loads; `mailers` are user ids."""
    return render(
        "firewall.rules.j2",
        family=family,
        chains=CHAINS,
        bans=BANS,
        control=_of(family, control),
        port=port,
        ssh_for_all=any(opening["port"] == port and not opening["sources"] for opening in openings),
        udp=[opening["port"] for opening in openings if opening["protocol"] == "udp"],
        lines=[line for opening in openings for line in _accept(opening, family)],
        vaults=[vault for vault in vaults if _of(family, [vault["address"]])],
        mailers=list(mailers),
    )


def only_control(family: int, *, control: Sequence[str], port: int) -> str:
    """What is loaded at boot where the rules cannot be: ssh from the control machine."""
    return render("firewall.fallback.j2", family=family, chains=CHAINS, control=_of(family, control), port=port)


def networks(allow: Iterable[str], block: Iterable[str]) -> str:
    """The sets' members, as lines of `ipset restore`. Never empty: a file without a line is no file of ours."""
    lists = (("allow", allow), ("block", block))
    lines = [f"add seawall-{name}{ip_network(it).version} {it}" for name, members in lists for it in members]
    return "".join(f"{line}\n" for line in ["# playbooks/firewall.py", *lines])


def _of(family: int, addresses: Iterable[str]) -> list[str]:
    return [address for address in addresses if ip_address(address).version == family]


def _accept(opening: Opening, family: int) -> list[str]:
    ends = f"-p {opening['protocol']} --dport {opening['port']} -j ACCEPT"
    return [f"-s {source} {ends}" for source in _of(family, opening["sources"])] if opening["sources"] else [ends]


@operation()
def guarded_rules() -> Generator[StringCommand]:
    """Load the rules and the sets where the kernel or the boot files say otherwise; confirmed or undone."""
    wanted = _wanted(_mailers())
    seen = look([f"{FOLDER}/{name}" for name in wanted])
    drifted = any(differs(seen.get(f"{FOLDER}/{name}"), file) for name, file in wanted.items())
    if not drifted and ask(f"{TOOL} stands && echo yes || true") == ["yes"]:
        return
    for name, file in wanted.items():
        yield put(f"{WORK}/firewall/{name}", file)
    yield StringCommand(f"{TOOL} try")
    confirm()
    yield StringCommand(f"{TOOL} keep")


def _mailers() -> list[int]:
    """User ids of the mail servers that are installed: they alone send mail out."""
    return sorted(int(uid) for uid in ask(f"getent passwd {' '.join(MAILERS)} | cut -d : -f 3"))


def _wanted(mailers: Sequence[int]) -> Mapping[str, File]:
    """Content of each file that is kept, by its name."""
    data = host.data
    here = {"control": data.control, "port": data.sshd_port}
    texts = {"sets": networks(data.allow, data.block)}
    for family in FAMILIES:
        texts[f"rules.v{family}"] = rules(data.openings, family, vaults=data.vaults, mailers=mailers, **here)
        texts[f"fallback.v{family}"] = only_control(family, **here)
    return {name: File(text, "600") for name, text in texts.items()}


@deploy("Firewall")
def firewall() -> None:
    """Let in what the host's role needs, and nothing else."""
    tool = render("firewall.sh.j2", folder=FOLDER, work=WORK, tools=TOOLS, chains=CHAINS, sets=SETS, bans=BANS)
    files(
        name="firewall: tool and boot unit",
        wanted={TOOL: File(tool, "755"), UNIT_FILE: File(render("firewall.service.j2", tool=TOOL))},
    )
    guarded_rules(name="firewall: load the rules, confirm, keep")
    units(name="firewall: loaded at boot", wanted=[Unit(UNIT, watches=())])
