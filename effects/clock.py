"""Now, always aware and in UTC. The local day matters only to rules about days, which take it as an argument."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from estate.problem import Problem


def now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def awake() -> float:
    """Seconds since the boot, those that the machine slept included (CLOCK_BOOTTIME); nobody can set this clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wait_until(holds: Callable[[], bool], *, timeout: float, late: Problem, every: float = 0.1) -> None:
    """Wait for a state instead of sleeping for a while. Raises `late` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > end:
            raise late
        time.sleep(every)


class Stopwatch:
    """Seconds since it was made, unmoved by changes of the wall clock."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Elapsed, to the millisecond."""
        return round(time.monotonic() - self._start, 3)
