"""The calendar, held over years of hours: every turn has its side, what was missed is owed, and paid once."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from saved_estate import lab_estate

from backups.debts import LATER, SKEW, SOON, Calendar, Debt, Due, calendar
from backups.rhythm import DAY, Rhythm, spread
from estate.model import Engine, Side
from estate.points import FILES
from estate.problem import Failed, Unreachable

ZONES = ["Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "UTC"]
HOUR = timedelta(hours=1)
HOURS = st.sampled_from([1, 2, 3, 4, 6, 8, 12, 24])
INSTANTS = st.datetimes(datetime(1996, 1, 1), datetime(2056, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
RHYTHMS = st.builds(
    lambda hours, at, zone, shift: Rhythm(timedelta(hours=hours), at, ZoneInfo(zone), timedelta(minutes=shift)),
    HOURS,
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from(ZONES),
    st.integers(0, 29),
)
CALENDARS = st.builds(Calendar, RHYTHMS, st.booleans())
NIGHTLY = Calendar(Rhythm(DAY, time(2, 30), ZoneInfo("Europe/Amsterdam")), both=False)


@given(RHYTHMS, INSTANTS)
def test_turns_follow_each_other_without_a_gap(rhythm: Rhythm, now: datetime) -> None:
    slot = rhythm.slot(now)
    assert slot <= now < rhythm.after(now)
    assert rhythm.before(slot) < slot < rhythm.after(slot)
    assert rhythm.slot(rhythm.after(slot)) == rhythm.after(slot)
    assert rhythm.after(rhythm.before(slot)) == slot
    changed = timedelta(0) if rhythm.every < DAY else HOUR
    assert abs(rhythm.after(slot) - slot - rhythm.every) <= changed


@pytest.mark.parametrize("zone", ZONES)
def test_for_thirty_years_every_day_has_one_side_and_none_waits_longer_than_two_days(zone: str) -> None:
    home = ZoneInfo(zone)
    nightly = Calendar(Rhythm(DAY, time(2, 30), home, timedelta(minutes=17)), both=False)
    slot, seen = nightly.rhythm.slot(datetime(2024, 1, 1, 12, tzinfo=UTC)), dict[Side, datetime]()
    days = []
    while slot.year < 2054:
        (side,) = nightly.sides(slot)
        days.append(nightly.rhythm.day(slot))
        assert side not in seen or slot - seen[side] <= timedelta(hours=49)  # 48 of the local clock
        assert len(seen) < 2 or seen[side.other] > seen[side]
        seen[side] = slot
        slot = nightly.rhythm.after(slot)
    assert days == [date(2024, 1, 1) + n * DAY for n in range(len(days))]


def test_an_hour_that_does_not_exist_and_one_that_comes_twice_cost_no_night() -> None:
    spring, autumn = datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)
    assert NIGHTLY.rhythm.slot(spring) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 there: 02:30 never was
    assert NIGHTLY.rhythm.slot(autumn) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # the first 02:30
    assert NIGHTLY.rhythm.before(NIGHTLY.rhythm.slot(autumn)) == datetime(2026, 10, 24, 0, 30, tzinfo=UTC)


@given(CALENDARS, INSTANTS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_side_owes_exactly_when_its_newest_turn_brought_it_nothing(
    when: Calendar, now: datetime, one: int, other: int
) -> None:
    saved = {Side.EVEN: now - timedelta(seconds=one), Side.ODD: now - timedelta(seconds=other)}
    debts = {debt.side: debt for debt in when.debts(now, saved)}
    for side in Side:
        assert (side in debts) is (saved[side] < when.newest(side, now))
        if side in debts:
            since = debts[side].since
            assert since is not None
            assert saved[side] < since <= when.newest(side, now)
            assert side in when.sides(since)


@given(CALENDARS, INSTANTS)
def test_one_archive_of_now_pays_whatever_was_missed(when: Calendar, now: datetime) -> None:
    long_ago = dict.fromkeys(Side, now - timedelta(days=400))
    assert {debt.side for debt in when.debts(now, long_ago)} == set(Side)
    assert when.debts(now, dict.fromkeys(Side, now)) == ()
    assert {debt.side for debt in when.debts(now, long_ago | {Side.ODD: now})} == {Side.EVEN}


def test_what_never_got_anything_owes_without_a_date() -> None:
    assert NIGHTLY.debts(datetime(2026, 1, 1, tzinfo=UTC), {}) == (Debt(Side.EVEN, None), Debt(Side.ODD, None))


@given(CALENDARS, INSTANTS, st.integers(1, 400))
def test_whoever_comes_back_takes_what_was_missed_once(when: Calendar, now: datetime, gone: int) -> None:
    assume(when.rhythm.slot(now) == when.rhythm.slot(now + timedelta(seconds=20)))  # else a turn comes due meanwhile
    saved: dict[Side, datetime | None] = dict.fromkeys(Side, now - timedelta(hours=gone) - 2 * DAY)
    tried, taken = now - timedelta(hours=gone), 0
    for n in range(3):
        at = now + n * timedelta(seconds=10)
        if when.due(at, saved, tried) is not Due.NO:
            taken += 1
            saved, tried = dict.fromkeys(Side, at), at
    assert taken == 1
    assert when.due(when.rhythm.after(tried), saved, tried) is (
        Due.TURN if when.debts(when.rhythm.after(tried), saved) else Due.NO
    )


@given(CALENDARS, INSTANTS, st.integers(1, 72))
def test_a_clock_that_was_set_back_stops_nothing(when: Calendar, now: datetime, hours: int) -> None:
    future = now + timedelta(hours=hours)
    assert when.due(now, dict.fromkeys(Side, future), future) is Due.TURN
    assert when.due(now, dict.fromkeys(Side, now), now) is Due.NO  # and is forgotten with the next success
    near = now + SKEW / 2
    assert when.due(now, dict.fromkeys(Side, near), near) is Due.NO


@pytest.mark.parametrize(
    ("failed", "wait"),
    [((), SOON), ((Unreachable.exit_code,), SOON), ((Failed.exit_code, 4), SOON), ((Failed.exit_code,), LATER)],
)
def test_a_side_that_refuses_is_asked_less_often_than_one_that_is_silent(
    failed: tuple[int, ...], wait: timedelta
) -> None:
    tried = datetime(2026, 6, 1, 0, 31, tzinfo=UTC)
    saved = {Side.EVEN: tried, Side.ODD: None}
    assert NIGHTLY.due(tried + wait - timedelta(seconds=1), saved, tried, failed) is Due.NO
    assert NIGHTLY.due(tried + wait, saved, tried, failed) is Due.AGAIN
    assert NIGHTLY.due(tried + DAY, saved, tried, failed) is Due.TURN


@given(st.text(min_size=1), st.integers(1, 86_400))
def test_hosts_have_a_place_of_their_own_and_keep_it(name: str, seconds: int) -> None:
    over = timedelta(seconds=seconds)
    assert timedelta(0) <= spread(name, over) < max(over, timedelta(seconds=1))
    assert spread(name, over) == spread(name, over)


def test_two_hundred_hosts_do_not_come_to_a_server_at_once() -> None:
    places = sorted(spread(f"web{n}", timedelta(minutes=30)) for n in range(200))
    assert max(sum(place <= other < place + timedelta(minutes=1) for other in places) for place in places) <= 20


def test_the_policy_says_when_and_where(tmp_path: Path) -> None:
    estate = lab_estate(tmp_path)
    files, databases = (calendar(estate, estate.hosts["web1"], kind) for kind in (FILES, Engine.MARIADB))
    assert (files.rhythm.every, files.both) == (DAY, False)
    assert (databases.rhythm.every, databases.both) == (2 * HOUR, True)
    local = files.rhythm.slot(datetime(2026, 6, 1, 12, tzinfo=UTC)).astimezone(estate.timezone)
    assert time(2, 30) <= local.time() < time(3, 0)
