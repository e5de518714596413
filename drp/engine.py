"""Carrying a job out: prove, journal, act, prove, journal. Whoever kills this, the next run continues."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self, runtime_checkable

from backups.site import Site
from drp.job import Job, as_dict
from effects.journal import Journal
from estate.problem import Failed, Problem


@dataclass(frozen=True, slots=True)
class World:
    """What a step may use."""

    site: Site
    job: Job


class Step(Protocol):
    """One act that can prove whether it already holds, and do it.

    `proof` returns evidence, as a short sentence, or None where it does not hold. It changes nothing.
    """

    @property
    def kind(self) -> str:
        """files, database, serve, …"""

    @property
    def subject(self) -> str:
        """A domain, an engine, or the host."""

    @property
    def vhosts(self) -> frozenset[str]:
        """The domains that can't go on without it; none where people should rather not wait for it."""

    @property
    def lane(self) -> str | None:
        """In which it may begin before its turn, as it needs nothing of the steps before it; None: it waits."""

    def proof(self, world: World) -> str | None:
        """Evidence that it holds now."""

    def act(self, world: World) -> None:
        """Make it so. Must be safe to repeat after a crash at any instant."""


@runtime_checkable
class Reaching(Protocol):
    """A step that brings back what was written up to an instant: how far is known when it holds."""

    def until(self, world: World) -> datetime:
        """All that was committed before is there."""


@runtime_checkable
class Following(Protocol):
    """A step that says how far a vhost has come: it has nothing to say where that was stopped before."""

    @property
    def after(self) -> frozenset[str]:
        """The domains that it speaks of."""


def carry_out(steps: Sequence[Step], world: World, journal: Journal) -> bool:
    """Whether all of it holds. A step that fails stops its own vhosts and no other."""
    _open(world, journal)
    stopped: set[str] = set()
    failed: list[str] = []
    with Ahead(world, journal) as ahead:
        for number, step in enumerate(steps):
            if _idle(step, stopped):
                continue
            if step.lane and not ahead.begun:
                ahead.begin([one for one in steps[number:] if not _idle(one, stopped)])
            try:
                ahead.hold(step)
            except Problem:
                stopped |= step.vhosts
                failed.append(f"{step.kind} {step.subject}")
    journal.write("closed", ok=not failed, failed=failed, stopped=sorted(stopped))
    return not failed


def _idle(step: Step, stopped: set[str]) -> bool:
    """Whether nobody needs it any more, or it has nothing to say."""
    about = step.after if isinstance(step, Following) else step.vhosts
    return bool(about) and about <= stopped


def _open(world: World, journal: Journal) -> None:
    job = world.job
    about = {
        "by": job.by,
        "kind": job.kind,
        "host": world.site.host.name,
        "seal": job.seal,
        "ordered": job.ordered.isoformat(),
    }
    plan = as_dict(job.plan)
    journal.write("opened", **about, plan=plan, order=job.signed.text, signatures=dict(job.signed.signatures))


class Ahead:
    """Steps with a lane, on their way before the loop comes to them: each lane does its own in order, one at a time.

    So what a vhost further down needs is brought while the ones before it are proven and announced. Nothing begins
    ahead before all that stands in front of the first of them is over: a freeze, a fence.
    """

    def __init__(self, world: World, journal: Journal) -> None:
        self._world, self._journal = world, journal
        self._lanes: dict[str, ThreadPoolExecutor] = {}
        self._going: dict[tuple[str, str], Future[None]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for lane in self._lanes.values():
            lane.shutdown(cancel_futures=True)

    @property
    def begun(self) -> bool:
        """Whether any are on their way."""
        return bool(self._going)

    def begin(self, steps: Sequence[Step]) -> None:
        """Those of `steps` that have a lane; what several vhosts share is done once."""
        for step in steps:
            key = (step.kind, step.subject)
            if step.lane and key not in self._going:
                lane = self._lanes.setdefault(step.lane, ThreadPoolExecutor(max_workers=1))
                self._going[key] = lane.submit(_hold, step, self._world, self._journal)

    def hold(self, step: Step) -> None:
        """Wait for it, or do it now. Raises the Problem for which it does not hold; the journal has it by then."""
        going = self._going.get((step.kind, step.subject))
        if going is None:
            _hold(step, self._world, self._journal)
        else:
            going.result()


def _as_problem(fault: Problem | OSError, world: World) -> Problem:
    """A full disk or a missing file stops one vhost like any other fault, not the job with a traceback."""
    if isinstance(fault, Problem):
        return fault
    where = f"{fault.filename}: " if fault.filename else ""
    return Failed(
        f"{world.site.host.name}: {where}{fault.strerror or fault}",
        hint="make room or mend rights there, then run the same command again",
    )


def _hold(step: Step, world: World, journal: Journal) -> None:
    try:
        _prove_act_prove(step, world, journal)
    except (Problem, OSError) as fault:
        problem = _as_problem(fault, world)
        journal.write("failed", step.kind, step.subject, error=str(problem))
        raise problem from None


def _prove_act_prove(step: Step, world: World, journal: Journal) -> None:
    if seen := step.proof(world):
        journal.write("held", step.kind, step.subject, evidence=seen, **_reached(step, world))
        return
    journal.write("begun", step.kind, step.subject)
    step.act(world)
    seen = step.proof(world)
    if seen is None:
        raise Failed(
            f"{world.site.host.name}: {step.kind} {step.subject}: done, but it does not hold",
            hint="look at the host, then run the same command again",
        )
    journal.write("done", step.kind, step.subject, evidence=seen, **_reached(step, world))


def _reached(step: Step, world: World) -> dict[str, str]:
    return {"until": step.until(world).isoformat()} if isinstance(step, Reaching) else {}
