"""The SOA of a zone, as one server has it: how new its copy is, and how often it looks for a newer one (RFC 1035)."""

from collections.abc import Mapping
from dataclasses import dataclass

from drp.dns.authorities import Authority
from drp.dns.rfc2136 import served_by
from estate.model import Host, Zone
from estate.problem import Missing, Problem


@dataclass(frozen=True, slots=True)
class Soa:
    """Of a zone, as one server has it."""

    serial: int
    refresh: int  # seconds
    retry: int


Soas = Mapping[str, Soa | Problem]  # by server


def soa(server: Authority | Host, zone: Zone) -> Soa:
    """Raises as `served_by`, Missing where it has none."""
    said = served_by(server, f"{zone.name}.", "SOA").values
    if not said:
        hint = f"look at its transfers and their log; dig @{server.addresses[0]} {zone.name} SOA"
        raise Missing(f"{server.name} has no {zone.name}", hint=hint)
    _, _, serial, refresh, retry, *_ = said[0].split()
    return Soa(int(serial), int(refresh), int(retry))


def later(one: int, other: int) -> bool:
    """Whether that serial is a later one (RFC 1982)."""
    return 0 < (one - other) % 2**32 < 2**31
