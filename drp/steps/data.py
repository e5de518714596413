"""Steps that bring files and databases, or save them."""

import time
from dataclasses import dataclass
from datetime import datetime

from backups import memory, restore, take
from backups.engines import server
from backups.mark import Mark
from backups.memory import Taken
from backups.replicas.promoting import promote
from backups.streams.forward import forward
from drp import streamed, web
from drp.step import World
from drp.steps.base import OfVhost
from effects.clock import Stopwatch, now, wait_until
from effects.run import attempt
from estate.model import Engine, Vhost
from estate.points import FILES, Archive, Kind, Tail
from estate.problem import Failed

STREAM = 15.0  # seconds that a side may take to have the end of a stream: an idle one says so every three
LOOK = 0.2


def _order(world: World) -> str:
    return world.job.seal[:12]


@dataclass(frozen=True, slots=True)
class Files(OfVhost):
    """The vhost's directory, certificates and further paths are those of the archive."""

    archive: Archive
    along: tuple[Vhost, ...] = ()  # others of that archive, which is read once for all that stand ready
    kind = "files"
    lane = "files"

    def proof(self, world: World) -> str | None:
        there = restore.placed(self.archive, self.vhost)
        return f"{self.vhost.directory} comes from {self.archive.name}" if there else None

    def act(self, world: World) -> None:
        source = world.site.estate.hosts[self.archive.host]
        repository = world.site.repository(source, FILES, self.archive.side)
        restore.bring_beside(repository, self.archive, self.vhost, self.along)
        restore.place_files(repository, self.archive, self.vhost, restore.kept_below(world.job.seal))


@dataclass(frozen=True, slots=True)
class Database:
    """The engine serves the databases of the archive."""

    engine: Engine
    archive: Archive
    vhosts: frozenset[str]
    names: frozenset[str]
    tail: Tail | None = None  # the stream that it is brought on by
    replica: bool = False  # go on from this host's replica, where it is good
    at: datetime | None = None  # no further than that
    standing: bool = False  # other vhosts are served from it already, and write
    kind = "database"
    lane = "databases"

    @property
    def subject(self) -> str:
        return str(self.engine)

    def proof(self, world: World) -> str | None:
        mine, mark = server(self.engine), Mark(self.engine)
        beyond = mark.beyond
        if not mark.holds(self.archive, mine.data) or (self.tail is not None and beyond is None):
            return None
        if not self.standing and not mark.of_order(_order(world)):
            return None  # brought for an order that was cancelled, or returned from: it lacks what came in since
        if attempt(["systemctl", "is-active", "--quiet", mine.unit], timeout=30).code != 0:
            mine.start()  # swapped, then killed before the start: the data is the right one
        missing = self.names - mine.databases()
        comes = f"{self.archive.name} {beyond.said}" if beyond else self.archive.name
        return None if missing else f"{mine.unit} serves {', '.join(sorted(self.names))} from {comes}"

    def until(self, world: World) -> datetime:
        beyond = Mark(self.engine).beyond
        return beyond.until if beyond else self.archive.taken

    def act(self, world: World) -> None:
        source = world.site.estate.hosts[self.archive.host]
        mine, kept = server(self.engine), _order(world)
        if self.standing:
            raise Failed(
                f"{world.site.host.name}: {mine.unit} serves other vhosts, and does not stand on {self.archive.name}",
                hint=f"look at {mine.data} and at: seawall drp status; it is not replaced while they write",
            )
        restore.require_renamable(mine)
        why = ""
        if self.replica and self.tail is not None:
            promoted = promote(world.site, source, self.archive, self.tail, kept)
            if promoted.data is not None:
                restore.take_place(promoted.data, mine, kept)
                return
            why = f" ({promoted.said})"
        repository = world.site.repository(source, self.archive.kind, self.archive.side)
        onward = forward(world.site, source, self.archive, self.tail, why, self.at) if self.tail is not None else None
        restore.place_database(repository, self.archive, mine, kept, onward)


@dataclass(frozen=True, slots=True)
class Save:
    """What was written until the freeze is in an archive: later is fine, earlier is not.

    With nothing frozen yet it is the archive taken ahead, so that little is left to be moved after the freeze.
    """

    what: Kind
    vhosts: frozenset[str]
    frozen: tuple[Vhost, ...] = ()
    kind = "save"
    lane = None

    @property
    def subject(self) -> str:
        return str(self.what) if self.frozen else f"{self.what} ahead"

    def proof(self, world: World) -> str | None:
        # What this host has not saved nobody has: the sides are asked only about what it has.
        saved = [at for at in memory.known(self.what).saved.values() if at]
        if max(saved, default=self._since(world)) <= self._since(world):
            return None
        found, _ = world.site.archives(world.site.host, (self.what,))
        there = next((archive for archive in reversed(found) if archive.taken > self._since(world)), None)
        if there is not None and self.frozen:
            streamed.keep_saved(world.job, there)
        return there.name if there is not None else None

    def act(self, world: World) -> None:
        stuck = Failed("the clock stands still", hint="look at the clock of the host, then run the same command again")
        wait_until(lambda: now().replace(microsecond=0) > self._since(world), timeout=5, late=stuck)
        taken = self._take(world)
        memory.remember(taken)
        if all(one.error for one in taken):
            raise Failed(
                f"{world.site.host.name}: {self.what} could be saved nowhere: {taken[0].error}",
                hint="bring a backup server back, then run the same command again",
            )

    def _since(self, world: World) -> datetime:
        return web.frozen_at(self.frozen) if self.frozen else world.job.ordered

    def _take(self, world: World) -> list[Taken]:
        if self.what == FILES:
            return take.files_archive(world.site, now(), _quiet)
        return take.snapshots(world.site, now(), _quiet, Engine(self.what))


@dataclass(frozen=True, slots=True)
class Stream:
    """What a database server took in until the freeze is safe: in its stream, which goes on from the snapshot that was
    taken ahead; or, where no side has it all, in a snapshot taken now."""

    engine: Engine
    snapshot: Save  # after the freeze
    kind = "save"
    lane = None

    @property
    def subject(self) -> str:
        return str(self.engine)

    @property
    def vhosts(self) -> frozenset[str]:
        return self.snapshot.vhosts

    def proof(self, world: World) -> str | None:
        if tail := streamed.known(world.job, self.engine, web.still_since()):
            return f"its stream, up to {tail.position}: all before {tail.until.isoformat(timespec='milliseconds')}"
        return self.snapshot.proof(world)

    def act(self, world: World) -> None:
        watch, since = Stopwatch(), web.still_since()
        ahead = next((one for one in streamed.warm(world.job) if one.kind is self.engine), None)
        while ahead and since and watch.seconds < STREAM:
            if tail := streamed.look(world.site, ahead, since):
                streamed.keep(world.job, tail)
                return
            time.sleep(LOOK)
        self.snapshot.act(world)


def _quiet(line: str) -> None:
    """The journal says it already."""
