"""Steps about who may serve: an activation raises the epoch before all else; a return hands it back, then restores.

withdraw   the witnesses let production save again: the twin is frozen, and its last copy is safe
restore    production may run what it is restored with (Admit); once that is proven, all the rest (Give)
"""

from dataclasses import dataclass

from backups import fencing, guarding
from drp import epochs, web
from drp.step import World
from estate.model import Host, Vhost


@dataclass(frozen=True, slots=True)
class Fence:
    """Most witnesses hold this order's epoch for `holder`. Nobody goes on without it."""

    client: Host  # the production host
    holder: str
    vhosts: frozenset[str]
    kind = "fence"
    lane = None

    @property
    def subject(self) -> str:
        return self.client.name

    def proof(self, world: World) -> str | None:
        handed_over = any(map(web.handed_over, self._moved(world)))
        return None if handed_over else fencing.taken(self.client, epochs.wanted(world.job, self.holder))

    def act(self, world: World) -> None:
        web.take_back(self._moved(world))  # whoever is fenced is sent nobody
        fencing.raise_to(world.site, self.client, epochs.wanted(world.job, self.holder))

    def _moved(self, world: World) -> list[Vhost]:
        return [world.site.estate.vhosts[domain] for domain in self.vhosts]


@dataclass(frozen=True, slots=True)
class Admit:
    """Database servers and the web server may run on production, in maintenance. Its cron, mail and backups do not."""

    moved: tuple[Vhost, ...]
    subject: str
    kind = "fence"
    lane = None

    @property
    def vhosts(self) -> frozenset[str]:
        return frozenset(vhost.domain for vhost in self.moved)

    def proof(self, world: World) -> str | None:
        epoch = epochs.of_job(world.job, ())
        there = guarding.known().own >= epoch and guarding.standing() is not guarding.State.HELD
        return f"restored under epoch {epoch}" if there else None

    def act(self, world: World) -> None:
        for vhost in self.moved:  # first: what starts must find it
            web.set_maintenance(vhost, on=True)
        guarding.admit(epochs.of_job(world.job, ()))


@dataclass(frozen=True, slots=True)
class Give:
    """The epoch is production's own: nothing is held back there any more."""

    subject: str
    vhosts: frozenset[str]
    kind = "fence"
    lane = None

    def proof(self, world: World) -> str | None:
        epoch = epochs.of_job(world.job, ())
        there = (guarding.known().given or 0) >= epoch and guarding.standing() is guarding.State.SERVING
        return f"holds epoch {epoch}" if there else None

    def act(self, world: World) -> None:
        guarding.give(epochs.of_job(world.job, ()))
