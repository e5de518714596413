"""Killed at every boundary and run again, a job comes to the same end; what fails stops only its own."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ordered import ordered
from saved_estate import T0, everything, site

from backups.site import Site
from drp import job as jobs
from drp.engine import World, carry_out
from drp.job import Job, JobKind
from drp.plan import Observed, activation
from effects.clock import wait_until
from estate.problem import Failed


class Killed(BaseException):
    """What no `except Problem` may catch, like a kill."""


@dataclass
class Fuse:
    """Burns down by one at every boundary, and kills at zero."""

    left: int = 10**9

    def burn(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


@dataclass(frozen=True)
class Write:
    """A real small act: a file with a line, written and then confirmed."""

    folder: Path
    subject: str
    fuse: Fuse = field(default_factory=Fuse)
    broken: tuple[str, ...] = ()
    shared: frozenset[str] = frozenset()
    lane: str | None = None
    kind = "write"

    @property
    def vhosts(self) -> frozenset[str]:
        return self.shared or frozenset({self.subject.split(":")[0]})

    def proof(self, world: World) -> str | None:
        self.fuse.burn()
        path = self.folder / self.subject
        return "it says done" if path.exists() and path.read_text(encoding="utf-8") == "done" else None

    def act(self, world: World) -> None:
        path = self.folder / self.subject
        self.fuse.burn()
        path.write_text("half", encoding="utf-8")
        self.fuse.burn()
        if self.subject in self.broken:
            raise Failed(f"{self.subject} can't be written", hint="mend it")
        path.write_text("done", encoding="utf-8")
        self.fuse.burn()


SUBJECTS = ("shop:files", "shop:dns", "ledger:files", "ledger:dns")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site(tmp_path_factory.mktemp("estate"), "twin1")


@pytest.fixture
def world(here: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(jobs, "DIRECTORY", tmp_path / "jobs")
    changes = dict.fromkeys(here.estate.vhosts, ())
    seen = Observed(T0, 0, everything(), {}, changes, frozenset(), ())
    plan = activation(here.estate, here.estate.hosts["web1"], here.host, seen)
    job = Job(JobKind.ACTIVATE, plan.seal, plan, T0 + timedelta(minutes=5), ordered(here.estate, plan, T0))
    job.save()
    return World(here, job)


def steps(folder: Path, fuse: Fuse | None = None, broken: tuple[str, ...] = ()) -> list[Write]:
    burning = fuse or Fuse()
    return [Write(folder, subject, burning, broken) for subject in SUBJECTS]


def events(world: World) -> list[tuple[str, str]]:
    return [(entry.event, entry.subject) for entry in world.job.journal.entries()]


def state(folder: Path) -> dict[str, str]:
    return {
        subject: (folder / subject).read_text(encoding="utf-8") for subject in SUBJECTS if (folder / subject).exists()
    }


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


def laned(folder: Path, fuse: Fuse | None = None, broken: tuple[str, ...] = ()) -> list[Write]:
    """The same, where files of both may come before their turn."""
    return [replace(step, lane="files" if "files" in step.subject else None) for step in steps(folder, fuse, broken)]


@dataclass(frozen=True)
class Waiting(Write):
    """One that acts only when another has acted."""

    other: str = ""

    def act(self, world: World) -> None:
        late = Failed(f"{self.other} never came", hint="-")
        wait_until((self.folder / self.other).exists, timeout=20, late=late)
        super().act(world)


def test_what_has_a_lane_is_on_its_way_before_its_turn(world: World, tmp_path: Path) -> None:
    files, dns, later, last = laned(tmp_path)
    patient = Waiting(tmp_path, dns.subject, other=later.subject)  # it would wait for ever if that waited for it
    assert carry_out([files, patient, later, last], world, world.job.journal)
    assert state(tmp_path) == dict.fromkeys(SUBJECTS, "done")


def test_nothing_is_ahead_of_what_stands_before_the_first_of_them(world: World, tmp_path: Path) -> None:
    freeze = Write(tmp_path, "freeze", shared=frozenset({"shop", "ledger"}))
    assert carry_out([freeze, *laned(tmp_path)], world, world.job.journal)
    assert events(world)[1:3] == [("begun", "freeze"), ("done", "freeze")]
    broken = Write(tmp_path, "fence", broken=("fence",), shared=frozenset({"shop", "ledger"}))
    before = len(events(world))
    assert not carry_out([broken, *laned(tmp_path)], world, world.job.journal)
    assert events(world)[before:] == [("opened", ""), ("begun", "fence"), ("failed", "fence"), ("closed", "")]


def test_a_lane_does_one_thing_at_a_time_and_in_order(world: World, tmp_path: Path) -> None:
    mine = [Write(tmp_path, f"v{number}:files", lane="files") for number in range(20)]
    assert carry_out(mine, world, world.job.journal)
    done = [(event, step.subject) for step in mine for event in ("begun", "done")]
    assert events(world) == [("opened", ""), *done, ("closed", "")]


def test_what_two_vhosts_share_is_done_once_in_its_lane(world: World, tmp_path: Path) -> None:
    both = Write(tmp_path, "base", shared=frozenset({"shop", "ledger"}), lane="databases")
    files = laned(tmp_path)
    assert carry_out([files[0], both, files[2], both], world, world.job.journal)
    assert events(world).count(("done", "base")) == 1
    assert ("held", "base") not in events(world)


def test_what_fails_in_its_lane_stops_its_own_vhost_and_no_other(world: World, tmp_path: Path) -> None:
    assert not carry_out(laned(tmp_path, broken=("shop:files",)), world, world.job.journal)
    assert state(tmp_path) == {"shop:files": "half", "ledger:files": "done", "ledger:dns": "done"}
    closed = world.job.journal.entries()[-1].detail
    assert closed == {"ok": False, "failed": ["write shop:files"], "stopped": ["shop"]}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_however_often_it_is_killed_with_lanes_it_comes_to_its_end(
    world: World, tmp_path_factory: pytest.TempPathFactory, fuses: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("lanes")
    for fuse in fuses:
        with suppress(Killed):
            carry_out(laned(folder, Fuse(fuse)), world, world.job.journal)
    assert carry_out(laned(folder), world, world.job.journal)
    assert state(folder) == dict.fromkeys(SUBJECTS, "done")
    assert world.job.journal.entries()[-1].number == len(events(world))  # the chain is whole


@dataclass(frozen=True)
class Bring(Write):
    """One that says how far it got."""

    def until(self, world: World) -> datetime:
        return T0


def test_how_far_a_step_brought_what_was_written_is_written_down_when_it_holds(world: World, tmp_path: Path) -> None:
    for _ in range(2):
        assert carry_out([Bring(tmp_path, "shop:base"), Write(tmp_path, "shop:dns")], world, world.job.journal)
    told = [(entry.event, entry.subject, entry.detail.get("until")) for entry in world.job.journal.entries()]
    assert [one for one in told if one[2]] == [
        ("done", "shop:base", T0.isoformat()),
        ("held", "shop:base", T0.isoformat()),
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
    assert closed == {"ok": False, "failed": ["write shop:files"], "stopped": ["shop"]}
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
