"""`seawall backup restore --database | --table`: as it was at an instant, or in a snapshot, brought to the side."""

import re
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import click

from backups.restoring import dumps, source, tables
from backups.restoring.source import Point
from backups.restoring.tables import Table
from backups.site import Site
from backups.streams.instant import Reached
from backups.streams.replay import Goal
from effects.clock import Stopwatch
from estate.model import Database
from estate.problem import BadEstate
from seawall.commands.backup.asked import Asked
from seawall.commands.backup.finding import client_of
from seawall.options import instant_of, print_json, say

NAME = re.compile(r"[A-Za-z0-9_]{1,63}")


def restore_database(name: str, asked: Asked) -> None:
    """One database to the side: what serves is not touched."""
    site, watch = Site.here(), Stopwatch()
    database, point = database_of(site, name), point_of(site, asked)
    if asked.into is not None and not NAME.fullmatch(asked.into):
        raise BadEstate(f"{asked.into!r} is no name for a database", hint="letters, digits and _ alone")
    _require_new(asked.dump)
    with source.opened(site, database.engine, point, say) as (scratch, reached):
        place = asked.into or f"{name}_{_stamp(point, reached)}"[:63]
        if asked.dump is not None and not asked.dry_run:
            dumps.to_file(scratch, name, asked.dump.resolve())
        elif not asked.dry_run:
            dumps.beside(scratch, name, place)
    target = None if asked.dry_run else str(asked.dump) if asked.dump else place
    _say(_document(reached, target, watch.seconds), as_json=asked.as_json)


def restore_table(text: str, asked: Asked) -> None:
    """One table to the side: into a file, a database of its own, or under another name beside the one that serves."""
    site, watch = Site.here(), Stopwatch()
    table, point = tables.table_of(site.estate, text), point_of(site, asked)
    where = tables.place_of(table, asked.into) if asked.into else None
    _require_new(asked.dump)
    with source.opened(site, table.database.engine, point, say) as (scratch, reached):
        place = where or tables.Place(f"{table.database.name}_{_stamp(point, reached)}"[:63])
        if asked.dry_run:
            behind, target = tables.alone(scratch, table), None
        elif asked.dump is not None:
            behind, target = tables.to_file(scratch, table, asked.dump.resolve()), str(asked.dump)
        else:
            behind, target = tables.beside(scratch, table, place), _named(table, place)
    _say(_document(reached, target, watch.seconds, behind), as_json=asked.as_json)


def _named(table: Table, place: tables.Place) -> str:
    if not place.table:
        return ".".join(filter(None, (place.database, table.schema, table.name)))
    return ".".join(filter(None, (place.database, place.schema, place.table)))


def _require_new(dump: Path | None) -> None:
    if dump is not None and dump.exists():
        raise BadEstate(f"{dump} is there already, and not overwritten", hint="name another file")


def point_of(site: Site, asked: Asked) -> Point:
    """Of whom and when, as it was typed; without a time the newest snapshot. Raises BadEstate."""
    streamed = bool(asked.streamed)
    client = client_of(site, asked.host) if asked.host else source.client_by_default(site, streamed=streamed)
    if not streamed:
        return Point(client, archive=asked.archive)
    at = None if asked.at is None else instant_of(asked.at, site.estate.timezone)
    return Point(client, Goal(at, asked.before))


def database_of(site: Site, name: str) -> Database:
    """The one of that name. Raises BadEstate."""
    if name not in site.estate.databases:
        raise BadEstate(
            f"no database {name} in the estate", hint=f"one of: {', '.join(site.estate.databases) or 'none'}"
        )
    return site.estate.databases[name]


def _stamp(point: Point, reached: Reached) -> str:
    if point.goal is None:
        return reached.archive.taken.astimezone(UTC).strftime("%Y%m%d_%H%M%S")
    if point.goal.at is not None:
        return point.goal.at.strftime("%Y%m%d_%H%M%S")
    if point.goal.before is None:
        return "latest"
    return "before_" + re.sub(r"\W", "_", point.goal.before)


def _document(reached: Reached, target: str | None, seconds: float, behind: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "snapshot": reached.archive.name,
        "side": reached.archive.side,
        "position": reached.position and str(reached.position),
        "replayed": reached.replayed,
        "left_out": reached.left,
        "first_left_out": reached.stop and {"id": reached.stop.id, "at": reached.stop.at, "what": reached.stop.what},
        "stream_until": reached.until,
        "faults": list(reached.faults),
        "left_behind": list(behind),
        "into": target,
        "seconds": seconds,
    }


def _say(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    if document["position"] is None:
        click.echo(f"{document['snapshot']} as it was taken; to an instant: --at TIME, on the twin")
    else:
        click.echo(
            f"{document['snapshot']} and {document['replayed']} transactions after it, up to {document['position']}"
        )
    if first := document["first_left_out"]:
        click.echo(f"left out: {document['left_out']}, the first is {first['id']} of {first['at']}: {first['what']}")
    for fault in document["faults"]:
        click.echo(f"not whole: {fault}", err=True)
    if document["left_behind"]:
        click.echo(f"left behind: {', '.join(document['left_behind'])}")
    click.echo(f"it is in {document['into']}" if document["into"] else "nothing was kept: a dry run")
