"""The step by which the company that runs production stops it."""

from dataclasses import dataclass

from drp import hosting
from drp.step import World
from estate.model import Host


@dataclass(frozen=True, slots=True)
class Cut:
    """What is on production's disks does not run. Nobody waits for it: the witnesses refuse production already."""

    client: Host
    after: frozenset[str]  # where the fence stopped all of these, somebody else's order counts, and nothing is cut
    vhosts: frozenset[str] = frozenset()
    kind = "cut"
    lane = "cut"

    @property
    def subject(self) -> str:
        return self.client.name

    def proof(self, world: World) -> str | None:
        return hosting.machine(self.client).stopped()

    def act(self, world: World) -> None:
        hosting.machine(self.client).stop()
