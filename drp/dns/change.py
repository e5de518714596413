"""What has to change so that a vhost is found at another host. Pure, but for the looking that is handed in.

Only addresses of the host that is left are touched: records that point elsewhere (a CDN, a mail host) stay.
"""

from collections.abc import Callable
from dataclasses import dataclass

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

    def __str__(self) -> str:
        return f"{self.name} {self.rtype}: {shown(self.before)} becomes {shown(self.after)}"


def zone_of(estate: Estate, name: str) -> Zone | None:
    """The zone that holds `name`; the longest one where they are nested. None where the estate has none."""
    bare = f".{name.rstrip('.')}"
    holding = [zone for zone in estate.zones.values() if bare.endswith(f".{zone.name.rstrip('.')}")]
    return max(holding, key=lambda zone: len(zone.name), default=None)


def changes(estate: Estate, vhost: Vhost, from_host: Host, to_host: Host, observed: Observed) -> tuple[Change, ...]:
    """What must change so that `vhost` is found at `to_host`: addresses, and those in HTTPS and SPF. Only looks.

    Names in no zone of the estate are left out, and so is what is already so. Where `to_host` has no IPv6,
    the IPv6 address of `from_host` is taken out.
    """
    found: list[Change] = []
    for name in (name for known in vhost.names for name in (known, f"*.{known}")):
        if (zone := zone_of(estate, name)) is None:
            continue
        absolute = name.rstrip(".") + "."
        for rtype, rewrite in REWRITES.items():
            before = tuple(sorted(observed(absolute, rtype)))
            after = rewrite(before, from_host, to_host)
            if after != before:
                found.append(Change(zone.name, absolute, rtype, before, after, zone.ttl))
    return tuple(found)


def shown(values: tuple[str, ...]) -> str:
    """For people."""
    return ", ".join(values) or "nothing"
