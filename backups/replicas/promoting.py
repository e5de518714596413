"""An activation goes on from the replica: it stops following, takes what the stream has beyond it, and serves.

What a replica has that no side has is what production wrote in its last half second. What a side has beyond it, because
the way to production was cut first, comes out of the stream. Whoever is killed in between begins again where it was: a
replica's place is written down before anything in its data changes.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from backups import paths
from backups.mark import Beyond, Mark
from backups.replicas import mariadb, postgresql, state, tending
from backups.replicas.place import LOG, Replica
from backups.replicas.standby import Standby
from backups.replicas.state import State
from backups.site import Site
from backups.streams.frames import Position
from backups.streams.instant import noted
from backups.streams.mirror import Mirror
from backups.streams.notes import Note
from backups.streams.replay import Log, replay
from effects.clock import awake
from effects.run import run
from estate.model import Engine, Estate, Host
from estate.points import Archive, Tail
from estate.problem import Missing, Problem, Refused

FRESH = 60.0  # seconds, of one activation
_LAST: dict[str, float] = {}  # by client, when its streams were fetched in this process
WITHOUT = paths.CONFIG / "without-replica"  # the operator's no: snapshots and the stream alone


@dataclass(frozen=True, slots=True)
class Promoted:
    """What became of it."""

    data: Path | None  # ready to take the place of the server's; None where the snapshot and the stream have to do it
    said: str  # in words, what it has beyond the snapshot; or why it can't be had


def standbys(estate: Estate, client: Host, tails: Iterable[Tail]) -> tuple[Standby, ...]:
    """Of those engines whose replica follows the log that the plan's stream is of; none where the operator said no, or
    the estate wants none: what is left of one then is old."""
    no = WITHOUT.exists() or not estate.followers(client)
    return () if no else tuple(one for tail in tails if (one := _standby(client, tail)))


def _standby(client: Host, tail: Tail) -> Standby | None:
    try:
        replica = Replica.of(tail.engine)
        known = _usable(client, state.known(replica), tail)
        if known is None or known.frozen is not None:  # of an order that is carried out, or came to nothing
            return None
        at = tending.look(replica).position
    except Problem:
        return None
    said = f"{tail.engine}: from its replica, {f'at {at}' if at else 'which rests'}"
    return Standby(tail.engine, str(at) if at else None, said, _until(known, at, Position.of(tail.position)))


def _until(known: State, at: Position | None, streamed: Position) -> datetime | None:
    """What it was last seen to have. Where the stream is beyond it, it was slower than it knew: the stream counts."""
    return known.heard if at is not None and at.order >= streamed.order else None


def promote(site: Site, client: Host, archive: Archive, tail: Tail, order: str) -> Promoted:
    """The replica's data, brought to where the plan or the stream or itself is, whichever is farthest."""
    replica = Replica.of(tail.engine)
    with tending.locked(tail.engine):
        mark, stands = Mark(tail.engine), state.known(replica)
        if stands is not None and stands.frozen is not None:
            if stands.order != order:
                return Promoted(None, "its replica was stopped for an order that came to nothing")
            if mark.holds(archive, replica.data):
                return Promoted(replica.data, mark.beyond.said if mark.beyond else "")  # killed before the swap
        known = _usable(client, stands, tail)
        if known is None or WITHOUT.exists():
            return Promoted(None, "its replica was refused" if known else "there is no replica of that log")
        try:
            beyond = _bring(site, client, archive, tail, replica, known, order)
        except Problem as fault:
            replica.stop()
            state.forget(tail.engine)  # one day it is seeded anew
            return Promoted(None, f"its replica can't be had: {fault.what}")
        mark.write(archive, replica.data, beyond, order)
        return Promoted(replica.data, beyond.said)


def _usable(client: Host, known: State | None, tail: Tail) -> State | None:
    """Where it follows the log that the plan's stream is of, and production has begun no other since."""
    same = known is not None and known.chain == tail.chain == tending.chain_of(client, tail.engine)
    return known if known is not None and same and not known.spoiled else None


def _bring(
    site: Site, client: Host, archive: Archive, tail: Tail, replica: Replica, known: State, order: str
) -> Beyond:
    at = known.frozen or _freeze(replica, known, order)
    note = noted(site, client, archive)
    if note is None:
        raise Missing(f"{archive.name} has no place in the stream", hint="make a new plan: seawall drp plan")
    log, sealed = _rest(site, client, replica, replace(note, position=at)), Position.of(tail.position)
    if max(at.order, log.run.end.order) < sealed.order:
        raise Refused(f"it ends at {at}, and the plan was made with {sealed}", hint="make a new plan: seawall drp plan")
    count = 0
    if log.run.end.order > at.order:
        count = _replay(replica, known, log)
    elif replica.engine is Engine.POSTGRESQL:
        _end_recovery(replica)
    replica.scratch.stop()
    (mariadb if replica.engine is Engine.MARIADB else postgresql).clear(replica)
    run(["sync", "--file-system", str(replica.data)], timeout=3600)
    more = f" and {count} transactions of the stream after it" if count else ""
    until = max(log.run.instant or tail.until, tail.until, _until(known, at, log.run.end) or tail.until)
    end = max(at, log.run.end, key=lambda position: position.order)
    return Beyond(f"by its replica, with all of production's log up to {at}{more}", until, str(end))


def _freeze(replica: Replica, known: State, order: str) -> Position:
    """Follow no more. Written down before anything else may happen to its data."""
    replica.connect(on=False)
    if not replica.runs():
        (mariadb if replica.engine is Engine.MARIADB else postgresql).start(replica)
    found: Position | None = tending.ENGINES[replica.engine].freeze(replica)
    at = max(found or known.begun, known.begun, key=lambda position: position.order)
    replica.stop()
    known.stopped(replica.engine, at, order)
    return at


def _rest(site: Site, client: Host, replica: Replica, note: Note) -> Log:
    """The stream from the file on that the replica is in."""
    into = replica.room / LOG
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(mode=0o700)
    mirror = Mirror.of(client)
    _fetched(site, mirror)
    found, _ = mirror.unseal(replica.engine, note.chain, Position(note.position.name, 0), into)
    return Log(replica.engine, into, found, note)


def _fetched(site: Site, mirror: Mirror) -> None:
    """Once for both engines: no side takes more after the fence. One that does not answer, which takes its time to be
    known, has no more than the plan knew."""
    if awake() - _LAST.get(mirror.client.name, -FRESH) >= FRESH:
        mirror.fetch(site)
        _LAST[mirror.client.name] = awake()


def _replay(replica: Replica, known: State, log: Log) -> int:
    """What the stream has beyond it. MariaDB's can't be told twice, so that a replica that was killed in it is spoiled;
    PostgreSQL's can."""
    found = log.transactions()
    if replica.engine is Engine.MARIADB:
        if not found:
            return 0
        replace(known, frozen=log.note.position).touched(replica.engine)
    else:
        (replica.data / "standby.signal").unlink(missing_ok=True)
    replay(replica.scratch, log, None, found)
    return len(found)


def _end_recovery(replica: Replica) -> None:
    """Replay all that was received, and begin a timeline of its own."""
    (replica.data / "standby.signal").unlink(missing_ok=True)
    postgresql.own(replica, "recovery.signal")
    replica.scratch.start("-c", "restore_command=false", "-c", "recovery_target_timeline=current")
