"""The service that takes archives and snapshots by the clock: the same two acts that cron would call.

`schedule` keeps no state, so whether a turn was missed is asked of the status file: after a reboot, a long outage or a
failure each kind is caught up once, not once per missed turn. Files and databases have a thread each, so that
a first archive of hours never holds back a snapshot.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as clock_time
from zoneinfo import ZoneInfo

import schedule

from backups.take import recall
from effects.clock import now
from estate.points import Kind

TICK = 1.0  # seconds
CATCH_UP = 15  # minutes between two tries to make up for what was missed or failed
DAY = timedelta(days=1)
Starter = Callable[[Callable[[], None]], Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Turn:
    """What is taken together, how often, and at what time of the day where it is daily."""

    kinds: Sequence[Kind]
    every: timedelta
    at: clock_time | None
    act: Callable[[], None]

    def overdue(self, at: datetime) -> bool:
        """Whether a turn was missed, or failed."""
        return overdue(newest_success(tuple(self.kinds)), self.every, at)


def newest_success(kinds: tuple[str, ...]) -> datetime | None:
    """When the oldest of these kinds was last saved anywhere; None where one never was."""
    known = recall()
    newest = [
        max(
            (
                datetime.fromisoformat(row["at"])
                for key, row in known.items()
                if key.startswith(f"{kind}.") and key.endswith(".good")
            ),
            default=None,
        )
        for kind in kinds
    ]
    return None if not newest or None in newest else min(when for when in newest if when)


def overdue(last: datetime | None, every: timedelta, at: datetime) -> bool:
    """Whether a turn was missed."""
    return last is None or at - last >= every


def in_its_own_thread(act: Callable[[], None]) -> Callable[[], None]:
    """Starts `act` unless the one before still runs."""
    pool = ThreadPoolExecutor(max_workers=1)
    running: list[Future[None]] = []

    def start() -> None:
        if not running or running[0].done():
            running[:] = [pool.submit(act)]

    return start


def plan(turns: Sequence[Turn], timezone: ZoneInfo, *, started: Starter = in_its_own_thread) -> schedule.Scheduler:
    """Every turn at its time, in the policy's time zone; what is overdue at once, and again every CATCH_UP minutes."""
    scheduler = schedule.Scheduler()
    for turn in turns:
        start = started(turn.act)
        if turn.at is not None:
            scheduler.every().day.at(turn.at.strftime("%H:%M"), str(timezone)).do(start)
        else:
            scheduler.every(int(turn.every.total_seconds())).seconds.do(start)
        catch_up = _where(turn.overdue, start)
        catch_up()
        scheduler.every(CATCH_UP).minutes.do(catch_up)
    return scheduler


def again(
    turns: Sequence[tuple[timedelta, Callable[[], None]]], *, started: Starter = in_its_own_thread
) -> schedule.Scheduler:
    """Each of them at once, and then in its interval, unless the one before still runs."""
    scheduler = schedule.Scheduler()
    for every, act in turns:
        start = started(act)
        start()
        scheduler.every(int(every.total_seconds())).seconds.do(start)
    return scheduler


def _where(overdue: Callable[[datetime], bool], start: Callable[[], None]) -> Callable[[], None]:
    def act() -> None:
        if overdue(now()):
            start()

    return act


def serve(scheduler: schedule.Scheduler) -> None:
    """Run what is due, for ever."""
    while True:
        scheduler.run_pending()
        time.sleep(TICK)
