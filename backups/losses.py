"""What each loss would cost: at most, from topology and calendar in closed form, and now, from what is saved.

Nothing is lost as long as the host itself lives. With it goes what came after the newest archive on a
surviving side.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from backups.debts import Calendar, believed, calendar
from backups.rhythm import DAY
from estate.model import Estate, Host, Side
from estate.points import Kind, kinds_on

ALL: Literal["all"] = "all"  # no archive survives
Cost = timedelta | Literal["all"]
Saved = Mapping[Side, datetime | None]


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that can be lost: what people call it, and which hosts go with it."""

    name: str
    hosts: frozenset[str]
    single: bool  # one thing, not two at once


@dataclass(frozen=True, slots=True)
class Price:
    """What a loss costs of one kind of data."""

    loss: Loss
    kind: Kind
    worst: Cost  # where every turn is kept and takes no time
    now: Cost


def losses(estate: Estate, host: Host) -> tuple[Loss, ...]:
    """The host, each datacenter, each backup server; then the pairs that are worth a thought."""
    servers = [host.backup[side] for side in Side]
    places = dict.fromkeys(estate.hosts[name].datacenter for name in (host.name, *servers))
    whole = {place: _within(estate, place, {host.name, *servers}) for place in places}
    singles = [
        Loss(host.name, frozenset({host.name}), single=True),
        *(Loss(place, hosts, single=True) for place, hosts in whole.items()),
        *(Loss(server, frozenset({server}), single=True) for server in servers),
    ]
    pairs = [Loss(f"{host.name} and {server}", frozenset({host.name, server}), single=False) for server in servers]
    home, others = host.datacenter, [place for place in places if place != host.datacenter]
    pairs += [Loss(f"{home} and {place}", whole[home] | whole[place], single=False) for place in others]
    return (*singles, *pairs)


def prices(estate: Estate, host: Host, saved: Mapping[Kind, Saved], now: datetime) -> tuple[Price, ...]:
    """Of every loss, for every kind of data that `host` has; `saved`: the newest instant of each side."""
    return tuple(
        Price(
            loss,
            kind,
            worst(calendar(estate, host, kind), sides) if host.name in loss.hosts else timedelta(0),
            current(saved.get(kind, {}), sides, now) if host.name in loss.hosts else timedelta(0),
        )
        for loss in losses(estate, host)
        for sides in [surviving(host, loss)]
        for kind in kinds_on(estate, host)
    )


def surviving(host: Host, loss: Loss) -> tuple[Side, ...]:
    """Sides that can still be read."""
    return tuple(side for side in Side if host.backup[side] not in loss.hosts)


def worst(when: Calendar, sides: tuple[Side, ...]) -> Cost:
    """The longest that the newest archive on `sides` can be behind, just before the next one is there.

    A side that gets one day's archives of two waits for the whole of the other day, and where the clock changes a day
    may have an hour more. What a run itself takes comes on top: an archive is as old as its beginning.
    """
    if not sides:
        return ALL
    every, extra = when.rhythm.every, changes(when.rhythm.timezone)
    if when.both or len(sides) == len(Side):
        return every + (extra if every >= DAY else timedelta(0))
    return DAY + DAY + extra if every >= DAY else every - (DAY + extra) // -every * every


def current(saved: Saved, sides: Iterable[Side], now: datetime) -> Cost:
    """What would be lost now."""
    there = [at for side in sides if (at := believed(saved.get(side), now))]
    return max(now - max(there), timedelta(0)) if there else ALL


def changes(zone: ZoneInfo, year: int = 2026) -> timedelta:
    """By how much the clock of a zone is set back in a year; the database's rules repeat."""
    instants = [datetime(year, month, 1, tzinfo=UTC).astimezone(zone) for month in range(1, 13)]
    offsets = [instant.utcoffset() or timedelta(0) for instant in instants]
    return max(offsets) - min(offsets)


def beyond(estate: Estate, host: Host) -> Iterator[str]:
    """Where the policy can't keep, after one single loss, what its rhythm seems to promise."""
    for price in prices(estate, host, {}, datetime(2026, 1, 1, tzinfo=UTC)):
        when = calendar(estate, host, price.kind)
        promise = worst(when, tuple(Side))
        if not price.loss.single or price.worst == timedelta(0) or price.worst == promise:
            continue
        cost = "all" if isinstance(price.worst, str) else f"up to {_hours(price.worst)}"
        yield (
            f"{host.name}: losing {price.loss.name} costs {cost} of {price.kind}, saved every "
            f'{_hours(when.rhythm.every)}: a side goes with it; put both sides elsewhere, or set files_to = "both"'
        )


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:g} h"


def _within(estate: Estate, place: str, names: set[str]) -> frozenset[str]:
    return frozenset(name for name in names if estate.hosts[name].datacenter == place)
