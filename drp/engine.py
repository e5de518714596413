"""Carrying a job out: prove, journal, act, prove, journal. Whoever kills this, the next run continues."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

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

    def proof(self, world: World) -> str | None:
        """Evidence that it holds now."""

    def act(self, world: World) -> None:
        """Make it so. Must be safe to repeat after a crash at any instant."""


@runtime_checkable
class Reaching(Protocol):
    """A step that brings back what was written up to an instant: how far is known when it holds."""

    def until(self, world: World) -> datetime:
        """All that was committed before is there."""


def carry_out(steps: Sequence[Step], world: World, journal: Journal) -> bool:
    """Whether all of it holds. A step that fails stops its own vhosts and no other."""
    job = world.job
    about = {
        "by": job.by,
        "kind": job.kind,
        "host": world.site.host.name,
        "seal": job.seal,
        "ordered": job.ordered.isoformat(),
    }
    signed = job.signed
    plan = as_dict(job.plan)
    journal.write("opened", **about, plan=plan, order=signed.text, signatures=dict(signed.signatures))
    stopped: set[str] = set()
    failed: list[str] = []
    for step in steps:
        if step.vhosts and step.vhosts <= stopped:
            continue
        try:
            _hold(step, world, journal)
        except (Problem, OSError) as fault:
            journal.write("failed", step.kind, step.subject, error=str(_as_problem(fault, world)))
            stopped |= step.vhosts
            failed.append(f"{step.kind} {step.subject}")
    journal.write("closed", ok=not failed, failed=failed, stopped=sorted(stopped))
    return not failed


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
