"""Point vhosts' names at another host: worked out, then switched zone by zone, then proven on every name server."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from drp.change import Change, Observed, changes, zone_of
from drp.dns import rfc2136
from drp.dns.authorities import authority
from drp.dns.octo import OctodnsZones
from drp.dns.ovh import OvhZones
from drp.dns.primaries import Reveal, secrets
from drp.dns.provider import Provider
from drp.dns.resolvers import remembering
from drp.dns.rfc2136 import look, served_by
from drp.dns.together import Rfc2136, looked, proven
from estate.model import Estate, Zone
from estate.problem import Problem
from estate.zones import Octodns, Ovh

__all__ = [
    "Change",
    "Observed",
    "authority",
    "changes",
    "holds_all",
    "look",
    "looked",
    "proven",
    "remembering",
    "served_by",
    "switch_all",
    "switchable",
    "zone_of",
]


def switch_all(estate: Estate, by_zone: Mapping[str, Sequence[Change]], secret: Reveal) -> Mapping[str, Problem | None]:
    """As `Provider.switch_all`, of whichever provider holds each zone, and of all of them at once."""
    parts: dict[type, dict[str, Sequence[Change]]] = {}
    for zone, mine in by_zone.items():
        parts.setdefault(type(estate.zones[zone].holder), {})[zone] = mine
    with ThreadPoolExecutor(max_workers=len(parts) or 1) as pool:
        done = pool.map(lambda kind: _provider(kind, estate, secret).switch_all(parts[kind]), parts)
        return {zone: fault for part in done for zone, fault in part.items()}


def holds_all(
    estate: Estate, by_zone: Mapping[str, Sequence[Change]], secret: Reveal, *, port: int = 53
) -> Mapping[str, Mapping[str, bool | None]]:
    """Per zone and authoritative server, by address: True where all its changes stand, False where not, None: silent.

    Whoever holds the zone: what counts is what visitors are told.
    """
    return _own(estate, secret, port).holds_all(by_zone)


def switchable(estate: Estate, zone: Zone, secret: Reveal) -> int:
    """Seconds that the clock of whoever takes the switch is ahead of this one, where it would be taken from here.

    Changes nothing. Raises as the provider of the zone does.
    """
    if isinstance(zone.holder, Ovh):
        return OvhZones(estate, secret, _standing(estate, secret)).switchable(zone, zone.holder)
    if isinstance(zone.holder, Octodns):
        return OctodnsZones(estate, secret).switchable(zone)
    return rfc2136.switchable(estate, zone, secrets(secret)(zone))


def _provider(kind: type, estate: Estate, secret: Reveal) -> Provider:
    if kind is Ovh:
        return OvhZones(estate, secret, _standing(estate, secret))
    if kind is Octodns:
        return OctodnsZones(estate, secret)
    return _own(estate, secret)


def _own(estate: Estate, secret: Reveal, port: int = 53) -> Rfc2136:
    return Rfc2136(estate, secrets(secret), port)


def _standing(estate: Estate, secret: Reveal) -> Callable[[str, Sequence[Change]], bool]:
    def standing(zone: str, mine: Sequence[Change]) -> bool:
        return proven(holds_all(estate, {zone: mine}, secret)[zone])

    return standing
