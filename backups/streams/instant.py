"""One database server as it was at an instant: a snapshot from before, brought forward in its log.

Nothing that serves is touched. What comes out is a scratch server in a closed directory, from which a database is taken
to the side.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backups import paths
from backups.engines import Server, server
from backups.site import Site
from backups.streams import notes
from backups.streams.frames import Position
from backups.streams.mirror import Mirror
from backups.streams.notes import Note
from backups.streams.replay import Goal, Log, replay, stop_at
from backups.streams.scratch import Scratch
from backups.streams.transactions import Transaction
from effects import files
from effects.onhost import encrypted
from effects.run import run
from estate.model import Engine, Host
from estate.points import Archive
from estate.problem import Failed, Missing, Problem, Refused

ROOMS = paths.STATE / "instants"
NOTES = paths.STATE / "stream" / "notes"  # by archive id, which never changes
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a scratch server stands, and what it does not have."""

    archive: Archive
    position: Position | None  # None: the snapshot alone, which is in no stream
    stop: Transaction | None  # the first that did not happen in it
    replayed: int  # transactions
    left: int  # transactions that are in the stream and not in it
    until: datetime | None  # up to when the stream is whole
    faults: tuple[str, ...]


def noted(site: Site, client: Host, archive: Archive) -> Note | None:
    """Where the archive stands in its chain; asked once, since an archive never changes. Raises Problem."""
    kept = NOTES / f"{archive.id}.json"
    if not kept.exists():
        comment = site.repository(client, archive.kind, archive.side).comment(archive)
        NOTES.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(kept, comment, mode=0o600)
    return notes.read(kept.read_text(encoding="utf-8"))


def logs(site: Site, client: Host, engine: Engine, goal: Goal, into: Path) -> Iterator[tuple[Archive, Log, list[str]]]:
    """Snapshots from before the goal, newest first, each with the log that follows it, unsealed below `into`."""
    archives, faults = site.archives(client, (engine,))
    said = [fault.what for fault in (*faults, *Mirror.of(client).fetch(site))]
    tried = set[Position]()
    for archive in reversed(archives):
        note = noted(site, client, archive)
        if note is None or note.position in tried or (goal.at is not None and note.at > goal.at):
            continue
        tried.add(note.position)
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(mode=0o700, parents=True)
        found, bad = Mirror.of(client).unseal(engine, note.chain, Position(note.position.name, 0), into)
        if found.end.order >= note.position.order:
            yield archive, Log(engine, into, found, note), [*said, *bad]
    if not tried:
        raise Missing(
            f"there is no snapshot of {client.name}'s {engine} from before that, with a place in the stream"
            + "".join(f"\n{one}" for one in said),
            hint="choose a later instant; seawall backup list shows the snapshots",
        )


@contextmanager
def opened(site: Site, client: Host, engine: Engine, goal: Goal, say: Say) -> Iterator[tuple[Scratch, Reached]]:
    """A scratch server at the goal; it is gone, with its directory, when the context is left. Raises Problem."""
    with _roomed(engine) as scratch:
        yield scratch, _reach(site, client, goal, scratch, say)


@contextmanager
def alone(site: Site, client: Host, archive: Archive, say: Say) -> Iterator[tuple[Scratch, Reached]]:
    """A scratch server as `archive` has it, without the stream: also where there is none, or nobody may read it."""
    with _roomed(Engine(archive.kind)) as scratch:
        say(f"{archive.kind}: {archive.name} from the {archive.side} side")
        place(site, client, archive, scratch)
        scratch.start()
        yield scratch, Reached(archive, None, None, 0, 0, archive.taken, ())


@contextmanager
def _roomed(engine: Engine) -> Iterator[Scratch]:
    mine = server(engine)
    room = ROOMS / engine
    with files.locked(ROOMS / f"{engine}.lock", what=f"a restore of {engine} to an instant"):
        scratch = Scratch(mine, room / "data", room)
        scratch.stop()  # of a run that was killed
        fresh(room, mine)
        try:
            yield scratch
        finally:
            scratch.stop()
            shutil.rmtree(room, ignore_errors=True)


def fresh(room: Path, mine: Server) -> None:
    """An empty room, closed to all but root and the server's user."""
    shutil.rmtree(room, ignore_errors=True)
    ROOMS.mkdir(mode=0o711, parents=True, exist_ok=True)
    room.mkdir(mode=0o700)
    encrypted.follow(str(room))
    shutil.chown(room, mine.owner, mine.owner)


def _reach(site: Site, client: Host, goal: Goal, scratch: Scratch, say: Say) -> Reached:
    engine = scratch.server.engine
    say(f"{engine}: looking for a snapshot, and at the stream after it")
    refused: Problem | None = None
    for archive, log, faults in logs(site, client, engine, goal, scratch.room / "log"):
        try:
            stop, found = stop_at(log, goal)
        except Refused as fault:
            refused = refused or fault
            continue
        say(f"{engine}: {archive.name} from the {archive.side} side")
        place(site, client, archive, scratch)
        wanted = found.index(stop) if stop is not None else len(found)
        say(f"{engine}: {wanted} transactions after it")
        position = replay(scratch, log, stop, found)
        left = len(found) - wanted
        return Reached(archive, position, stop, wanted, left, log.run.instant, tuple(faults))
    raise refused or Failed(
        f"the stream of {engine} has a gap after each snapshot", hint="seawall backup stream status"
    )


def place(site: Site, client: Host, archive: Archive, scratch: Scratch) -> None:
    """Extract the snapshot. Raises Refused where there is no room for it."""
    repository = site.repository(client, archive.kind, archive.side)
    size, _ = repository.size(archive)
    if size * 1.2 > shutil.disk_usage(scratch.room).free:
        raise Refused(
            f"{scratch.room} has no room for the {size / 1e6:.0f} MB of {archive.name}",
            hint="make room on this host's disk, then run the same command again",
        )
    scratch.data.mkdir(mode=0o700)
    repository.extract(archive, scratch.data)
    run(["chown", "-R", f"{scratch.server.owner}:{scratch.server.owner}", str(scratch.data)], timeout=600)
