"""The service that takes archives and snapshots by the clock: the same two acts that cron would call.

`schedule` keeps no state, so what was missed is asked of the status file: after a reboot or a long outage
each kind is taken once, not once per missed turn.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import schedule

from backups.take import recall
from effects.clock import now
from estate.model import BackupPolicy, Engine
from estate.points import FILES

TICK = 5  # seconds
DAY = timedelta(days=1)


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


def plan(
    policy: BackupPolicy,
    timezone: str,
    engines: tuple[Engine, ...],
    take_files: Callable[[], None],
    take_databases: Callable[[], None],
) -> schedule.Scheduler:
    """The turns of the policy; what is overdue is taken at the first tick."""
    scheduler = schedule.Scheduler()
    scheduler.every().day.at(policy.files_at.strftime("%H:%M"), timezone).do(take_files)
    if engines:
        scheduler.every(int(policy.snapshot_every.total_seconds())).seconds.do(take_databases)
    at = now()
    if overdue(newest_success((FILES,)), DAY, at):
        scheduler.every(TICK).seconds.do(_once(take_files))
    if engines and overdue(newest_success(tuple(engines)), policy.snapshot_every, at):
        scheduler.every(TICK).seconds.do(_once(take_databases))
    return scheduler


def _once(act: Callable[[], None]) -> Callable[[], type[schedule.CancelJob]]:
    def run() -> type[schedule.CancelJob]:
        act()
        return schedule.CancelJob

    return run


def serve(scheduler: schedule.Scheduler) -> None:
    """Run what is due, for ever."""
    while True:
        scheduler.run_pending()
        time.sleep(TICK)
