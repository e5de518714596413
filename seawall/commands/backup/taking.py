"""`seawall backup files | databases | init | schedule`: what cron and the scheduler call where the data is."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import click

from backups import making, memory, scheduler, spooled, take, telling
from backups.debts import Due, calendar
from backups.memory import Taken
from backups.site import Site
from backups.streams import gaps
from effects.clock import now
from effects.reach import answers
from estate.model import Engine, Side
from estate.points import FILES, Kind
from estate.problem import Problem
from seawall.options import json_option, print_json, say
from seawall.show_progress import shown

KNOCK = 3.0  # seconds
DATABASES = "databases"
LOOK = timedelta(minutes=5)  # between two looks at how it stands: a side may be late without any run


def _finish(site: Site, kind: str, act: Callable[[], list[Taken]], *, as_json: bool) -> None:
    """Take, remember, say, and let everybody hear of it who should. Only what was not saved is a failure."""
    with telling.watched(site, kind, say):
        taken = act()
        memory.remember(taken)
        _show(taken, as_json=as_json)
        _tidy(site)
        take.require_safe(taken)


def _tidy(site: Site) -> None:
    try:
        if gone := spooled.release(site, now(), take.DATABASE_OPTIONS, say):
            say(f"{gone} snapshots that were kept here are no longer needed")
    except (OSError, Problem) as fault:
        say(f"what is kept here could not be looked at: {fault}")
    _tell(site)


def _tell(site: Site) -> None:
    if unheard := telling.tell(site):
        say(unheard)


def _show(taken: list[Taken], *, as_json: bool) -> None:
    if as_json:
        print_json([{field: getattr(one, field) for field in one.__slots__} for one in taken])
    else:
        for one in taken:
            click.echo(
                f"{one.archive}  {one.side:4}  {one.server}  "
                + (one.error or f"safe, {one.bytes / 1e6:.1f} MB new, {one.seconds:.1f} s")
            )


@click.command(name="files")
@json_option
def files_command(as_json: bool) -> None:
    """Archive files and configuration to the side that the day belongs to."""
    site = Site.here()
    with shown() as (say, watch):
        _finish(site, FILES, lambda: take.files_archive(site, now(), say, watch=watch), as_json=as_json)


@click.command()
@json_option
def databases(as_json: bool) -> None:
    """Snapshot every database server to both sides."""
    site = Site.here()
    with shown() as (say, watch):
        _finish(site, DATABASES, lambda: take.snapshots(site, now(), say, watch=watch), as_json=as_json)


@click.command()
def init() -> None:
    """Create this host's repositories on both sides, where they are not there yet.

    Their keys are in escrow once the control machine has fetched them: seawall install does, and keys export.
    """
    for repository, created in making.make(Site.here(), say):
        click.echo(f"{repository.server.name} {repository.kind}: {'created' if created else 'is there'}")
        if created:
            say("its key is in no escrow yet; on the control machine: seawall backup keys export")


@click.command()
def schedule() -> None:
    """Take archives and snapshots by the policy's clock, for ever. The service seawall-backup runs this."""
    site = Site.here()
    engines = site.estate.engines_on(site.host)
    turns = [_turn(site, FILES, (FILES,), lambda: take.files_archive(site, now(), say, owed=True))]
    if engines:
        turns.append(_turn(site, DATABASES, engines, lambda: take.snapshots(site, now(), say, owed=True)))
        turns.append(_after_gaps(site, engines))
    told = scheduler.again([(LOOK, lambda: _tell(site))])
    scheduler.serve(scheduler.plan(turns), told)


def _turn(site: Site, name: str, kinds: Sequence[Kind], act: Callable[[], list[Taken]]) -> scheduler.Turn:
    return scheduler.Turn(
        due=lambda at: _due(site, kinds, at), act=lambda: _said(site, name, act), ready=lambda: _ready(site, kinds)
    )


def _after_gaps(site: Site, engines: Sequence[Engine]) -> scheduler.Turn:
    """A gap in the stream: nothing after it is saved before there is a snapshot. At most one every 15 minutes."""

    def torn() -> list[Engine]:
        return [engine for engine in engines if gaps.open_since(engine, memory.known(engine).saved.values())]

    return scheduler.Turn(
        due=lambda _: Due.TURN if torn() else Due.NO,
        act=lambda: _said(site, DATABASES, lambda: take.snapshots(site, now(), say, *torn()) if torn() else []),
        ready=lambda: True,
    )


def _due(site: Site, kinds: Sequence[Kind], at: datetime) -> Due:
    """What any of them needs: they are taken together."""
    found = set()
    for kind in kinds:
        known = memory.known(kind)
        failed = [code for code, _ in known.errors.values()]
        found.add(calendar(site.estate, site.host, kind).due(at, known.saved, known.tried, failed))
    return Due.TURN if Due.TURN in found else Due.AGAIN if Due.AGAIN in found else Due.NO


def _ready(site: Site, kinds: Sequence[Kind]) -> bool:
    """Whether a side that lacks something can be reached: copying databases for nobody only costs."""
    lacking = {side for kind in kinds for side in take.lacking(site, kind, now())}
    servers = [site.estate.hosts[site.host.backup[side]] for side in Side if side in lacking]
    return any(answers(str(server.ipv4), server.ssh_port, timeout=KNOCK) for server in servers)


def _said(site: Site, name: str, act: Callable[[], list[Taken]]) -> None:
    """A turn that fails is said in the journal, and must not end the scheduler."""
    try:
        _finish(site, name, act, as_json=False)
    except Problem as problem:
        click.echo(f"seawall: {problem}", err=True)
    except OSError as fault:
        click.echo(f"seawall: {fault}; look at the disk: df -h", err=True)
