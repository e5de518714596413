"""When something that failed is tried again. Pure, and unmoved by a clock that is set."""

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST = 2.0  # seconds after the first failure; twice as long after each further one
LONGEST = 300.0  # seconds
ASKED = 900.0  # seconds, at most, for a service that asks for more than that


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong so far."""

    tries: int
    tried: datetime
    error: str
    after: float = 0.0  # seconds that were asked for

    def again(self, at: datetime, error: str, after: float = 0.0) -> "Trouble":
        """One more failure."""
        return Trouble(self.tries + 1, at, error, after)

    @property
    def pause(self) -> timedelta:
        """From the last try to the next."""
        grown = min(FIRST * 2.0 ** min(self.tries - 1, 30), LONGEST)
        return timedelta(seconds=max(grown, min(self.after, ASKED)))

    def over(self, now: datetime) -> bool:
        """Whether it is time to try again. A clock that was set back, by however much, makes nobody wait longer."""
        return not self.tried <= now < self.tried + self.pause
