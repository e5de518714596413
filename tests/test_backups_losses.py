"""What a loss costs, in closed form, and by simulating months of the very rule that the scheduler asks."""

import random
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from saved_estate import T0, lab_estate

from backups.debts import SOON, Calendar, Due
from backups.losses import ALL, FOLLOWED, Saved, beyond, changes, current, losses, prices, promised, worst
from backups.rhythm import DAY, Rhythm
from estate.backups import Target
from estate.model import Engine, Estate, Side
from estate.points import FILES, Kind

HOME, UTC_ZONE = ZoneInfo("Europe/Amsterdam"), ZoneInfo("UTC")
HOUR, TICK = timedelta(hours=1), timedelta(minutes=10)
BOTH, EVEN, ODD = tuple(Side), (Side.EVEN,), (Side.ODD,)


def of(hours: int, *, both: bool, zone: ZoneInfo = UTC_ZONE) -> Calendar:
    return Calendar(Rhythm(timedelta(hours=hours), time(2, 30), zone, timedelta(minutes=7)), both=both)


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return lab_estate(tmp_path)


@pytest.mark.parametrize(
    ("when", "sides", "hours"),
    [
        (of(24, both=False), BOTH, 24),
        (of(24, both=False), EVEN, 48),
        (of(24, both=True), EVEN, 24),
        (of(1, both=True), EVEN, 1),
        (of(1, both=False), BOTH, 1),
        (of(1, both=False), EVEN, 25),
        (of(2, both=True), BOTH, 2),
        (of(24, both=False, zone=HOME), EVEN, 49),
        (of(2, both=False, zone=HOME), EVEN, 28),
        (of(1, both=False, zone=HOME), EVEN, 26),
        (of(2, both=True, zone=HOME), BOTH, 2),
    ],
)
def test_the_worst_case_follows_from_rhythm_and_what_survives(when: Calendar, sides: tuple[Side], hours: int) -> None:
    assert worst(when, sides) == hours * HOUR
    assert worst(when, ()) == ALL


def simulated(
    when: Calendar, sides: tuple[Side, ...], days: int, outages: int = 0, stops: float | None = None
) -> timedelta:
    """The most that was ever missing on `sides`, looked at just before each tick; with sides that go down in turn.

    `stops`: there is a replica too, which lacks no more than it may at any look, but stands still in that share of
    hours, and says so.
    """
    chance = random.Random(7)  # noqa: S311 - the same months each time
    start = datetime(2026, 10, 12, tzinfo=UTC)
    down = {n: (chance.choice(list(Side)), chance.uniform(0, days * 24), chance.uniform(1, 60)) for n in range(outages)}
    saved: dict[Side, datetime | None] = dict.fromkeys(Side, start - 30 * DAY)
    tried: datetime | None = None
    most, now = timedelta(0), start
    while now < start + days * DAY:
        hours = (now - start) / HOUR
        gone = {side for side, begin, length in down.values() if begin <= hours < begin + length}
        gone = gone if len(gone) == 1 else set()
        if now > start + 4 * DAY:
            cost = current(saved, sides, now, _replica(chance, now, stops))
            assert cost != ALL
            most = max(most, cost)
        if when.due(now, saved, tried, [4] if gone else []) is not Due.NO:
            wanted = when.wanted(now, saved, owed=True)
            if set(wanted) <= gone and when.uncovered(now, saved):
                wanted = BOTH
            saved |= {side: now for side in wanted if side not in gone}
            tried = now
        now += TICK
    return most


def _replica(chance: random.Random, now: datetime, stops: float | None) -> datetime | None:
    if stops is None or random.Random(now.strftime("%d%H")).random() < stops:  # noqa: S311 - the same hours each time
        return None
    return now - chance.choice([0.0, 0.5, 1.0]) * FOLLOWED


