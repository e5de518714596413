"""Which side a day belongs to: a rule about days, so it is held on all of them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from backups.sides import LONGEST_WAIT, side, side_now
from estate.model import Side

DAYS = st.dates(min_value=date(1970, 1, 1), max_value=date(2200, 1, 1))
ZONES = st.sampled_from(["Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
DAY = timedelta(days=1)


@given(DAYS)
def test_two_days_in_a_row_never_belong_to_the_same_side(day: date) -> None:
    assert side(day + DAY) is side(day).other


@given(DAYS, st.sampled_from(Side))
def test_no_side_waits_longer_than_two_days(day: date, wanted: Side) -> None:
    assert any(side(day + n * DAY) is wanted for n in range(LONGEST_WAIT // DAY))


def test_no_month_end_and_no_leap_day_breaks_the_turn() -> None:
    ends = [date(year, month, 1) for year in (2023, 2024, 2100) for month in range(1, 13)]
    assert all(side(first - DAY) is not side(first) for first in ends)
    assert side(date(2024, 2, 29)) not in (side(date(2024, 2, 28)), side(date(2024, 3, 1)))
    assert any((first - DAY).day % 2 == first.day % 2 for first in ends)  # where the day of the month would fail


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), ZONES)  # noqa: DTZ001 - made aware below
def test_the_day_is_the_one_where_the_policy_is_at_home(naive: datetime, name: str) -> None:
    zone, instant = ZoneInfo(name), naive.replace(tzinfo=UTC)
    assert side_now(instant, zone) is side(instant.astimezone(zone).date())
    assert side_now(instant.astimezone(ZoneInfo("Asia/Tokyo")), zone) is side_now(instant, zone)


@given(DAYS, ZONES)
def test_a_nightly_run_alternates_across_every_change_of_the_clock(day: date, name: str) -> None:
    zone = ZoneInfo(name)
    tonight, tomorrow = (datetime(d.year, d.month, d.day, 2, 30, tzinfo=zone) for d in (day, day + DAY))
    assert side_now(tonight.astimezone(UTC), zone) is not side_now(tomorrow.astimezone(UTC), zone)


def test_a_night_in_amsterdam_is_not_the_night_in_utc() -> None:
    late = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)  # 00:30 on the second there
    assert side_now(late, ZoneInfo("Europe/Amsterdam")) is not side_now(late, ZoneInfo("UTC"))
