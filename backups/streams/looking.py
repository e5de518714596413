"""What happened around an instant, so that somebody finds the transaction before which a database is wanted back."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from backups import paths
from backups.site import Site
from backups.streams.instant import logs
from backups.streams.replay import Goal, Log
from backups.streams.transactions import Transaction
from effects import files
from estate.model import Engine, Host
from estate.points import Archive
from estate.problem import Missing, Refused

ROOM = paths.STATE / "instants" / "show"


def around(site: Site, client: Host, engine: Engine, at: datetime, width: timedelta) -> tuple[list[Transaction], str]:
    """Transactions from `width` before to `width` after `at`, and in words how far the stream reaches.

    Raises Missing or Refused where no snapshot with a stream is older than `at`.
    """
    with files.locked(ROOM.with_suffix(".lock"), what="a look at the stream", wait=60):
        best: tuple[datetime, list[Transaction], str] | None = None
        for archive, log in _logs(site, client, engine, at, width):
            seen = _seen(archive, log, at, width)
            best = seen if best is None else max(best, seen, key=lambda one: one[0])
            if best[0] >= at:  # else a younger snapshot goes on behind the gap
                break
    if best is None:
        raise Refused("no stream goes on from a snapshot before that", hint="choose a later instant, or a wider look")
    return best[1:]


def _seen(archive: Archive, log: Log, at: datetime, width: timedelta) -> tuple[datetime, list[Transaction], str]:
    """Until when the log goes on from that snapshot, and what `around` says of it."""
    found = [one for one in log.transactions() if abs(one.at - at) <= width]
    if log.engine is Engine.POSTGRESQL and found:
        rows = log.changes(found[-1].end)
        found = [replace(one, what=", ".join(filter(None, (rows.get(one.id), one.what)))) for one in found]
    until = log.run.instant or archive.taken
    reach = until.isoformat(timespec="seconds") if log.run.instant else str(log.run.end)
    return until, found, f"from {archive.name} up to {reach}" + (", where a gap begins" if log.run.gap else "")


def _logs(site: Site, client: Host, engine: Engine, at: datetime, width: timedelta) -> Iterator[tuple[Archive, Log]]:
    """From before all of it; where nothing is that old, from before `at`: a part is more than nothing."""
    for goal in (at - width, at):
        with suppress(Missing):
            for archive, log, _ in logs(site, client, engine, Goal(at=goal), ROOM):
                yield archive, log