@pytest.mark.parametrize("hours", [1, 2])
def test_a_replica_holds_its_promise_and_where_it_stands_still_the_worst_case_is_reached_and_never_passed(
    hours: int,
) -> None:
    when = of(hours, both=True, zone=HOME)
    limit = worst(when, EVEN)
    assert limit != ALL
    assert promised(limit) == FOLLOWED == simulated(when, EVEN, 20, stops=0.0)
    assert FOLLOWED < limit - TICK <= simulated(when, EVEN, 60, stops=0.3) <= limit
    assert simulated(when, EVEN, 60, outages=15, stops=0.0) == FOLLOWED  # a side that is down costs it nothing


@pytest.mark.parametrize("hours", [1, 2, 24])
@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("sides", [[BOTH], [EVEN, ODD]])
def test_months_of_the_rule_reach_the_worst_case_and_never_pass_it(
    hours: int, sides: list[tuple[Side, ...]], *, both: bool
) -> None:
    when = of(hours, both=both, zone=HOME)  # with the night of October that has 25 hours, which one side waits for
    limit = worst(when, sides[0])
    assert limit != ALL
    most = max(simulated(when, surviving, 20) for surviving in sides)
    # Every two hours, 12 or 13 turns fall into the long day: which, depends on the minute.
    slack = when.rhythm.every if hours == 2 and not both and len(sides) > 1 else TICK
    assert limit - slack - TICK <= most <= limit + TICK


@pytest.mark.parametrize("hours", [2, 24])
def test_a_side_that_is_down_now_and_then_makes_the_loss_of_the_host_no_dearer(hours: int) -> None:
    when = of(hours, both=hours < 24, zone=HOME)
    limit = worst(when, BOTH)
    assert limit != ALL
    assert simulated(when, BOTH, 60, outages=15) <= limit + TICK
    assert simulated(when, EVEN, 60, outages=15) > limit  # so this test can fail


def test_after_an_outage_the_side_is_paid_within_a_quarter_of_an_hour() -> None:
    when, back = of(24, both=False), datetime(2026, 8, 9, 12, tzinfo=UTC)
    saved = {Side.EVEN: back - 5 * DAY, Side.ODD: back - 2 * HOUR}
    assert when.due(back, saved, back - SOON, [4]) is Due.AGAIN
    assert when.wanted(back, saved, owed=True) == (Side.EVEN,)


def unfollowed(estate: Estate) -> Estate:
    return replace(estate, backup=replace(estate.backup, replicate=False))


def test_what_can_be_lost_is_named_once(estate: Estate) -> None:
    names = [loss.name for loss in losses(estate, estate.hosts["web1"])]
    assert names[:6] == ["web1", "limburg", "gravelines", "strasbourg", "vault-even", "vault-odd"]
    pairs = {"web1 and vault-even", "web1 and vault-odd", "limburg and gravelines"}
    assert set(names[6:]) == pairs | {"web1 and twin1", "limburg and strasbourg"}
    without = [loss.name for loss in losses(unfollowed(estate), estate.hosts["web1"])]
    assert without == [name for name in names if "twin1" not in name and "strasbourg" not in name]


def test_a_loss_costs_what_the_surviving_sides_lack(estate: Estate) -> None:
    saved: dict[Kind, Saved] = {
        FILES: {Side.EVEN: T0 - 5 * HOUR, Side.ODD: T0 - 29 * HOUR},
        Engine.MARIADB: {Side.EVEN: T0 - HOUR},
    }
    found = {(p.loss.name, p.kind): p for p in prices(estate, estate.hosts["web1"], saved, T0)}
    home = estate.hosts["vault-even"].datacenter
    assert home == estate.hosts["web1"].datacenter
    assert found["web1", FILES].now == 5 * HOUR
    assert found["limburg", FILES].now == 29 * HOUR
    assert found["limburg", FILES].worst == 49 * HOUR
    assert found["limburg", Engine.MARIADB].now == ALL
    assert found["vault-odd", FILES].now == timedelta(0)
    assert found["limburg and gravelines", FILES].worst == ALL
    assert found["web1", Engine.POSTGRESQL].now == ALL
    assert found["web1", Engine.POSTGRESQL].worst == 2 * HOUR


