"""`seawall backup files | databases | init | schedule`: what cron and the scheduler call where the data is."""

from collections.abc import Callable

import click

from backups import scheduler, take
from backups.site import Site
from effects.clock import now
from estate.model import Engine
from estate.points import FILES, Kind
from estate.problem import Problem
from seawall.options import json_option, print_json


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


@click.command(name="files")
@json_option
def files_command(as_json: bool) -> None:
    """Archive files and configuration to the side that the day belongs to."""
    _finish(take_files(Site.here()), as_json)


@click.command()
@json_option
def databases(as_json: bool) -> None:
    """Snapshot every database server to both sides."""
    _finish(take_databases(Site.here()), as_json)


@click.command()
def init() -> None:
    """Create this host's repositories on both sides, where they are not there yet."""
    site = Site.here()
    kinds: tuple[Kind, ...] = (FILES, Engine.MARIADB)
    for side in site.host.backup:
        for kind in kinds:
            repository = site.repository(site.host, kind, side)
            click.echo(f"{repository.server.name} {repository.kind}: {'created' if repository.init() else 'is there'}")


@click.command()
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
