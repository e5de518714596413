"""What each loss would cost: at most, from topology and calendar in closed form, and now, from what is saved.

Nothing is lost as long as the host itself lives. With it goes what came after the newest instant that an activation
can bring back: of a database server that of its replica, where that is good and not lost too; else the end of the
stream on a surviving side, else the snapshot. Without a surviving side no activation begins, whatever a replica has.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from backups.debts import Calendar, believed, calendar
from backups.replicas.look import PROMISE
from backups.rhythm import DAY
from estate.model import Engine, Estate, Host, Side
from estate.points import FILES, Kind, kinds_on

ALL: Literal["all"] = "all"  # no archive survives
Cost = timedelta | Literal["all"]
Saved = Mapping[Side, datetime | None]
Followed = Mapping[Engine, datetime]  # what replicas have, of those that an activation would go on from
FOLLOWED = timedelta(seconds=PROMISE)


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
    worst: Cost  # where every turn is kept and takes no time; neither stream nor replica counts, for they may be down
    promised: Cost  # the same while the replica keeps its promise; `worst` where the loss takes it, or there is none
    now: Cost


def losses(estate: Estate, host: Host) -> tuple[Loss, ...]:
    """The host, each datacenter, each backup server; then the pairs worth a thought, a twin that follows among them."""
    servers = [host.backup[side] for side in Side]
    names = (host.name, *servers, *(twin.name for twin in estate.followers(host)))
    places = dict.fromkeys(estate.hosts[name].datacenter for name in names)
    whole = {place: _within(estate, place, set(names)) for place in places}
    singles = [
        Loss(host.name, frozenset({host.name}), single=True),
        *(Loss(place, hosts, single=True) for place, hosts in whole.items()),
        *(Loss(server, frozenset({server}), single=True) for server in servers),
    ]
    pairs = [Loss(f"{host.name} and {other}", frozenset({host.name, other}), single=False) for other in names[1:]]
    home, others = host.datacenter, [place for place in places if place != host.datacenter]
    pairs += [Loss(f"{home} and {place}", whole[home] | whole[place], single=False) for place in others]
    return (*singles, *pairs)


def prices(
    estate: Estate, host: Host, saved: Mapping[Kind, Saved], now: datetime, followed: Followed | None = None
) -> tuple[Price, ...]:
    """Of every loss, for every kind of data that `host` has; `saved`: the newest instant of each side."""
    return tuple(
        _price(estate, host, loss, kind, saved.get(kind, {}), now, followed or {})
        for loss in losses(estate, host)
        for kind in kinds_on(estate, host)
    )


def _price(
    estate: Estate, host: Host, loss: Loss, kind: Kind, saved: Saved, now: datetime, followed: Followed
) -> Price:
    if host.name not in loss.hosts:
        return Price(loss, kind, timedelta(0), timedelta(0), timedelta(0))
    sides = surviving(host, loss)
    most = worst(calendar(estate, host, kind), sides)
    if kind == FILES or not _following(estate, host, loss):
        return Price(loss, kind, most, most, current(saved, sides, now))
    return Price(loss, kind, most, promised(most), current(saved, sides, now, followed.get(kind)))


def surviving(host: Host, loss: Loss) -> tuple[Side, ...]:
    """Sides that can still be read."""
    return tuple(side for side in Side if host.backup[side] not in loss.hosts)


def _following(estate: Estate, host: Host, loss: Loss) -> bool:
    """Whether a twin is left that follows."""
    return any(twin.name not in loss.hosts for twin in estate.followers(host))


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


def promised(most: Cost) -> Cost:
    """With a replica that lacks no more than it may; an activation begins from a side."""
    return ALL if most == ALL else min(most, FOLLOWED)


def current(saved: Saved, sides: Iterable[Side], now: datetime, followed: datetime | None = None) -> Cost:
    """What would be lost now; `followed`: what a replica has that is left and good."""
    there = [at for side in sides if (at := believed(saved.get(side), now))]
    if not there:
        return ALL
    known = [*there, believed(followed, now) or there[0]]
    return max(now - max(known), timedelta(0))


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
            f"{_hours(when.rhythm.every)}: {_why(estate, host, price)}"
        )


def _why(estate: Estate, host: Host, price: Price) -> str:
    """What goes with that loss, what does not help, and what to do."""
    if price.worst != ALL:
        return 'a side goes with it; put both sides elsewhere, or set files_to = "both"'
    left = price.kind != FILES and _following(estate, host, price.loss)
    replica = ", and without one no activation goes on from the twin's replica" if left else ""
    return f"both sides go with it{replica}; put a side elsewhere"


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:g} h"


def _within(estate: Estate, place: str, names: set[str]) -> frozenset[str]:
    return frozenset(name for name in names if estate.hosts[name].datacenter == place)
