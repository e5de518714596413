"""The clock of the policy: what is due, what was missed, and that it is taken once."""

import threading
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
from backups.scheduler import Turn
from effects.clock import now, wait_until
from estate.backups import BackupPolicy
from estate.model import Engine, Side
from estate.points import FILES, Kind
from estate.problem import Failed

HOME = ZoneInfo("Europe/Amsterdam")
POLICY = BackupPolicy(clock_time(2, 30), timedelta(hours=2))
BOTH = (Engine.MARIADB, Engine.POSTGRESQL)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "STATUS", tmp_path / "backup.json")


def saved(kind: Kind, ago: timedelta, *sides: Side, error: str | None = None) -> None:
    take.remember([take.Taken("name", side, "vault", kind, now() - ago, 1.0, 1, error) for side in sides or Side])


def planned(taken: list[str], engines: tuple[Engine, ...] = BOTH) -> schedule.Scheduler:
    files = Turn((FILES,), scheduler.DAY, POLICY.files_at, lambda: taken.append("files"))
    databases = Turn(engines, POLICY.snapshot_every, None, lambda: taken.append("databases"))
    return scheduler.plan([files, databases] if engines else [files], HOME, started=lambda act: act)


def caught_up(engines: tuple[Engine, ...] = BOTH) -> list[str]:
    """What is taken when the service starts, sorted."""
    taken: list[str] = []
    planned(taken, engines)
    return sorted(taken)


def test_what_was_never_saved_is_taken_once_when_the_service_starts() -> None:
    assert caught_up() == ["databases", "files"]


def test_what_was_saved_in_time_waits_for_its_turn() -> None:
    saved(FILES, timedelta(hours=20))
    for engine in BOTH:
        saved(engine, timedelta(minutes=100))
    assert caught_up() == []


def test_what_was_missed_is_taken_however_many_turns_were_missed() -> None:
    saved(FILES, timedelta(days=9))
    for engine in BOTH:
        saved(engine, timedelta(minutes=100))
    assert caught_up() == ["files"]


def test_one_engine_that_is_late_is_enough() -> None:
    saved(FILES, timedelta(hours=1))
    saved(Engine.MARIADB, timedelta(minutes=1))
    saved(Engine.POSTGRESQL, timedelta(hours=3))
    assert caught_up() == ["databases"]


def test_a_failed_run_does_not_count_as_saved() -> None:
    saved(FILES, timedelta(hours=30))
    saved(FILES, timedelta(hours=1), error="disk full")
    assert scheduler.newest_success((FILES,)) is not None
    assert scheduler.overdue(scheduler.newest_success((FILES,)), scheduler.DAY, now())


def test_what_failed_is_tried_again_before_its_next_turn() -> None:
    taken: list[str] = []
    for job in planned(taken).jobs:
        if job.unit == "minutes":
            job.run()  # type: ignore[no-untyped-call]
    assert sorted(taken) == ["databases", "databases", "files", "files"]


def test_a_turn_that_still_runs_is_not_begun_twice() -> None:
    go, begun = threading.Event(), threading.Semaphore(0)

    def act() -> None:
        begun.release()
        go.wait(20)

    def begun_again() -> bool:
        start()
        return begun.acquire(blocking=False)

    start = scheduler.in_its_own_thread(act)
    start()
    assert begun.acquire(timeout=20)
    assert not begun_again()
    go.set()
    wait_until(begun_again, timeout=20, late=Failed("it never begins again", hint="look at in_its_own_thread"))


def test_a_host_without_databases_takes_none() -> None:
    assert caught_up(engines=()) == ["files"]
    assert len(planned([], engines=()).jobs) == 2  # the daily turn, and making up for it


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
    home = due.astimezone(HOME)
    assert (home.hour, home.minute) == (2, 30)
    assert timedelta(0) < due - now() <= scheduler.DAY


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_turn_is_missed_exactly_when_its_time_has_passed(ago: int, every: int) -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    last = at - timedelta(seconds=ago)
    assert scheduler.overdue(last, timedelta(seconds=every), at) is (ago >= every)
    assert scheduler.overdue(None, timedelta(seconds=every), at)


def test_what_is_done_again_and_again_is_done_at_once_and_then_in_its_interval() -> None:
    done: list[str] = []
    tidy, look = (lambda: done.append("tidy")), (lambda: done.append("look"))
    kept = scheduler.again([(timedelta(minutes=5), tidy), (timedelta(hours=1), look)], started=lambda act: act)
    assert done == ["tidy", "look"]
    kept.run_all()
    assert done == ["tidy", "look", "tidy", "look"]
    assert sorted(job.interval for job in kept.jobs) == [300, 3600]