def test_a_replica_counts_where_it_is_good_and_neither_it_nor_both_sides_are_lost(estate: Estate) -> None:
    web1, second = estate.hosts["web1"], timedelta(seconds=1)
    saved: dict[Kind, Saved] = {
        FILES: dict.fromkeys(Side, T0 - 5 * HOUR),
        Engine.MARIADB: {Side.EVEN: T0 - HOUR, Side.ODD: T0 - 9 * second},
        Engine.POSTGRESQL: dict.fromkeys(Side, T0 - second),
    }
    followed = {Engine.MARIADB: T0 - 2 * second, Engine.POSTGRESQL: T0 - HOUR}  # one that is behind the stream
    found = {(p.loss.name, p.kind): p for p in prices(estate, web1, saved, T0, followed)}
    costs = {name: found[name, Engine.MARIADB].now for name, kind in found if kind == Engine.MARIADB}
    assert costs["web1"] == costs["limburg"] == costs["web1 and vault-odd"] == 2 * second
    assert costs["web1 and twin1"] == costs["limburg and strasbourg"] == 9 * second  # the stream
    assert costs["limburg and gravelines"] == ALL  # an activation begins from a side
    assert costs["strasbourg"] == timedelta(0)
    assert found["limburg", Engine.POSTGRESQL].now == second
    assert found["limburg", FILES].now == 5 * HOUR
    bounds = {name: (found[name, Engine.MARIADB].promised, found[name, Engine.MARIADB].worst) for name in costs}
    assert bounds["limburg"] == (FOLLOWED, 2 * HOUR)
    assert bounds["web1 and twin1"] == (2 * HOUR, 2 * HOUR)
    assert bounds["limburg and gravelines"] == (ALL, ALL)
    assert found["limburg", FILES].promised == found["limburg", FILES].worst == 49 * HOUR
    for estate_of, known in ((unfollowed(estate), followed), (estate, {})):  # none is wanted; none is good
        costs = {p.loss.name: p.now for p in prices(estate_of, web1, saved, T0, known) if p.kind == Engine.MARIADB}
        assert (costs["web1"], costs["web1 and vault-odd"]) == (9 * second, HOUR)
    future = {p.loss.name: p.now for p in prices(estate, web1, saved, T0, {Engine.MARIADB: T0 + DAY})}
    assert future["web1"] != timedelta(0)  # a clock that is wrong proves nothing


def test_a_promise_that_one_datacenter_breaks_is_said_and_how_to_keep_it(estate: Estate) -> None:
    web1 = estate.hosts["web1"]
    (said,) = beyond(estate, web1)
    assert "limburg costs up to 49 h of files" in said
    assert not list(beyond(replace(estate, backup=replace(estate.backup, files_to=Target.BOTH)), web1))
    together = {n: replace(h, datacenter="limburg") if n.startswith("vault") else h for n, h in estate.hosts.items()}
    said_of_all = list(beyond(replace(estate, hosts=together), web1))
    assert len(said_of_all) == 3
    assert all("losing limburg costs all of" in one and "both sides go with it" in one for one in said_of_all)
    told = [one for one in said_of_all if "without one no activation goes on from the twin's replica" in one]
    assert [one.partition(" costs all of ")[2].partition(",")[0] for one in told] == ["mariadb", "postgresql"]
    alone = unfollowed(replace(estate, hosts=together))
    assert not any("replica" in one for one in beyond(alone, web1))


def test_zones_that_change_their_clock_have_a_longer_day() -> None:
    assert changes(HOME) == HOUR
    assert changes(ZoneInfo("Australia/Lord_Howe")) == HOUR / 2
    assert changes(ZoneInfo("Asia/Tokyo")) == timedelta(0)
