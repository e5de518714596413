"""`seawall backup restore --vhost | --database --swap | --host`: together, in their place, or all of a host."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from backups import by_hand, restore
from backups.engines import server
from backups.restoring import dumps, exchange, hosts, source, vhosts
from backups.restoring.vhosts import Brought
from backups.site import Site
from drp import web
from effects.clock import now
from estate.model import VHOSTS, Database, Host, Role, Vhost
from estate.points import Archive
from estate.problem import Problem, Refused
from estate.web import WEB_SERVERS
from seawall.commands.backup.asked import Asked
from seawall.commands.backup.finding import archives_of, client_of
from seawall.commands.backup.instants import database_of, point_of
from seawall.options import instant_of, print_json, say

STAMP = "%Y%m%dT%H%M%SZ"


def restore_vhost(domain: str, asked: Asked) -> None:
    """Files and databases of one vhost at one instant: to the side, or in their place."""
    site, at = Site.here(), now()
    vhost = vhosts.vhost_of(site, domain)
    mine = site.estate.databases_of(vhost)
    if asked.swap:
        restore.require_swappable(vhost)
        for database in mine:
            _require_served(site, database)
    stamp = at.astimezone(UTC).strftime(STAMP)
    into = (
        asked.source
        or asked.to
        or (Path(VHOSTS) / f".seawall-restored-{stamp}" if asked.swap else by_hand.SIDE / f"{stamp}-{vhost.domain}")
    )
    if asked.source is None:
        archive = _archive(site, asked)
        if asked.dry_run:
            _tell({"archive": archive.name, "instant": archive.taken, "into": None}, asked)
            return
        say(f"bringing {vhost.domain} to {into}")
        vhosts.bring(site, _client(site, asked), vhost, archive, into, say)
    found = vhosts.read(into, vhost.domain)
    document: dict[str, Any] = {"archive": found.archive, "databases": found.databases, "into": str(into)}
    if asked.swap:
        document |= _swapped(site, vhost, into, found, asked, at)
    _tell(document, asked)


def _swapped(site: Site, vhost: Vhost, into: Path, found: Brought, asked: Asked, at: datetime) -> dict[str, Any]:
    mine = site.estate.databases_of(vhost)
    say("counting what would be lost")
    cost = vhosts.counted(vhost, into, found, mine, at)
    document: dict[str, Any] = {
        "lost_files": [asdict(one) for one in cost.files],
        "lost_rows": {name: exchange.document(rows) for name, rows in cost.databases.items()},
        "kept": None,
    }
    if not asked.yes or asked.dry_run:
        return document
    kept = Path(VHOSTS) / f".seawall-kept-{at.astimezone(UTC).strftime(STAMP)}"
    with _closed(site, vhost, into):
        document["kept"] = vhosts.put(vhost, into, found, mine, kept, at)
    if asked.source is None and asked.to is None:
        shutil.rmtree(into)  # what is left of it is in its place, and in the archive
    return document | {"into": None}


@contextmanager
def _closed(site: Site, vhost: Vhost, into: Path) -> Iterator[None]:
    """Visitors get 503 meanwhile, so that nobody writes into what is about to be kept; PHP starts anew on what comes.

    Where it fails or dies the vhost stays closed, and `into` remembers that it was open: the next run opens it.
    """
    serves, was_open = WEB_SERVERS[site.host.web], into / "was-open"
    if not web.enabled(serves, vhost):
        yield
        return
    if not web.in_maintenance(vhost):
        was_open.touch()
    web.set_maintenance(vhost, on=True)
    web.reload(serves, vhost)
    try:
        yield
    except Problem as fault:
        again = f"seawall backup restore --vhost {vhost.domain} --swap --from {into} --yes"
        raise type(fault)(
            f"{fault.what}\n{vhost.domain} answers 503 until this has come to its end",
            hint=f"{fault.hint}; then: {again}",
        ) from None
    web.set_maintenance(vhost, on=not was_open.exists())
    web.reload(serves, vhost)
    was_open.unlink(missing_ok=True)


def swap_database(name: str, asked: Asked) -> None:
    """A database in the place of the one that serves on this host. Without --yes it is counted alone."""
    site, at = Site.here(), now()
    database = database_of(site, name)
    _require_served(site, database)
    dump = asked.source.resolve() if asked.source else _dumped(site, database, asked, at)
    if asked.source is not None and not dump.is_file():
        raise Refused(f"there is no {dump}", hint="make one on the twin: seawall backup restore --database … --dump")
    say(f"{name}: loading beside what serves, and counting")
    if asked.yes and not asked.dry_run:
        changes, kept = vhosts.put_database(database, dump, at)
        if asked.source is None:
            dump.unlink()
    else:
        changes, kept = vhosts.only_counted(database, dump, at), None
    document = {"database": name, "lost_rows": {name: exchange.document(changes)}, "kept": kept and [kept],
                "into": None if asked.yes else str(dump)}  # fmt: skip
    _tell(document, asked)


def _dumped(site: Site, database: Database, asked: Asked, at: datetime) -> Path:
    by_hand.SIDE.mkdir(mode=0o700, parents=True, exist_ok=True)
    dump = by_hand.SIDE / f"{at.astimezone(UTC).strftime(STAMP)}-{database.name}.dump"
    with source.opened(site, database.engine, point_of(site, asked), say) as (scratch, _):
        dumps.to_file(scratch, database.name, dump)
    return dump


def _require_served(site: Site, database: Database) -> None:
    """Raises Refused where nothing that serves would be exchanged: a twin that only stands ready."""
    if site.host.role is not Role.PRODUCTION and database.name not in server(database.engine).databases():
        raise Refused(
            f"{site.host.name} does not serve {database.name}",
            hint="put it in place where it is served; here, bring it to the side: --into NAME, or --dump FILE",
        )


def restore_host(asked: Asked) -> None:
    """Everything that was saved of a host, and what to type next on a fresh machine."""
    site = Site.here()
    archive, client = _archive(site, asked), _client(site, asked)
    assert asked.to is not None
    if asked.dry_run:
        size, files = site.repository(client, archive.kind, archive.side).size(archive)
        _tell({"archive": archive.name, "files": files, "bytes": size, "into": None}, asked)
        return
    found = hosts.bring(site, client, archive, asked.to.resolve(), say)
    snapshots = [one.name for one in found.snapshots]
    _tell({"archive": archive.name, "snapshots": snapshots, "files": found.files, "bytes": found.bytes,
           "into": str(asked.to), "next": str(asked.to / hosts.NEXT)}, asked)  # fmt: skip


def _client(site: Site, asked: Asked) -> Host:
    return client_of(site, asked.host) if asked.host else source.client_by_default(site, streamed=False)


def _archive(site: Site, asked: Asked) -> Archive:
    when = None if asked.at is None else instant_of(asked.at, site.estate.timezone)
    return by_hand.archive_of(archives_of(site, _client(site, asked)), asked.archive, when)


def _tell(document: dict[str, Any], asked: Asked) -> None:
    if asked.as_json:
        print_json(document)
        return
    for line in _in_words(document, asked):
        click.echo(line)


def _in_words(document: dict[str, Any], asked: Asked) -> list[str]:
    lines = [f"{document['archive']}"] if document.get("archive") else []
    lines += [f"{name}: as of {instant}" for name, instant in document.get("databases", {}).items()]
    for one in document.get("lost_files", ()):
        if one["changed"] or one["only_here"]:
            lines.append(f"{one['path']}: {one['changed']} changed and {one['only_here']} further files, "
                         f"{one['bytes']} bytes of what stands there are not in the archive")  # fmt: skip
    for name, rows in document.get("lost_rows", {}).items():
        lines += [f"{name}: {_change(row)}" for row in rows] or [f"{name}: holds the same rows"]
    if document.get("kept"):
        lines.append(f"it is in its place; what stood there is in {', '.join(document['kept'])}")
    elif document["into"]:
        lines.append(f"it is in {document['into']}")
        if asked.swap:
            what = f"--database {document['database']}" if "database" in document else f"--vhost {asked.vhost}"
            lines.append(
                f"to put it in its place: seawall backup restore {what} --swap --from {document['into']} --yes"
            )
    elif asked.dry_run:
        lines.append("nothing was written: a dry run")
    else:
        lines.append("it is in its place; nothing of what stood there differed")
    if document.get("next"):
        lines.append(f"what to type next: {document['next']}")
    return lines


def _change(row: dict[str, Any]) -> str:
    if row["rows_then"] is None:
        return f"{row['table']} with {row['rows_now']} rows is not in it"
    if row["rows_now"] is None:
        return f"{row['table']} with {row['rows_then']} rows would come back"
    return f"{row['table']} has {row['rows_now']} rows now and {row['rows_then']} in it"
