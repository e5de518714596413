"""The clock of the policy: what is due, what was missed, and that it is taken once."""

import time
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import schedule
from hypothesis import given
from hypothesis import strategies as st

from backups import paths, scheduler, take
from effects.clock import now
from estate.model import BackupPolicy, Engine, Side
from estate.points import FILES, Kind

POLICY = BackupPolicy(clock_time(2, 30), timedelta(hours=2))
BOTH = (Engine.MARIADB, Engine.POSTGRESQL)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATUS", tmp_path / "backup.json")


def saved(kind: Kind, ago: timedelta, *sides: Side, error: str | None = None) -> None:
    take.remember([take.Taken("name", side, "vault", kind, now() - ago, 1.0, 1, error) for side in sides or Side])


def planned(taken: list[str], engines: tuple[Engine, ...] = BOTH) -> schedule.Scheduler:
    return scheduler.plan(
        POLICY, "Europe/Amsterdam", engines, lambda: taken.append("files"), lambda: taken.append("databases")
    )


def caught_up(plan: schedule.Scheduler, taken: list[str]) -> list[str]:
    """What is taken of all that is due within the first tick, and again within the next."""
    for _ in range(2):
        soon = datetime.now() + timedelta(seconds=scheduler.TICK)  # noqa: DTZ005 - how the library keeps it
        for job in [job for job in plan.jobs if job.next_run and job.next_run <= soon]:
            plan._run_job(job)
    return taken


def test_what_was_never_saved_is_taken_once_at_the_first_tick() -> None:
    taken: list[str] = []
    assert sorted(caught_up(planned(taken), taken)) == ["databases", "files"]


def test_what_was_saved_in_time_waits_for_its_turn() -> None:
    saved(FILES, timedelta(hours=20))
    for engine in BOTH:
        saved(engine, timedelta(minutes=100))
    taken: list[str] = []
    assert caught_up(planned(taken), taken) == []


def test_what_was_missed_is_taken_however_many_turns_were_missed() -> None:
    saved(FILES, timedelta(days=9))
    for engine in BOTH:
        saved(engine, timedelta(minutes=100))
    taken: list[str] = []
    assert caught_up(planned(taken), taken) == ["files"]


def test_one_engine_that_is_late_is_enough() -> None:
    saved(FILES, timedelta(hours=1))
    saved(Engine.MARIADB, timedelta(minutes=1))
    saved(Engine.POSTGRESQL, timedelta(hours=3))
    taken: list[str] = []
    assert caught_up(planned(taken), taken) == ["databases"]


def test_a_failed_run_does_not_count_as_saved() -> None:
    saved(FILES, timedelta(hours=30))
    saved(FILES, timedelta(hours=1), error="disk full")
    assert scheduler.newest_success((FILES,)) is not None
    assert scheduler.overdue(scheduler.newest_success((FILES,)), scheduler.DAY, now())


def test_a_host_without_databases_takes_none() -> None:
    taken: list[str] = []
    assert caught_up(planned(taken, engines=()), taken) == ["files"]
    assert len(planned([], engines=()).jobs) == 2


def test_files_are_taken_at_the_policys_hour_where_the_policy_is_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    saved(FILES, timedelta(hours=1))
    before = time.tzname
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        (job,) = [job for job in planned([], engines=()).jobs if job.at_time]
        assert job.next_run is not None
        due = job.next_run.astimezone(UTC)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert time.tzname == before
    home = due.astimezone(ZoneInfo("Europe/Amsterdam"))
    assert (home.hour, home.minute) == (2, 30)
    assert timedelta(0) < due - now() <= scheduler.DAY


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_turn_is_missed_exactly_when_its_time_has_passed(ago: int, every: int) -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    last = at - timedelta(seconds=ago)
    assert scheduler.overdue(last, timedelta(seconds=every), at) is (ago >= every)
    assert scheduler.overdue(None, timedelta(seconds=every), at)
