"""The service that takes archives and snapshots by the clock: the same two acts that cron would call.

It keeps no plan of its own: every few seconds it asks a pure rule (`backups.debts`) what is due now, of the wall
clock and of what was saved last. So a reboot, a long outage, a machine that slept and a clock that was set forth or
back are nothing special, and what was missed is caught up once. The library `schedule` (1.2) reckons on the wall clock,
so where that is set, everything is looked at at once and its interval begins anew.
Files and databases have a thread each, so that a first archive of hours never holds back a snapshot.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Thread
from typing import NoReturn

import schedule

from backups.debts import SOON, Due
from effects.clock import awake, now

TICK = timedelta(seconds=10)
STEP = 1.0  # seconds
JUMP = 5.0  # seconds that the wall clock went further, or less far, than time did: somebody set it
Act = Callable[[], None]
Starter = Callable[[Act], Act]


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


def plan(turns: Sequence[Turn], *, started: Starter = in_its_own_thread) -> schedule.Scheduler:
    """Each turn looked at on every tick; one that runs is not begun again."""
    return again([(TICK, turn.tick) for turn in turns], started=started)


def again(acts: Sequence[tuple[timedelta, Act]], *, started: Starter = in_its_own_thread) -> schedule.Scheduler:
    """Each of them in its interval, unless the one before still runs."""
    made = schedule.Scheduler()
    for every, act in acts:
        made.every(int(every.total_seconds())).seconds.do(started(act))
    return made


def serve(*schedulers: schedule.Scheduler) -> NoReturn:
    """Begin what is due, all of it at the first, for ever."""
    offset: float | None = None
    while True:
        before, offset = offset, now().timestamp() - awake()
        for one in schedulers:
            step(one, at_once=before is None or abs(offset - before) > JUMP)
        time.sleep(STEP)


def step(scheduler: schedule.Scheduler, *, at_once: bool) -> None:
    """Begin what is due, or everything."""
    if at_once:
        scheduler.run_all()
    else:
        scheduler.run_pending()
