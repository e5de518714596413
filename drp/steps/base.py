"""What steps of one vhost have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from drp.step import Group, World
from estate.model import Vhost
from estate.problem import Problem


@dataclass(frozen=True, slots=True)
class OfVhost:
    """A step that is about one vhost, which can't go on without it."""

    vhost: Vhost

    @property
    def lane(self) -> str | None:
        """It waits for what stands before it."""
        return None

    @property
    def subject(self) -> str:
        return self.vhost.domain

    @property
    def vhosts(self) -> frozenset[str]:
        return frozenset({self.vhost.domain})


@dataclass(frozen=True, slots=True)
class Together(OfVhost):
    """One that vhosts take together: what it proves and does alone is what a group of one does."""

    @property
    def abreast(self) -> int:
        return 1

    def gathered(self, steps: Sequence[Self]) -> Group:
        raise NotImplementedError

    def proof(self, world: World) -> str | None:
        (said,) = self.gathered([self]).proofs(world)
        if isinstance(said, Problem):
            raise said
        return said

    def act(self, world: World) -> None:
        (fault,) = self.gathered([self]).act(world)
        if fault is not None:
            raise fault
