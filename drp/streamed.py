"""The streams of a host that has been frozen: whether a side has all that it took in, so that no snapshot is needed.

A snapshot costs as much as the databases are large, and visitors wait for it. The stream of one that was taken ahead
costs what was written since.
"""

from collections.abc import Iterable
from datetime import datetime

from pydantic import TypeAdapter

from backups.site import Site
from backups.streams import shipper
from backups.streams.instant import noted
from backups.streams.tails import WITHOUT
from drp import job as jobs
from drp.job import Job
from effects.clock import now
from estate.model import Engine
from estate.points import FILES, Archive, Tail

_TAIL, _ARCHIVE, _ARCHIVES = TypeAdapter(Tail), TypeAdapter(Archive), TypeAdapter(tuple[Archive, ...])


def look(site: Site, ahead: Archive, since: datetime) -> Tail | None:
    """How far the stream goes on from that snapshot of this host's own; None where no side has all that was committed
    before `since`."""
    note = None if WITHOUT.exists() else noted(site, site.host, ahead)
    if note is None:
        return None
    rows = [row for row in shipper.status(now()) if (row["engine"], row["chain"]) == (ahead.kind, note.chain)]
    whole = [row for row in rows if row["instant"] and not row["error"] and not row["gaps"]]
    ends = [(datetime.fromisoformat(row["instant"]), row["position"]) for row in whole]
    until, position = max(ends, default=(since, None))
    return (
        None if position is None or until <= since else Tail(ahead.id, Engine(ahead.kind), note.chain, position, until)
    )


def keep(job: Job, tail: Tail) -> None:
    """Remember it: the shipper is stopped before production asks."""
    jobs.keep(job, f"tail.{tail.engine}", _TAIL, tail)


def known(job: Job, engine: Engine, since: datetime | None) -> Tail | None:
    """What was kept; None where it has not all that was committed before `since`."""
    tail = jobs.kept(job, f"tail.{engine}", _TAIL)
    return tail if tail is not None and since is not None and tail.until > since else None


def keep_warm(job: Job, archives: Iterable[Archive]) -> None:
    """Remember what production brings beside what it has."""
    jobs.keep(job, "warm", _ARCHIVES, tuple(dict.fromkeys(archives)))


def warm(job: Job) -> tuple[Archive, ...]:
    """As it was kept; nothing where nothing was."""
    return jobs.kept(job, "warm", _ARCHIVES) or ()


def keep_saved(job: Job, archive: Archive) -> None:
    """Remember what was saved after the freeze, as a side showed it: visitors would wait while it is asked again."""
    jobs.keep(job, f"saved.{archive.kind}", _ARCHIVE, archive)


def saved(job: Job, frozen: datetime) -> tuple[Archive, ...]:
    """As it was kept, of each kind, where it was taken after `frozen`."""
    found = (jobs.kept(job, f"saved.{kind}", _ARCHIVE) for kind in (FILES, *Engine))
    return tuple(archive for archive in found if archive is not None and archive.taken > frozen)
