"""Rules about DNS: would visitors follow, soon, and would they stay?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from drp.dns.primaries import ONE, two
from drp.dns.soa import Soa, Soas, later
from drp.ready.findings import Finding, critical, failing, unknown, warning
from estate.model import Estate, Host, Zone
from estate.problem import Problem, Unreachable

LONGEST_TTL = 300  # seconds that visitors may go on to the lost host
LONGEST_REFRESH, LONGEST_RETRY = 900, 300  # seconds: how long a secondary stays behind that missed a NOTIFY
REVERTS = "difference-no-serial"


Section = Mapping[str, str]  # of knot.conf, as knotc exports it


def slow_records(estate: Estate, ttls: Mapping[tuple[str, str], tuple[str, int]]) -> Iterator[Finding]:
    """`ttls`: server and seconds of the records that would move, by name and type."""
    for (name, rtype), (server, ttl) in ttls.items():
        if ttl > LONGEST_TTL:
            what = f"{name} {rtype} is kept for {ttl} s: so long visitors go on to the lost host"
            yield warning(server, "ttl", what, f"give it a TTL of {LONGEST_TTL} s or less in its zone, there")
    for zone in estate.zones.values():
        if zone.ttl > LONGEST_TTL:
            what = f"records of {zone.name} are switched with {zone.ttl} s: the way back takes as long"
            yield warning(zone.primary, "ttl", what, f"set ttl = {LONGEST_TTL} or less in [zones] of the estate")


def unswitchable(zone: Zone, answer: int | Problem) -> Iterator[Finding]:
    """What the primary says to an update that changes nothing."""
    if isinstance(answer, Problem):
        yield failing(zone.primary, f"update of {zone.name}", answer)


def rivals(found: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """By zone, servers that take its updates, where these are several."""
    for zone, servers in found.items():
        yield critical(servers[0], "primary", two(zone, servers), ONE)


def behind(zone: Zone, seen: Soas) -> Iterator[Finding]:
    """Servers of `zone` that are silent, speak for another, or lag; or would for long."""
    first = seen[zone.primary]
    heard = any(isinstance(soa, Soa) for soa in seen.values())
    for server in zone.servers:
        soa = seen[server]
        if isinstance(soa, Problem):
            yield _unheard(zone, server, soa, others=heard)
        elif isinstance(first, Soa) and later(soa.serial, first.serial):
            what = f"{zone.name} is at {soa.serial} here, ahead of {first.serial} on its primary {zone.primary}"
            do = f"was it made the primary? then make {zone.primary} its secondary: docs/dns.md; else look at its log"
            yield critical(server, "lag", what, do)
        elif isinstance(first, Soa) and soa.serial != first.serial:
            what = f"{zone.name} is at {soa.serial} here and at {first.serial} on {zone.primary}"
            yield critical(server, "lag", what, "look at its transfers and their log; then ask it for a retransfer")
    if isinstance(first, Soa) and len(zone.hosts) > 1:
        yield from _sluggish(zone, first)


def _unheard(zone: Zone, server: str, fault: Problem, *, others: bool) -> Finding:
    """Where no other answers either it may be us who hear nothing."""
    about = "name server"
    if not isinstance(fault, Unreachable):
        return critical(server, about, fault.what, fault.hint)
    if not others:
        return unknown(server, about, fault)
    if server != zone.primary:
        return warning(server, about, fault.what, fault.hint)
    lost = f"; where it is lost: seawall drp promote {zone.hosts[1]}" if len(zone.hosts) > 1 else ""
    return critical(server, about, fault.what, f"{fault.hint}{lost}")


def _sluggish(zone: Zone, soa: Soa) -> Iterator[Finding]:
    if soa.refresh > LONGEST_REFRESH or soa.retry > LONGEST_RETRY:
        what = (
            f"a secondary of {zone.name} that misses a notify lags for {soa.refresh} s, then tries each {soa.retry} s"
        )
        do = f"in its SOA there: refresh {LONGEST_REFRESH} s or less, retry {LONGEST_RETRY} s or less"
        yield warning(zone.primary, "refresh", what, do)


def forgetful(
    host: Host, zones: Iterable[Zone], templates: Sequence[Section], own: Sequence[Section]
) -> Iterator[Finding]:
    """Zones of a Knot that take updates back, or lose them, when it is started again (tried with Knot 3.2)."""
    by_id = {section.get("id", ""): section for section in templates}
    for zone in zones:
        mine: Section = next((one for one in own if one["domain"].rstrip(".") == zone.name), {})
        settled = {**by_id.get(mine.get("template", "default"), {}), **mine}
        if settled.get("zonefile-load") == REVERTS:
            yield _forgets(host, zone, f"zonefile-load: {REVERTS} takes a switch back", "zonefile-load: difference")
        elif settled.get("journal-content") == "none" and settled.get("zonefile-sync", "").startswith("-"):
            yield _forgets(host, zone, "with no journal and zonefile-sync: -1 a switch is lost", "journal-content: all")


def _forgets(host: Host, zone: Zone, what: str, instead: str) -> Finding:
    do = f"in knot.conf on {host.name}: {instead}; then: knotc reload"
    return critical(host.name, "knot", f"{zone.name}: {what} when Knot is started again", do)


def together(estate: Estate) -> Iterator[Finding]:
    """Zones whose name servers would be lost at once, or whose primary would be lost with what it points at."""
    for zone in (zone for zone in estate.zones.values() if zone.hosts):
        places = {estate.hosts[server].datacenter for server in zone.servers}
        if len(places) == 1:
            what = f"all name servers of {zone.name} are in {places.pop()}"
            yield critical(zone.primary, "datacenter", what, "put one elsewhere, and name it in [zones] of the estate")
        elif left := list(_served_beside(estate, zone)):
            what = (
                f"{zone.name} is switched here, and this is lost with {left[0]} in {estate.hosts[left[0]].datacenter}"
            )
            yield critical(zone.primary, "datacenter", what, "put the primary into another datacenter")


def _served_beside(estate: Estate, zone: Zone) -> Iterator[str]:
    """Production hosts with a site in `zone`, in the datacenter of its primary."""
    place = estate.hosts[zone.primary].datacenter
    for vhost in estate.vhosts.values():
        inside = any(f".{name}".endswith(f".{zone.name}") for name in vhost.names)
        if inside and estate.hosts[vhost.host].datacenter == place:
            yield vhost.host
