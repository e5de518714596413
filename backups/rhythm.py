"""When a turn is due. A rule about instants, without a clock and without memory.

A daily turn is at a time of the local day: where the clock leaps over it, at the first instant after (PEP 495, fold=0
of a gap), and where the hour comes twice, the first time. Turns of less than a day have equal distances in UTC, so that
a change of the clock neither costs one nor brings one twice.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zlib import crc32
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
EPOCH = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A turn every `every`, a divisor of a day, so that one falls on `at` in `timezone`, and `shift` later."""

    every: timedelta
    at: time
    timezone: ZoneInfo
    shift: timedelta = timedelta(0)  # hosts that save to the same server come one after the other

    def slot(self, now: datetime) -> datetime:
        """The newest turn that was due at `now`, in UTC."""
        if self.every < DAY:
            anchor = self._on(EPOCH)
            return anchor + (now - anchor) // self.every * self.every
        today = (now - self.shift).astimezone(self.timezone).date()
        return max(turn for n in range(-2, 2) if (turn := self._on(today + n * DAY)) <= now)

    def before(self, slot: datetime) -> datetime:
        """The turn before that one."""
        return self.slot(slot - timedelta(microseconds=1))

    def after(self, instant: datetime) -> datetime:
        """The first turn later than `instant`."""
        if self.every < DAY:
            return self.slot(instant) + self.every
        today = (instant - self.shift).astimezone(self.timezone).date()
        return min(turn for n in range(-1, 4) if (turn := self._on(today + n * DAY)) > instant)

    def day(self, slot: datetime) -> date:
        """The day of the policy that a turn belongs to, however far it was shifted."""
        return (slot - self.shift).astimezone(self.timezone).date()

    def _on(self, day: date) -> datetime:
        return datetime.combine(day, self.at, self.timezone).astimezone(UTC) + self.shift


def spread(name: str, over: timedelta) -> timedelta:
    """A place of its own for a host within `over`, the same for ever, in whole seconds."""
    return timedelta(seconds=crc32(name.encode()) % max(1, int(over.total_seconds())))
