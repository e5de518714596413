"""Vhosts that flow: ahead in lanes, together where that is cheaper, each by itself where something fails."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from acts import SUBJECTS, Fuse, Killed, Write, events, state, steps
from acts import here as here
from acts import world as world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drp.engine import carry_out
from drp.flow import Flow
from drp.step import Each, World
from effects.clock import wait_until
from estate.problem import Failed, Problem


def flow(*mine: Write) -> Flow:
    """Those of each vhost together, in the order in which they are given; files have a lane."""
    laned = [replace(step, lane="files" if step.subject.endswith("files") else step.lane) for step in mine]
    first = dict.fromkeys(step.subject.split(":")[0] for step in laned if not step.shared)
    return Flow(tuple(tuple(s for s in laned if domain in s.vhosts) for domain in first))


def laned(folder: Path, fuse: Fuse | None = None, broken: tuple[str, ...] = ()) -> list[Flow]:
    """The same, as a flow."""
    return [flow(*steps(folder, fuse, broken))]


@dataclass(frozen=True)
class Waiting(Write):
    """One that acts only when another has acted."""

    other: str = ""

    def act(self, world: World) -> None:
        late = Failed(f"{self.other} never came", hint="-")
        wait_until((self.folder / self.other).exists, timeout=20, late=late)
        super().act(world)


def test_what_has_a_lane_is_on_its_way_before_its_turn(world: World, tmp_path: Path) -> None:
    files, dns, later, last = steps(tmp_path)
    patient = Waiting(tmp_path, dns.subject, other=last.subject)  # it would wait for ever if that waited for it
    assert carry_out([flow(files, patient, later, last)], world, world.job.journal)
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
    mine = [Write(tmp_path, f"v{number}:files") for number in range(20)]
    assert carry_out([flow(*mine)], world, world.job.journal)
    done = [(event, step.subject) for step in mine for event in ("begun", "done")]
    assert events(world) == [("opened", ""), *done, ("closed", "")]


def test_what_two_vhosts_share_is_done_once_in_its_lane(world: World, tmp_path: Path) -> None:
    both = Write(tmp_path, "base", shared=frozenset({"shop", "ledger"}), lane="databases")
    assert carry_out([flow(*steps(tmp_path), both)], world, world.job.journal)
    assert events(world).count(("done", "base")) == 1
    assert ("held", "base") not in events(world)


def test_what_fails_in_its_lane_stops_its_own_vhost_and_no_other(world: World, tmp_path: Path) -> None:
    assert not carry_out(laned(tmp_path, broken=("shop:files",)), world, world.job.journal)
    assert state(tmp_path) == {"shop:files": "half", "ledger:files": "done", "ledger:dns": "done"}
    closed = world.job.journal.entries()[-1].detail
    assert closed == {"ok": False, "failed": ["write shop:files"], "stopped": ["shop"], "left": []}


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
class Many(Write):
    """One that several vhosts take together; how many at a time is noted."""

    together: list[int] = field(default_factory=list)
    kind = "together"
    abreast = 1

    def gathered(self, steps: Sequence["Many"]) -> "Together":
        return Together(steps)


@dataclass(frozen=True)
class Together:
    steps: Sequence[Many]

    def proofs(self, world: World) -> list[str | Problem | None]:
        return Each(self.steps).proofs(world)

    def act(self, world: World) -> list[Problem | None]:
        self.steps[0].together.append(len(self.steps))
        return Each(self.steps).act(world)


def gathering(folder: Path, count: int, *, broken: str = "", fuse: Fuse | None = None) -> tuple[Flow, list[int]]:
    """Vhosts of which none is served before all files are there, where nobody is killed."""
    together: list[int] = []
    burning = fuse or Fuse()
    names = [f"v{number}" for number in range(count)]
    last = f"{names[-1]}:files"
    ways = tuple(
        (
            Write(folder, f"{name}:files", burning, lane="files"),
            Write(folder, f"{name}:serve", burning) if fuse else Waiting(folder, f"{name}:serve", other=last),
            Many(folder, f"{name}:dns", burning, (broken,), together=together),
        )
        for name in names
    )
    return Flow(ways), together


def test_those_that_stand_ready_share_an_act(world: World, tmp_path: Path) -> None:
    flow, together = gathering(tmp_path, 12)
    assert carry_out([flow], world, world.job.journal)
    assert sum(together) == 12
    assert len(together) < 12, "each went alone"
    assert {subject for event, subject in events(world) if event == "done"} >= {
        f"v{number}:dns" for number in range(12)
    }


def test_one_that_fails_among_many_stops_no_other(world: World, tmp_path: Path) -> None:
    flow, _ = gathering(tmp_path, 6, broken="v3:dns")
    assert not carry_out([flow], world, world.job.journal)
    closed = world.job.journal.entries()[-1].detail
    assert closed == {"ok": False, "failed": ["together v3:dns"], "stopped": ["v3"], "left": []}
    assert sum(subject.endswith(":dns") for event, subject in events(world) if event == "done") == 5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_killed_among_many_the_next_run_comes_to_the_same_end(
    world: World, tmp_path_factory: pytest.TempPathFactory, fuses: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("many")
    for fuse in fuses:
        with suppress(Killed, Failed):
            carry_out([gathering(folder, 4, fuse=Fuse(fuse))[0]], world, world.job.journal)
    assert carry_out([gathering(folder, 4)[0]], world, world.job.journal)
    assert {path.read_text(encoding="utf-8") for path in folder.iterdir()} == {"done"}
    assert len(list(folder.iterdir())) == 12
    assert world.job.journal.entries()[-1].number == len(events(world))  # the chain is whole


def test_the_first_waits_for_none_of_the_others(world: World, tmp_path: Path) -> None:
    slow = Waiting(tmp_path, "ledger:files", other="shop:dns", lane="files")  # brought only when shop is announced
    ways = (
        (Write(tmp_path, "shop:files", lane="files"), Write(tmp_path, "shop:dns")),
        (slow, Write(tmp_path, "ledger:dns")),
    )
    assert carry_out([Flow(ways)], world, world.job.journal)
    assert state(tmp_path) == dict.fromkeys(SUBJECTS, "done")
