"""The primary of zones is lost: one of their other servers becomes it, where a human says so (docs/dns.md).

Two primaries would tell two truths. So nobody is promoted while the lost one is heard from anywhere, while another one
takes updates, or from a copy that is older than another's; and what was written is put back where it does not hold.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePath

from drp.dns import rfc2136
from drp.dns.primaries import Secrets, updatable
from drp.dns.soa import later, soa
from drp.promotion.asked import Ours
from drp.promotion.checks import behind, heard, serials, taken
from drp.promotion.server import Standing, again, put, put_back, standing
from effects.clock import now, wait_until
from effects.remote import Remote
from estate.model import Estate, Host, Zone
from estate.problem import BadEstate, Failed, Problem, Refused

SETTLED = 30.0  # seconds until a server that was told takes updates
BACKUPS = PurePath("/var/backups")


@dataclass(frozen=True, slots=True)
class Promotion:
    """Looked at, and not carried out."""

    server: Host
    zones: tuple[Zone, ...]
    serials: Mapping[str, int]
    was: Standing
    text: str  # what is to stand
    warnings: tuple[str, ...]


def zones_of(estate: Estate, server: str, wanted: Sequence[str]) -> tuple[Zone, ...]:
    """Those that it has and is not the primary of; of them the wanted ones. Raises BadEstate where there are none."""
    mine = {zone.name: zone for zone in estate.zones.values() if server in zone.hosts[1:]}
    strange = [name for name in wanted if name not in mine]
    if strange or not mine:
        what = f"{server} is no second server of {', '.join(strange) or 'any zone of the estate'}"
        others = dict.fromkeys(name for zone in estate.zones.values() for name in zone.hosts[1:])
        hint = (
            f"it is of: {', '.join(mine)}" if mine else f"these can be made the primary: {', '.join(others) or 'none'}"
        )
        raise BadEstate(what, hint=hint)
    return tuple(zone for name, zone in mine.items() if not wanted or name in wanted)


def look(estate: Estate, server: Host, zones: Sequence[Zone], secret: Secrets) -> Promotion:
    """What would be done. Raises Refused where it must not be, with all reasons at once."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        speaking = pool.submit(heard, estate, server, zones)
        seen = {zone.name: serials(estate, zone) for zone in zones}
        spoken, unasked = speaking.result()
        reasons = [*spoken, *behind(server, seen), *taken(estate, server, zones, secret)]
    if reasons:
        raise Refused("; ".join(reasons), hint="nothing was changed; docs/dns.md, “The primary is lost”")
    with Remote(server, estate.control) as remote:
        was = standing(remote)
    text = was.text
    for key, names in _by_key(zones, secret).items():
        text = was.kind.promoted(text, names, key)
    mine = {name: found for name, them in seen.items() if isinstance(found := them[server.name], int)}
    return Promotion(server, tuple(zones), mine, was, text, (*unasked, *_warnings(server, zones, was)))


def _by_key(zones: Sequence[Zone], secret: Secrets) -> dict[Ours, list[str]]:
    found: dict[Ours, list[str]] = {}
    for zone in zones:
        key = rfc2136.key_of(zone, secret(zone))
        found.setdefault(Ours(key.name, key.algorithm, key.secret), []).append(zone.name)
    return found


def carry_out(estate: Estate, found: Promotion, secret: Secrets, by: str) -> str:
    """Do it; where it does not hold, put back what stood. Where what stood is kept; empty where it is to stand.

    Raises as `server.put`, and Failed where the server takes no updates or has other records afterwards.
    """
    server, was = found.server, found.was
    changes = found.text != was.text
    kept = str(BACKUPS / f"{PurePath(was.kind.file).name}.{now():%Y%m%dT%H%M%SZ}")
    names = ", ".join(zone.name for zone in found.zones)
    with Remote(server, estate.control) as remote:
        try:
            if changes:
                note = f"{by} made this the primary of {names}; {was.kind.file} was kept: {kept}"
                put(remote, was, found.text, kept, note)
            else:
                again(remote, was.kind)
            _settle(estate, found, secret)
        except Failed as fault:
            if not changes:
                raise
            put_back(remote, was.kind, kept)
            raise Failed(f"{fault.what}; what stood in {was.kind.file} was put back", hint=fault.hint) from None
    return kept if changes else ""


def _settle(estate: Estate, found: Promotion, secret: Secrets) -> None:
    """Wait until it takes updates. Raises Failed where it does not."""
    faults: list[str] = []

    def holds() -> bool:
        faults[:] = _faults(estate, found, secret)
        return not faults

    late = Failed("", hint="")
    try:
        wait_until(holds, timeout=SETTLED, late=late, every=0.5)
    except Failed:
        hint = f"its log says why: journalctl -u {found.was.kind.unit}; by hand: docs/dns.md"
        raise Failed("; ".join(faults), hint=hint) from None


def _faults(estate: Estate, found: Promotion, secret: Secrets) -> list[str]:
    faults = []
    for zone in found.zones:
        try:
            updatable(estate, zone, found.server.name, secret)
            there = soa(found.server, zone).serial
        except Problem as fault:
            faults.append(fault.what)
        else:
            if later(found.serials[zone.name], there):
                faults.append(f"{zone.name} is at {there}, and was at {found.serials[zone.name]}")
    return faults


def _warnings(server: Host, zones: Sequence[Zone], was: Standing) -> list[str]:
    return [
        f"{zone.name} is signed, and not by {server.name}: resolvers that validate will refuse what is changed"
        for zone in zones
        if was.kind.unsigned(was.text, zone.name) and rfc2136.served_by(server, zone.name, "DNSKEY").values
    ]
