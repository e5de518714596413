"""`seawall backup restore --database`: a database as it was at an instant, brought to the side."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from backups.site import Site
from backups.streams import instant
from backups.streams.instant import Reached
from backups.streams.replay import Goal
from effects.clock import Stopwatch
from estate.model import Database
from estate.problem import BadEstate
from seawall.options import print_json

NAME = re.compile(r"[A-Za-z0-9_]{1,63}")


def restore_database(
    name: str,
    at: str | None,
    before: str | None,
    into: str | None,
    dump: Path | None,
    *,
    latest: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """One database of this host's partner, as it was. It goes to the side: what serves is not touched."""
    site, watch = Site.here(), Stopwatch()
    database, goal = database_of(site, name), goal_of(site, at, before, latest=latest)
    if into is not None and not NAME.fullmatch(into):
        raise BadEstate(f"{into!r} is no name for a database", hint="letters, digits and _ alone")
    if dump is not None and dump.exists():
        raise BadEstate(f"{dump} is there already, and not overwritten", hint="name another file")
    with instant.opened(site, site.partner, database.engine, goal, lambda s: click.echo(f"  {s}", err=True)) as found:
        scratch, reached = found
        place = into or f"{name}_{_stamp(goal)}"[:63]
        if dump is not None and not dry_run:
            instant.to_file(scratch, name, dump.resolve())
        elif not dry_run:
            instant.beside(scratch, name, place)
    target = None if dry_run else str(dump) if dump else place
    _say(_document(reached, target, watch.seconds), as_json=as_json)


def database_of(site: Site, name: str) -> Database:
    """The one of that name. Raises BadEstate."""
    if name not in site.estate.databases:
        raise BadEstate(
            f"no database {name} in the estate", hint=f"one of: {', '.join(site.estate.databases) or 'none'}"
        )
    return site.estate.databases[name]


def goal_of(site: Site, at: str | None, before: str | None, *, latest: bool) -> Goal:
    """What was typed. Raises BadEstate."""
    if (at is not None) + (before is not None) + latest != 1:
        raise BadEstate("say where to stop, in one way", hint="--at TIME, --before-transaction ID, or --latest")
    return Goal(None if at is None else instant_of(at, site.estate.timezone), before)


def instant_of(text: str, timezone: ZoneInfo) -> datetime:
    """Raises BadEstate where that is no time."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadEstate(f"{text!r} is no time", hint="as in: 2026-11-22 03:14:00+01:00") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=timezone)


def _stamp(goal: Goal) -> str:
    if goal.at is not None:
        return goal.at.strftime("%Y%m%d_%H%M%S")
    if goal.before is None:
        return "latest"
    return "before_" + re.sub(r"\W", "_", goal.before)


def _document(reached: Reached, target: str | None, seconds: float) -> dict[str, Any]:
    return {
        "snapshot": reached.archive.name,
        "side": reached.archive.side,
        "position": str(reached.position),
        "replayed": reached.replayed,
        "left_out": reached.left,
        "first_left_out": reached.stop and {"id": reached.stop.id, "at": reached.stop.at, "what": reached.stop.what},
        "stream_until": reached.until,
        "faults": list(reached.faults),
        "into": target,
        "seconds": seconds,
    }


def _say(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    click.echo(f"{document['snapshot']} and {document['replayed']} transactions after it, up to {document['position']}")
    if first := document["first_left_out"]:
        click.echo(f"left out: {document['left_out']}, the first is {first['id']} of {first['at']}: {first['what']}")
    for fault in document["faults"]:
        click.echo(f"not whole: {fault}", err=True)
    click.echo(f"it is in {document['into']}" if document["into"] else "nothing was kept: a dry run")
