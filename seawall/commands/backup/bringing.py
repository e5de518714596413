"""`seawall backup restore`: files and directories out of an archive; `instants` and `placing` bring the rest."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from backups import by_hand, looking
from backups.by_hand import Loss
from backups.site import Site
from effects.clock import now
from estate.model import Host
from estate.points import Archive
from estate.problem import BadEstate
from seawall.commands.backup.asked import Asked
from seawall.commands.backup.finding import archives_of, client_of, host_option
from seawall.commands.backup.instants import restore_database, restore_table
from seawall.commands.backup.placing import STAMP, restore_host, restore_vhost, swap_database
from seawall.options import instant_of, json_option, print_json, say


@click.command()
@click.argument("wanted", nargs=-1, metavar="[PATH]...")
@click.option("--database", metavar="NAME", help="Instead of files: one of the estate's databases.")
@click.option("--table", metavar="NAME", help="One table: shop.orders, or ledger.public.rows.")
@click.option("--vhost", metavar="DOMAIN", help="A vhost's files, certificates and databases, at one instant.")
@host_option
@click.option("--archive", metavar="NAME", help="Out of this one; default: the newest --at TIME, or now.")
@click.option("--at", metavar="TIME", help="'2026-11-22 03:14:00+01:00'; without an offset, in the estate's time zone.")
@click.option("--before-transaction", "before", metavar="ID", help="A GTID or XID; see: seawall backup stream show")
@click.option("--latest", is_flag=True, help="Of a database or table: all that the stream has.")
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), help="A new directory for it.")
@click.option("--into", metavar="NAME", help="The database it becomes, beside the others; or DATABASE.TABLE.")
@click.option("--dump", type=click.Path(path_type=Path, dir_okay=False), help="A file, and no database.")
@click.option(
    "--swap", is_flag=True, help="Count what would be lost; with --yes, put it in its place, and keep what stood there."
)
@click.option("--from", "source", type=click.Path(path_type=Path), help="With --swap: what a restore has brought.")
@click.option("--yes", is_flag=True, help="Do what --swap says.")
@click.option("--dry-run", is_flag=True, help="Go there and count, and leave nothing behind.")
@json_option
def restore(**given: Any) -> None:
    """Bring PATHs back from an archive; or a database, a table, a vhost; or with --host and --to alone, a whole host.

    To the side: what is served is not touched. With --swap, everything that would be lost is counted; with --yes too,
    it takes the place of what stands there, and that is kept.
    """
    asked = Asked(**given)
    match asked.subject:
        case "--database" if asked.swap:
            swap_database(str(asked.database), asked)
        case "--database":
            restore_database(str(asked.database), asked)
        case "--table":
            restore_table(str(asked.table), asked)
        case "--vhost":
            restore_vhost(str(asked.vhost), asked)
        case "--host":
            restore_host(asked)
        case _:
            _restore_files(asked)


def _restore_files(asked: Asked) -> None:
    site = Site.here()
    when = None if asked.at is None else instant_of(asked.at, site.estate.timezone)
    client = client_of(site, asked.host)
    found = _brought(site, asked.wanted, client, asked.archive, when, asked.to, swap=asked.swap, yes=asked.yes,
                     dry_run=asked.dry_run)  # fmt: skip
    _tell(found, as_json=asked.as_json)


def _brought(
    site: Site,
    wanted: tuple[str, ...],
    client: Host,
    name: str | None,
    at: datetime | None,
    to: Path | None,
    *,
    swap: bool,
    yes: bool,
    dry_run: bool,
) -> dict[str, Any]:
    _require_plain(wanted)
    if swap and client is not site.host:
        raise BadEstate(f"{client.name} is not this host", hint="swap on the host itself; here, leave out --swap")
    for path in wanted if swap else ():
        by_hand.require_swappable(Path(path))
    archive = by_hand.archive_of(archives_of(site, client), name, at)
    into = to or by_hand.SIDE / f"{now().astimezone(UTC).strftime(STAMP)}-{archive.id[:8]}"
    repository = site.repository(client, archive.kind, archive.side)
    say(f"bringing {', '.join(wanted)} from {archive.name} ({archive.side})")
    if dry_run:
        return _document(archive, None, *by_hand.measured(repository, archive, wanted))
    counted = by_hand.bring(repository, archive, wanted, into, foreign=client is not site.host)
    if not swap:
        return _document(archive, into, *counted)
    losses = [by_hand.loss(Path(path), into / path.strip("/")) for path in wanted]
    kept = into.with_name(f"{into.name}.kept")
    for path in wanted if yes else ():
        by_hand.swap(Path(path), into / path.strip("/"), kept)
    return _document(archive, None if yes else into, *counted, losses=losses, kept=kept if yes else None)


def _require_plain(wanted: tuple[str, ...]) -> None:
    for path in wanted:
        looking.pattern(path)
        if os.path.normpath(path) != path.rstrip("/"):
            raise BadEstate(f"{path} is no plain path", hint=f"type {os.path.normpath(path)}")


def _document(
    archive: Archive, into: Path | None, files: int, size: int, *, losses: Sequence[Loss] = (), kept: Path | None = None
) -> dict[str, Any]:
    return {
        "archive": archive.name,
        "side": archive.side,
        "files": files,
        "bytes": size,
        "into": into and str(into),
        "lost": [{**asdict(one), "latest": one.latest and _time(one.latest)} for one in losses],
        "kept": kept and str(kept),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _tell(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['files']} files, {found['bytes']} bytes of {found['archive']} ({found['side']})")
    for one in found["lost"]:
        what = f"{one['changed']} changed and {one['only_here']} further files, {one['bytes']} bytes"
        newest = f", the newest of {one['latest']}" if one["latest"] else ""
        click.echo(f"{one['path']}: {what} of what stands there are not in the archive{newest}")
    if found["kept"]:
        click.echo(f"it is in its place; what stood there is in {found['kept']}")
    elif found["into"]:
        click.echo(f"it is in {found['into']}" + ("; to put it in its place, add --yes" if found["lost"] else ""))
    else:
        click.echo("nothing was written: a dry run")
