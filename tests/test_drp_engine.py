"""Killed at every boundary and run again, a job comes to the same end; what fails stops only its own."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from acts import SUBJECTS, Fuse, Killed, Write, events, state, steps
from acts import here as here
from acts import world as world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from saved_estate import T0

from backups import memory
from drp import job as jobs
from drp.engine import carry_out
from drp.step import World
from drp.steps import for_job, service
from effects.clock import wait_until
from effects.run import Result
from estate.problem import Failed


def test_all_of_it_is_done_and_written_down_in_order(world: World, tmp_path: Path) -> None:
    assert carry_out(steps(tmp_path), world, world.job.journal)
    assert events(world) == [
        ("opened", ""),
        *((event, subject) for subject in SUBJECTS for event in ("begun", "done")),
        ("closed", ""),
    ]
    opened = world.job.journal.entries()[0].detail
    assert (opened["by"], opened["seal"], opened["kind"]) == ("alice", world.job.seal, "activate")
    assert jobs.closed_well(world.job.journal)


@dataclass(frozen=True)
class Bring(Write):
    """One that says how far it got, and until when some go elsewhere."""

    def until(self, world: World) -> datetime:
        return T0

    def drained(self, world: World) -> datetime:
        return T0 + timedelta(seconds=60)


def test_how_far_a_step_brought_what_was_written_is_written_down_when_it_holds(world: World, tmp_path: Path) -> None:
    for _ in range(2):
        assert carry_out([Bring(tmp_path, "shop:base"), Write(tmp_path, "shop:dns")], world, world.job.journal)
    told = [(entry.event, entry.subject, entry.detail.get("until")) for entry in world.job.journal.entries()]
    assert [one for one in told if one[2]] == [
        ("done", "shop:base", T0.isoformat()),
        ("held", "shop:base", T0.isoformat()),
    ]
    later = (T0 + timedelta(seconds=60)).isoformat()
    assert [entry.event for entry in world.job.journal.entries() if entry.detail.get("drained") == later] == [
        "done",
        "held",
    ]


def test_a_second_run_finds_that_it_holds_and_acts_on_nothing(world: World, tmp_path: Path) -> None:
    carry_out(steps(tmp_path), world, world.job.journal)
    before = len(events(world))
    assert carry_out(steps(tmp_path), world, world.job.journal)
    assert {event for event, _ in events(world)[before:]} == {"opened", "held", "closed"}


def test_killed_at_any_boundary_the_next_run_comes_to_the_same_end(world: World, tmp_path: Path) -> None:
    boundaries = 0
    for fuse in range(1, 200):
        folder = tmp_path / str(fuse)
        folder.mkdir()
        try:
            carry_out(steps(folder, Fuse(fuse)), world, world.job.journal)
        except Killed:
            boundaries += 1
        else:
            break
        assert not jobs.closed_well(world.job.journal)
        assert carry_out(steps(folder), world, world.job.journal)
        assert state(folder) == dict.fromkeys(SUBJECTS, "done")
    assert boundaries == 5 * len(SUBJECTS)
    assert world.job.journal.entries()[-1].number == len(events(world))  # the chain is whole


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_however_often_it_is_killed_it_comes_to_its_end(
    world: World, tmp_path_factory: pytest.TempPathFactory, fuses: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    for fuse in fuses:
        try:
            carry_out(steps(folder, Fuse(fuse)), world, world.job.journal)
        except Killed:
            continue
    assert carry_out(steps(folder), world, world.job.journal)
    assert state(folder) == dict.fromkeys(SUBJECTS, "done")


def test_what_fails_stops_its_own_vhost_and_no_other(world: World, tmp_path: Path) -> None:
    assert not carry_out(steps(tmp_path, broken=("shop:files",)), world, world.job.journal)
    assert state(tmp_path) == {"shop:files": "half", "ledger:files": "done", "ledger:dns": "done"}
    closed = world.job.journal.entries()[-1].detail
    assert closed == {"ok": False, "failed": ["write shop:files"], "stopped": ["shop"], "left": []}
    assert not jobs.closed_well(world.job.journal)
    assert carry_out(steps(tmp_path), world, world.job.journal)
    assert state(tmp_path) == dict.fromkeys(SUBJECTS, "done")


def test_what_two_vhosts_share_goes_on_for_the_one_that_still_can(world: World, tmp_path: Path) -> None:
    shared = Write(tmp_path, "both", shared=frozenset({"shop", "ledger"}))
    mine = [steps(tmp_path, broken=("shop:files",))[0], shared]
    carry_out(mine, world, world.job.journal)
    assert (tmp_path / "both").read_text(encoding="utf-8") == "done"


def test_what_nobody_waits_for_stops_nobody(world: World, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Told(Write):
        kind = "ticket"

        @property
        def vhosts(self) -> frozenset[str]:
            return frozenset()

    mine = [Told(tmp_path, "shop:ticket", broken=("shop:ticket",)), *steps(tmp_path)]
    assert not carry_out(mine, world, world.job.journal)
    assert state(tmp_path) == dict.fromkeys(SUBJECTS, "done")


def test_an_act_that_changes_nothing_is_no_success(world: World, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Idle(Write):
        def act(self, world: World) -> None:
            """Nothing at all."""

    assert not carry_out([Idle(tmp_path, "shop:files")], world, world.job.journal)
    failed = next(entry for entry in world.job.journal.entries() if entry.event == "failed")
    assert "done, but it does not hold" in str(failed.detail["error"])
    assert "hint:" in str(failed.detail["error"])


def test_a_disk_that_is_full_is_a_failed_step_and_no_traceback(world: World, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Full(Write):
        def act(self, world: World) -> None:
            raise OSError(28, "No space left on device", "/srv/vhosts")

    mine = [Full(tmp_path, "shop:files"), *steps(tmp_path)[2:]]
    assert not carry_out(mine, world, world.job.journal)
    failed = next(entry for entry in world.job.journal.entries() if entry.event == "failed")
    assert "No space left on device" in str(failed.detail["error"])
    assert state(tmp_path) == {"ledger:files": "done", "ledger:dns": "done"}


@dataclass(frozen=True)
class Beside(Write):
    """One that nobody waits for; it ends only when the others have."""

    after: frozenset[str] = frozenset({"shop", "ledger"})

    @property
    def vhosts(self) -> frozenset[str]:
        return frozenset()

    def act(self, world: World) -> None:
        late = Failed("the others wait for it", hint="-")
        wait_until((self.folder / SUBJECTS[-1]).exists, timeout=20, late=late)
        super().act(world)


def test_nobody_waits_for_a_step_with_a_lane_and_its_failure_stops_nobody(world: World, tmp_path: Path) -> None:
    assert carry_out([Beside(tmp_path, "cut", lane="cut"), *steps(tmp_path)], world, world.job.journal)
    assert state(tmp_path) == dict.fromkeys(SUBJECTS, "done")
    assert (tmp_path / "cut").read_text(encoding="utf-8") == "done"
    broken = Beside(tmp_path, "broken", lane="cut", broken=("broken",))
    assert not carry_out([broken, *steps(tmp_path)], world, world.job.journal)
    closed = world.job.journal.entries()[-1].detail
    assert (closed["failed"], closed["stopped"]) == (["write broken"], [])


def test_where_the_fence_was_refused_nothing_is_cut(world: World, tmp_path: Path) -> None:
    fence = Write(tmp_path, "fence", broken=("fence",), shared=frozenset({"shop", "ledger"}))
    assert not carry_out([fence, Beside(tmp_path, "cut", lane="cut")], world, world.job.journal)
    assert not (tmp_path / "cut").exists()


@dataclass(frozen=True)
class Served(Write):
    """One that lets visitors in."""

    kind = "serve"


@pytest.mark.parametrize(("opened", "started"), [(False, []), (True, [["systemctl", "enable", "--now", "one", "two"]])])
def test_what_is_open_is_saved_though_no_name_could_be_switched(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: bool, started: list[list[str]]
) -> None:
    runs: list[list[str]] = []
    monkeypatch.setattr(service, "attempt", lambda argv, **_: Result(tuple(argv), 0 if runs else 3, "", ""))
    monkeypatch.setattr(service, "run", lambda argv, **_: runs.append(argv))
    monkeypatch.setattr(memory, "forget", lambda: None)
    last = service.Schedule("twin1", on=True, opened=frozenset({"shop.example"}), units=("one", "two"))
    world.job.journal.write("done", "serve", "shop.example")  # earlier: who fails at the fence now changes nothing
    serve = Served(tmp_path, "shop.example" if opened else "docs.example")
    broken = Write(tmp_path, "shop.example:dns", broken=("shop.example:dns",))
    assert not carry_out([serve, broken, last], world, world.job.journal)
    assert runs == started
    assert [e.event for e in world.job.journal.entries() if e.step == "schedule"][-1] == ("done" if opened else "held")


def test_an_activation_ends_with_saving_whoever_it_opened(world: World) -> None:
    *_, last = for_job(world.job, world.site.estate, world.site.estate.hosts["twin1"])
    assert isinstance(last, service.Schedule)
    assert last.opened == {move.domain for move in world.job.plan.moves}
