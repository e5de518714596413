"""`seawall backup`: what the scheduler and cron call on a production host, and what an operator asks there."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from backups import scheduler, take
from backups.site import Site
from effects.clock import now
from estate.model import Engine, Side
from estate.points import FILES, Kind
from estate.problem import BadEstate, Problem
from seawall.options import json_option, print_json


@click.group(name="backup")
def command() -> None:
    """Take, list and watch archives. Runs on the host whose data it is."""


def _say(line: str) -> None:
    click.echo(f"  {line}", err=True)


def _finish(taken: list[take.Taken], as_json: bool) -> None:
    take.remember(taken)
    if as_json:
        print_json([{field: getattr(one, field) for field in one.__slots__} for one in taken])
    else:
        for one in taken:
            click.echo(
                f"{one.archive}  {one.side:4}  {one.server}  "
                + (one.error or f"safe, {one.bytes / 1e6:.1f} MB new, {one.seconds:.1f} s")
            )
    take.require_safe(taken)


def take_files(site: Site) -> list[take.Taken]:
    """One run of files."""
    return take.files_archive(site, now(), _say)


def take_databases(site: Site) -> list[take.Taken]:
    """One run of databases."""
    return take.snapshots(site, now(), _say)


@command.command(name="files")
@json_option
def files_command(as_json: bool) -> None:
    """Archive files and configuration to the side that the day belongs to."""
    _finish(take_files(Site.here()), as_json)


@command.command()
@json_option
def databases(as_json: bool) -> None:
    """Snapshot every database server to both sides."""
    _finish(take_databases(Site.here()), as_json)


@command.command()
def init() -> None:
    """Create this host's repositories on both sides, where they are not there yet."""
    site = Site.here()
    kinds: tuple[Kind, ...] = (FILES, Engine.MARIADB)
    for side in site.host.backup:
        for kind in kinds:
            repository = site.repository(site.host, kind, side)
            click.echo(f"{repository.server.name} {repository.kind}: {'created' if repository.init() else 'is there'}")


@command.command(name="list")
@click.option("--host", "name", help="Archives of this host; default: this machine's own.")
@json_option
def list_command(name: str | None, as_json: bool) -> None:
    """Every archive on both sides, oldest first."""
    site = Site.here()
    client = {None: site.host, site.host.name: site.host, site.partner.name: site.partner}.get(name)
    if client is None:
        raise BadEstate(f"{name} is not saved here", hint=f"one of: {site.host.name}, {site.partner.name}")
    found, faults = site.archives(client, (FILES, *Engine))
    if as_json:
        print_json(
            {
                "archives": [{"name": a.name, "id": a.id, "side": a.side, "taken": a.taken} for a in found],
                "faults": [str(f) for f in faults],
            }
        )
    else:
        for archive in found:
            click.echo(f"{archive.name}  {archive.side:4}  {archive.id[:12]}")
    if faults:
        raise faults[0]


@command.command()
@json_option
def status(as_json: bool) -> None:
    """The newest outcome per kind and side, and how old the newest success is. Exit 1 where one is overdue."""
    site = Site.here()
    rows = _rows(site, now())
    if as_json:
        print_json(rows)
    else:
        _print(rows)
    late = [row for row in rows if row["overdue"]]
    if late:
        raise Problem(
            f"{site.host.name}: overdue: " + ", ".join(sorted({row["kind"] for row in late})),
            hint="seawall backup files; seawall backup databases",
        )


def _rows(site: Site, at: datetime) -> list[dict[str, Any]]:
    known = take.recall()
    rows = []
    for kind in (FILES, *site.estate.engines_on(site.host)):
        promise = scheduler.DAY if kind == FILES else site.estate.backup.snapshot_every
        newest = scheduler.newest_success((kind,))
        for side in Side:
            good, last = known.get(f"{kind}.{side}.good"), known.get(f"{kind}.{side}.last")
            rows.append(
                {
                    "kind": str(kind),
                    "side": str(side),
                    "server": site.host.backup[side],
                    "newest": good and good["at"],
                    "error": last and last["error"],
                    "overdue": scheduler.overdue(newest, promise * 1.5, at),
                }
            )
    return rows


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table("kind", "side", "server", "newest success", "last error", "overdue")
    for row in rows:
        table.add_row(
            row["kind"],
            row["side"],
            row["server"],
            row["newest"] or "never",
            row["error"] or "",
            "OVERDUE" if row["overdue"] else "",
        )
    Console().print(table)


@command.command()
def schedule() -> None:
    """Take archives and snapshots by the policy's clock, for ever. The service seawall-backup runs this."""
    site = Site.here()
    engines = site.estate.engines_on(site.host)
    turns = [scheduler.Turn((FILES,), scheduler.DAY, site.estate.backup.files_at, lambda: _turn(site, take_files))]
    if engines:
        every = site.estate.backup.snapshot_every
        turns.append(scheduler.Turn(engines, every, None, lambda: _turn(site, take_databases)))
    scheduler.serve(scheduler.plan(turns, site.estate.timezone))


def _turn(site: Site, act: Callable[[Site], list[take.Taken]]) -> None:
    """A turn that fails is said in the journal and must not end the scheduler."""
    try:
        _finish(act(site), as_json=False)
    except Problem as problem:
        click.echo(f"seawall: {problem}", err=True)
    except OSError as fault:
        click.echo(f"seawall: {fault}; look at the disk: df -h", err=True)
