"""What speaks against a promotion, seen from everywhere it can be."""

from collections.abc import Mapping, Sequence

from drp.dns.primaries import Secrets, takes
from drp.dns.soa import later, soa
from effects.onhost import probing
from effects.remote import Remote
from estate.model import Estate, Host, Role, Zone
from estate.problem import Problem
from supervision.asking import ask, everywhere

Serials = Mapping[str, int | Problem]  # by server
CONTROL, PATIENCE, LIMIT = "this machine", 4.0, 30.0  # seconds for one try, and for one place


def behind(server: Host, seen_by: Mapping[str, Serials]) -> list[str]:
    """Zones that it does not have, or of which another one has a newer copy (RFC 1982)."""
    found = []
    for zone, seen in seen_by.items():
        mine = seen[server.name]
        if isinstance(mine, Problem):
            found.append(mine.what)
            continue
        newer = [
            f"{name} ({serial})" for name, serial in seen.items() if isinstance(serial, int) and later(serial, mine)
        ]
        if newer:
            found.append(f"{server.name} has {zone} at {mine}, and {', '.join(newer)} is ahead of it")
    return found


def heard(estate: Estate, server: Host, zones: Sequence[Zone]) -> tuple[list[str], list[str]]:
    """Who hears a primary of theirs speak for them: this machine, the server itself, the twins, the backup servers.

    And who of these could not be asked.
    """
    primaries = {zone.primary: estate.hosts[zone.primary] for zone in zones}
    asked = [(address, zone.name) for zone in zones for address in primaries[zone.primary].addresses]
    question = {"pings": [], "sites": [], "zones": asked, "patience": PATIENCE}
    places = [host for host in estate.hosts.values() if host == server or host.role in (Role.DRP, Role.BACKUP)]

    def look_from(host: Host) -> list[dict[str, object]]:
        with Remote(host, estate.control) as remote:
            return list(ask(remote, "probing", question, limit=LIMIT)["rows"])

    there = everywhere(places, look_from)
    rows = {CONTROL: probing.look(question)["rows"]} | {k: v for k, v in there.items() if not isinstance(v, Problem)}
    whose = {address: name for name, host in primaries.items() for address in host.addresses}
    speaks = {(whose[row["address"]], place) for place, mine in rows.items() for row in mine if row["well"]}
    reasons = [
        f"{primary} speaks for its zones still, to {', '.join(sorted(p for who, p in speaks if who == primary))}"
        for primary in sorted({who for who, _ in speaks})
    ]
    return reasons, [f"not asked: {fault.what}" for fault in there.values() if isinstance(fault, Problem)]


def taken(estate: Estate, server: Host, zones: Sequence[Zone], secret: Secrets) -> list[str]:
    """Who takes updates already, beside `server` itself."""
    others = [(zone, name) for zone in zones for name in zone.servers[1:] if name != server.name]
    return [
        f"{name} takes updates of {zone.name} already: it is the primary"
        for zone, name in others
        if takes(estate, zone, name, secret)
    ]


def serials(estate: Estate, zone: Zone) -> Serials:
    def one(host: Host) -> int:
        return soa(host, zone).serial

    return everywhere([estate.hosts[name] for name in zone.servers[1:]], one)
