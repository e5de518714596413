"""Which of the two backup servers a day belongs to.

The parity of the day of the month repeats "odd" from a 31st to a 1st, seven times a year, and the even
server then waits 72 h. The proleptic ordinal of the local day (`date.toordinal`) never repeats.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from estate.model import Side

LONGEST_WAIT = timedelta(days=2)


def side(day: date) -> Side:
    """The side that takes the archive of `day`, a day of the policy's time zone."""
    return Side.EVEN if day.toordinal() % 2 == 0 else Side.ODD


def side_now(now: datetime, timezone: ZoneInfo) -> Side:
    """The side that the aware instant `now` belongs to where the policy is at home."""
    return side(now.astimezone(timezone).date())
