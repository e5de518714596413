"""Which servers of a zone take updates: one, or visitors would be told two truths."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from drp.dns import rfc2136
from estate.model import Estate, Zone
from estate.problem import Problem, Refused, Unreachable
from estate.secret import Secret

Reveal = Callable[[Secret], str]  # raises as `effects.secrets.resolve`
Secrets = Callable[[Zone], str]  # raises as that
AT_ONCE = 16
ONE = "make all but one of them a secondary, the one that came back with its old records first: docs/dns.md"
FIRST = "where another server was made the primary, put it first in servers of the estate, then: seawall install"


def updatable(estate: Estate, zone: Zone, server: str, secret: Secrets) -> None:
    """Raises as `rfc2136.switchable` where that server takes no updates of the zone."""
    rfc2136.switchable(estate, replace(zone, servers=(server,)), secret(zone))


def takes(estate: Estate, zone: Zone, server: str, secret: Secrets) -> bool:
    """Whether it does; one that is silent does not."""
    try:
        updatable(estate, zone, server, secret)
    except Problem:
        return False
    return True


def require_switchable(estate: Estate, zones: Iterable[Zone], secret: Secrets) -> None:
    """Raise Refused where a switch would not be taken: by the primary, or, where that is silent, by another."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda zone: _require_taken(estate, zone, secret), zones))


def _require_taken(estate: Estate, zone: Zone, secret: Secrets) -> None:
    try:
        updatable(estate, zone, zone.primary, secret)
    except Problem as fault:
        silent = isinstance(fault, Unreachable)
        if not (silent and any(takes(estate, zone, other, secret) for other in zone.hosts[1:])):
            raise Refused(
                f"a switch of {zone.name} would not be taken: {fault.what}", hint=f"{fault.hint}; {FIRST}"
            ) from None


def rivals(estate: Estate, zones: Iterable[Zone], secret: Secrets) -> dict[str, tuple[str, ...]]:
    """By zone, its servers that take updates, where these are several."""
    several = [zone for zone in zones if len(zone.hosts) > 1]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda zone: _taking(estate, zone, secret), several)
        return {zone.name: taking for zone, taking in zip(several, found, strict=True) if len(taking) > 1}


def _taking(estate: Estate, zone: Zone, secret: Secrets) -> tuple[str, ...]:
    """Of the others only where the first does: they are asked for what would be wrong."""
    others = zone.hosts[1:] if takes(estate, zone, zone.primary, secret) else ()
    return tuple(name for name in (zone.primary, *others) if name == zone.primary or takes(estate, zone, name, secret))


def two(zone: str, servers: Iterable[str]) -> str:
    """What is wrong with it."""
    return f"{' and '.join(servers)} both take updates of {zone}: each would tell visitors something else"


def secrets(reveal: Reveal) -> Secrets:
    """What signs updates, of zones on servers of the estate."""

    def secret(zone: Zone) -> str:
        assert zone.tsig is not None, "of zones on servers of the estate alone"
        return reveal(zone.tsig.secret)

    return secret
