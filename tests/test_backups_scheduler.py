"""The service that asks the rule: what is due is begun, once, on clocks that jump, sleep and stand still."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from backups import scheduler
from backups.debts import SOON, Due
from backups.scheduler import Turn
from effects.clock import awake, wait_until
from estate.problem import Failed

AT = datetime(2026, 11, 22, tzinfo=UTC)
WAIT = SOON.total_seconds()


def turn(done: list[str], due: Due, *, ready: bool = True) -> Turn:
    return Turn(due=lambda _: due, act=lambda: done.append("taken"), ready=lambda: ready)


def test_what_is_due_is_begun_and_what_is_not_is_left() -> None:
    done: list[str] = []
    turn(done, Due.NO).look(AT, 0.0)
    assert not done
    turn(done, Due.TURN, ready=False).look(AT, 0.0)
    assert done == ["taken"]


def test_another_try_is_begun_only_where_it_can_succeed() -> None:
    done: list[str] = []
    turn(done, Due.AGAIN, ready=False).look(AT, 0.0)
    assert not done
    turn(done, Due.AGAIN).look(AT, 0.0)
    assert done == ["taken"]


def test_a_run_that_can_not_be_remembered_is_not_begun_again_at_once() -> None:
    done: list[str] = []
    always = turn(done, Due.TURN)
    for seconds in range(0, int(4 * WAIT), 10):
        always.look(AT, float(seconds))
    assert len(done) == 4


def test_the_clock_on_the_wall_has_no_say_in_intervals() -> None:
    done: list[str] = []
    due = turn(done, Due.TURN)
    due.look(AT, 0.0)
    due.look(AT - timedelta(days=1), WAIT)
    assert len(done) == 2


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


def test_what_breaks_a_turn_is_printed_and_it_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: said.append(hook.exc_type))

    def act() -> None:
        raise KeyError("a fault of ours")

    def said_twice() -> bool:
        start()
        return len(said) >= 2

    start = scheduler.in_its_own_thread(act)
    wait_until(said_twice, timeout=20, late=Failed("it never begins again", hint="look at in_its_own_thread"))
    assert set(said) == {KeyError}


def test_turns_are_looked_at_on_every_tick() -> None:
    done: list[str] = []
    planned = scheduler.plan([turn(done, Due.TURN)], started=lambda act: act)
    scheduler.step(planned, at_once=True)
    assert done == ["taken"]
    assert [(job.interval, job.unit) for job in planned.jobs] == [(10, "seconds")]


def test_what_is_done_again_and_again_has_its_interval_and_a_clock_that_was_set_holds_up_nothing() -> None:
    done: list[str] = []
    tidy, look = (lambda: done.append("tidy")), (lambda: done.append("look"))
    kept = scheduler.again([(timedelta(minutes=5), tidy), (timedelta(hours=1), look)], started=lambda act: act)
    assert [job.interval for job in kept.jobs] == [300, 3600]
    scheduler.step(kept, at_once=False)
    assert not done
    for job in kept.jobs:
        assert job.next_run is not None
        job.next_run += timedelta(days=1)  # as where the clock was set back by a day
    scheduler.step(kept, at_once=True)
    assert sorted(done) == ["look", "tidy"]
    assert {job.next_run - datetime.now() < timedelta(hours=2) for job in kept.jobs if job.next_run} == {True}  # noqa: DTZ005


def test_a_clock_that_was_set_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    walls, seen = iter([0, 1, 2 - 86400, 3 - 86400, 4]), list[bool]()
    boots = iter(range(9))

    def ends(seconds: float) -> None:
        if len(seen) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(scheduler, "now", lambda: AT + timedelta(seconds=next(walls)))
    monkeypatch.setattr(scheduler, "awake", lambda: float(next(boots)))
    monkeypatch.setattr(scheduler, "step", lambda _, *, at_once: seen.append(at_once))
    monkeypatch.setattr("backups.scheduler.time.sleep", ends)
    with pytest.raises(KeyboardInterrupt):
        scheduler.serve(scheduler.again([]))
    assert seen == [True, False, True, False, True]


def test_the_clock_of_intervals_goes_on() -> None:
    before = awake()
    wait_until(lambda: awake() > before, timeout=20, late=Failed("it stands still", hint="look at awake"))
