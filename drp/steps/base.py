"""What steps of one vhost have in common."""

from dataclasses import dataclass

from estate.model import Vhost


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
