"""Whom the world asks about a zone: hosts of the estate, or name servers that its holder has."""

from dataclasses import dataclass

from effects import dns
from estate.model import Estate, Zone
from estate.problem import Missing


@dataclass(frozen=True, slots=True)
class Authority:
    """One authoritative name server."""

    name: str
    addresses: tuple[str, ...]  # IPv4 first


def authority(estate: Estate, zone: Zone, name: str) -> Authority:
    """One of `zone.servers`. Raises as `effects.dns.addresses`."""
    return Authority(name, estate.hosts[name].addresses if name in zone.hosts else dns.addresses(name))


def authorities(estate: Estate, zone: Zone) -> tuple[Authority, ...]:
    """All of `zone.servers`; one whose address nobody knows has none, for it can't be asked."""
    return tuple(_or_silent(estate, zone, name) for name in zone.servers)


def _or_silent(estate: Estate, zone: Zone, name: str) -> Authority:
    try:
        return authority(estate, zone, name)
    except Missing:
        return Authority(name, ())
