"""The service that takes archives and snapshots by the clock: the same two acts that cron would call.

It keeps no plan of its own: every few seconds it asks a pure rule (`backups.debts`) what is due now, of the wall
clock and of what was saved last. So a reboot, a long outage, a machine that slept and a clock that was set forth or
back are nothing special, and what was missed is caught up once. Intervals are measured on a clock that nobody sets.
Files and databases have a thread each, so that a first archive of hours never holds back a snapshot.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Thread
from typing import NoReturn

from backups.debts import SOON, Due
from effects.clock import awake, now

TICK = timedelta(seconds=10)
STEP = 1.0  # seconds
Act = Callable[[], None]
Starter = Callable[[Act], Act]


@dataclass(slots=True)
class Beat:
    """An act that is begun once every `every`, the first time at once."""

    every: timedelta
    act: Act
    begun: float | None = None  # by `awake`

    def look(self, instant: float) -> None:
        """Begin it where its time has come."""
        if self.begun is None or instant - self.begun >= self.every.total_seconds():
            self.begun = instant
            self.act()


@dataclass(slots=True)
class Turn:
    """What is taken together."""

    due: Callable[[datetime], Due]
    act: Act
    ready: Callable[[], bool]  # whether another try can succeed, asked before one that costs much
    _begun: float | None = field(default=None, init=False)

    def tick(self) -> None:
        """Look now."""
        self.look(now(), awake())

    def look(self, at: datetime, instant: float) -> None:
        """Take what is due; never twice within a quarter of an hour, even where a run could not be remembered."""
        if self._begun is not None and instant - self._begun < SOON.total_seconds():
            return
        due = self.due(at)
        if due is not Due.NO:
            self._begun = instant
            if due is Due.TURN or self.ready():
                self.act()


def in_its_own_thread(act: Act) -> Act:
    """Starts `act` unless the one before still runs. What it raises is printed, and ends nothing else."""
    running: list[Thread] = []

    def start() -> None:
        if not running or not running[0].is_alive():
            running[:] = [Thread(target=act, daemon=True)]
            running[0].start()

    return start


def plan(turns: Sequence[Turn], *, started: Starter = in_its_own_thread) -> list[Beat]:
    """Each turn looked at on every tick; one that runs is not begun again."""
    return [Beat(TICK, started(turn.tick)) for turn in turns]


def again(turns: Sequence[tuple[timedelta, Act]], *, started: Starter = in_its_own_thread) -> list[Beat]:
    """Each of them at once, and then in its interval, unless the one before still runs."""
    return [Beat(every, started(act)) for every, act in turns]


def serve(beats: Sequence[Beat]) -> NoReturn:
    """Begin what is due, for ever."""
    while True:
        for beat in beats:
            beat.look(awake())
        time.sleep(STEP)
