"""Steps that bring files and databases beside what stands there, while somebody else still serves."""

from dataclasses import dataclass

from backups import restore
from backups.engines import server
from backups.proof.hydrate import hydrate
from backups.streams.instant import noted
from backups.streams.tails import WITHOUT, tails
from drp.step import World
from drp.steps.base import OfVhost
from effects.clock import wait_until
from estate.model import Engine, Host
from estate.points import FILES, Archive
from estate.problem import Failed


@dataclass(frozen=True, slots=True)
class WarmFiles(OfVhost):
    """The vhost of the archive stands ready beside the one that is here."""

    archive: Archive
    kind = "warm"
    lane = "files"

    def proof(self, world: World) -> str | None:
        target = restore.target_of(self.vhost)
        return f"{target.top} holds {self.archive.name}" if target.holds(self.archive) else None

    def act(self, world: World) -> None:
        restore.require_swappable(self.vhost)
        source = world.site.estate.hosts[self.archive.host]
        repository = world.site.repository(source, FILES, self.archive.side)
        hydrate(repository, self.archive, restore.target_of(self.vhost))


@dataclass(frozen=True, slots=True)
class WarmDatabase:
    """So does the data of a database server, and its stream can be followed from there."""

    engine: Engine
    archive: Archive
    vhosts: frozenset[str]
    kind = "warm"
    lane = "databases"

    @property
    def subject(self) -> str:
        return str(self.engine)

    def proof(self, world: World) -> str | None:
        target = restore.data_of(server(self.engine))
        if not target.holds(self.archive):
            return None
        source = world.site.estate.hosts[self.archive.host]
        if WITHOUT.exists() or noted(world.site, source, self.archive) is None:
            return f"{target.top} holds {self.archive.name}, which no stream goes on from"
        there = _followed(world, source, self.archive)
        return f"{target.top} holds {self.archive.name}, and the stream goes on from there" if there else None

    def act(self, world: World) -> None:
        mine = server(self.engine)
        restore.require_renamable(mine)
        source = world.site.estate.hosts[self.archive.host]
        repository = world.site.repository(source, self.archive.kind, self.archive.side)
        hydrate(repository, self.archive, restore.data_of(mine))
        late = Failed(
            f"the stream of {source.name}'s {self.engine} does not go on from {self.archive.name}",
            hint=f"look at it: seawall backup stream status, on {source.name}; or return without it, with a longer"
            f" freeze: touch {WITHOUT} there and on {world.site.host.name}",
        )
        wait_until(lambda: self.proof(world) is not None, timeout=30, late=late, every=0.5)


def _followed(world: World, source: Host, archive: Archive) -> bool:
    return archive.id in tails(world.site, source, (archive,))[0]
