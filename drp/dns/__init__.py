"""Point vhosts' names at another host: worked out, then switched zone by zone, then proven on every name server."""

from collections.abc import Callable, Mapping, Sequence

from drp.dns.change import Change, Observed, changes, zone_of
from drp.dns.provider import Provider
from drp.dns.rfc2136 import look, served_by, switchable
from drp.dns.together import Rfc2136, looked, proven
from estate.model import Estate, Zone
from estate.problem import Problem

__all__ = [
    "Change",
    "Observed",
    "changes",
    "holds_all",
    "look",
    "looked",
    "proven",
    "served_by",
    "switch_all",
    "switchable",
    "zone_of",
]

Secret = Callable[[Zone], str]


def switch_all(estate: Estate, by_zone: Mapping[str, Sequence[Change]], secret: Secret) -> Mapping[str, Problem | None]:
    """As `Provider.switch_all`, of whichever provider holds each zone."""
    return _provider(estate, secret).switch_all(by_zone)


def holds_all(
    estate: Estate, by_zone: Mapping[str, Sequence[Change]], secret: Secret, *, port: int = 53
) -> Mapping[str, Mapping[str, bool | None]]:
    """As `Provider.holds_all`, of whichever provider holds each zone."""
    return _provider(estate, secret, port).holds_all(by_zone)


def _provider(estate: Estate, secret: Secret, port: int = 53) -> Provider:
    return Rfc2136(estate, secret, port)
