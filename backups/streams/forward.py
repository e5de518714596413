"""Bringing a snapshot forward to the end of its stream, beside a server's data and before it takes their place."""

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from backups.engines import server
from backups.mark import Beyond
from backups.site import Site
from backups.streams.frames import Position
from backups.streams.instant import ROOMS, fresh, noted
from backups.streams.mirror import Mirror
from backups.streams.replay import Goal, Log, replay, stop_at
from backups.streams.scratch import Scratch
from backups.streams.tails import WITHOUT
from effects import files
from estate.model import Host
from estate.points import Archive, Tail
from estate.problem import Missing, Problem, Refused


def forward(
    site: Site, client: Host, archive: Archive, tail: Tail, why: str = "", at: datetime | None = None
) -> Callable[[Path], Beyond]:
    """What brings a directory that `archive` was extracted to up to the end of the stream as it is then, never to less
    than `tail`; or up to `at`, where that is before its end. It returns in words how far that is, and `why` so.
    Refused: the stream has become shorter."""

    def act(stage: Path) -> Beyond:
        mine = server(tail.engine)
        room = ROOMS / tail.engine
        with files.locked(ROOMS / f"{tail.engine}.lock", what=f"a restore of {tail.engine} to an instant", wait=60):
            scratch = Scratch(mine, stage, room)
            scratch.stop()
            fresh(room, mine)
            try:
                count, until, end = _through(site, client, archive, tail, scratch, at)
                before = until.isoformat(timespec="milliseconds")
                return Beyond(f"and {count} transactions of the stream, all before {before}{why}", until, str(end))
            except Problem as fault:
                way = f"or bring the snapshot back alone: touch {WITHOUT} on {site.host.name}, and make a new plan"
                raise type(fault)(fault.what, hint=f"{fault.hint}; {way}") from None
            finally:
                scratch.stop()
                shutil.rmtree(room, ignore_errors=True)

    return act


def _through(
    site: Site, client: Host, archive: Archive, tail: Tail, scratch: Scratch, at: datetime | None
) -> tuple[int, datetime, Position]:
    """How many transactions, up to when, and up to where in the log."""
    note = noted(site, client, archive)
    if note is None:
        raise Missing(f"{archive.name} has no place in the stream", hint="make a new plan: seawall drp plan")
    mirror, into = Mirror.of(client), scratch.room / "log"
    mirror.fetch(site)  # a side that does not answer has no more than the plan knew
    into.mkdir(mode=0o700)
    run, _ = mirror.unseal(tail.engine, note.chain, Position(note.position.name, 0), into)
    sealed = Position.of(tail.position)
    within = at is not None and run.instant is not None and at <= run.instant
    if run.end.order < sealed.order and not within:
        raise Refused(
            f"the stream of {client.name}'s {tail.engine} ends at {run.end}, and the plan was made with {sealed}",
            hint="bring the other backup server back and run the same command again, or make a new plan",
        )
    log = Log(tail.engine, into, run, note)
    stop, found = stop_at(log, Goal(at if within else None))
    replay(scratch, log, stop, found)
    wanted = len(found) if stop is None else found.index(stop)
    until = at if within and at is not None else run.instant or tail.until
    return wanted, until, run.end if stop is None else stop.start
