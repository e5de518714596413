"""What a step is: one act that can prove whether it already holds, and do it; alone, or with others of its kind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar, runtime_checkable

from backups.site import Site
from drp.job import Job
from estate.problem import Failed, Problem

T = TypeVar("T")


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
        """In which a flow brings it before its turn, as it needs nothing of the steps before it; None: it waits.

        Outside of a flow nobody waits for a step that has one, but the end of the job.
        """

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
class Draining(Protocol):
    """A step after which some still go where they went before, for a time that is known when it holds."""

    def drained(self, world: World) -> datetime | None:
        """Nobody does after that; None: nobody did."""


@runtime_checkable
class Following(Protocol):
    """A step that says how far a vhost has come: it has nothing to say where that was stopped before."""

    @property
    def after(self) -> frozenset[str]:
        """The domains that it speaks of."""


@runtime_checkable
class Telling(Protocol):
    """A step that can say what is there where it does not hold."""

    def instead(self, world: World) -> str:
        """In words."""


class Group(Protocol):
    """Steps of one kind in one go: an answer for each, in their order. A fault of one is no fault of another."""

    def proofs(self, world: World) -> Sequence[str | Problem | None]:
        """As `Step.proof` of each."""

    def act(self, world: World) -> Sequence[Problem | None]:
        """As `Step.act` of each; None where nothing went wrong."""


@runtime_checkable
class Gathering(Protocol):
    """A step that costs hardly more for many vhosts than for one: one reload, one message, one look."""

    @property
    def abreast(self) -> int:
        """How many groups of its kind may be on their way at once."""

    def gathered(self, steps: Sequence[Any]) -> Group:
        """All of `steps`, which are of this kind, as one."""


@dataclass(frozen=True, slots=True)
class Each:
    """Steps in turn, where nothing is gained by doing them as one."""

    steps: Sequence[Step]

    def proofs(self, world: World) -> list[str | Problem | None]:
        return [tried(step.proof, world) for step in self.steps]

    def act(self, world: World) -> list[Problem | None]:
        return [tried(step.act, world) for step in self.steps]


def tried(talk: Callable[[World], T], world: World) -> T | Problem:
    """What it gives, or why it does not."""
    try:
        return talk(world)
    except (Problem, OSError) as fault:
        return as_problem(fault, world)


def as_problem(fault: Problem | OSError, world: World) -> Problem:
    """A full disk or a missing file stops one vhost like any other fault, not the job with a traceback."""
    if isinstance(fault, Problem):
        return fault
    where = f"{fault.filename}: " if fault.filename else ""
    return Failed(
        f"{world.site.host.name}: {where}{fault.strerror or fault}",
        hint="make room or mend rights there, then run the same command again",
    )
