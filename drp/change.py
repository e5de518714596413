"""What has to change so that a vhost is found at another host. Pure, but for the looking that is handed in.

Only addresses of the host that is left are touched: records that point elsewhere (a CDN, a mail host) stay.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from drp.records import REWRITES
from estate.model import Estate, Host, Vhost, Zone

Observed = Callable[[str, str], tuple[str, ...]]  # (absolute name, type) -> values in presentation format


@dataclass(frozen=True, slots=True)
class Change:
    """One RRset that stands as `before` and is to stand as `after`; values sorted, in presentation format."""

    zone: str
    name: str  # absolute, with its last dot
    rtype: str  # one of drp.records.REWRITES
    before: tuple[str, ...]
    after: tuple[str, ...]
    ttl: int  # seconds
    kept: int | None = None  # seconds for which resolvers keep `before`, or that there is nothing; None: nobody looked

    def __str__(self) -> str:
        return f"{self.name} {self.rtype}: {shown(self.before)} becomes {shown(self.after)}"


def zone_of(estate: Estate, name: str) -> Zone | None:
    """The zone that holds `name`; the longest one where they are nested. None where the estate has none."""
    labels = name.rstrip(".").split(".")
    above = (".".join(labels[number:]) for number in range(len(labels)))  # the longest first
    return next((estate.zones[zone] for zone in above if zone in estate.zones), None)


def changes(
    estate: Estate,
    vhost: Vhost,
    from_host: Host,
    to_host: Host,
    observed: Observed,
    *,
    ttls: Mapping[tuple[str, str], int] = MappingProxyType({}),
    made: Sequence[Change] = (),
) -> tuple[Change, ...]:
    """What must change so that `vhost` is found at `to_host`: addresses, and those in HTTPS and SPF. Only looks.

    Names in no zone of the estate are left out, and so is what is already so. Where `to_host` has no IPv6,
    the IPv6 address of `from_host` is taken out. What stands as one of `made` has left it becomes what it was before
    that: so the way back ends where the way there began. `ttls` are the seconds of what was observed.
    """
    undone = {(change.name, change.rtype, tuple(sorted(change.after))): change.before for change in made}
    found: list[Change] = []
    for name in (name for known in vhost.names for name in (known, f"*.{known}")):
        if (zone := zone_of(estate, name)) is None:
            continue
        absolute = name.rstrip(".") + "."
        for rtype, rewrite in REWRITES.items():
            before = tuple(sorted(observed(absolute, rtype)))
            left = (absolute, rtype, before)
            after = undone[left] if left in undone else rewrite(before, from_host, to_host)
            if after != before:
                kept = ttls.get((absolute, rtype)) if before else _negative(observed, zone)
                found.append(Change(zone.name, absolute, rtype, before, after, zone.ttl, kept))
    return tuple(found)


def _negative(observed: Observed, zone: Zone) -> int | None:
    """Seconds for which resolvers keep that a name of the zone has no such record, at most (RFC 2308, 5)."""
    soa = observed(f"{zone.name.rstrip('.')}.", "SOA")
    return int(soa[0].split()[-1]) if soa else None


def shown(values: tuple[str, ...]) -> str:
    """For people."""
    return ", ".join(values) or "nothing"
