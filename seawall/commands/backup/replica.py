"""`seawall backup replica`: on a twin, running copies of production's database servers, a moment behind them."""

import time
from dataclasses import asdict

import click

from backups.replicas import standing, state, tending
from backups.replicas.place import Replica
from backups.site import Site
from backups.streams.mirror import Mirror
from effects.clock import Stopwatch
from estate.model import Engine, Host, Role
from estate.problem import Problem, Refused
from seawall.options import json_option, print_json

EVERY = 5.0  # seconds between two looks
FETCH = 30.0  # seconds between two looks at the streams, which say when production begins a new log


@click.group(name="replica")
def replica() -> None:
    """Running copies of production's database servers on its twin: an activation goes on from them."""


def _client(site: Site) -> Host:
    if site.host.role is not Role.DRP or not site.estate.backup.replicate:
        raise Refused(
            f"{site.host.name} follows nobody: " + ("[backup] replicate is off" if site.host.role is Role.DRP else
            "it is no DRP host"),
            hint="on the twin, with [backup] replicate = true, after: seawall install",
        )  # fmt: skip
    return site.partner


@replica.command()
def run() -> None:
    """Seed and mend them, for ever. The service seawall-replica runs this."""
    site = Site.here()
    client, said, starts, since = _client(site), dict[Engine, str](), dict[Engine, int](), Stopwatch()
    first = True
    while True:
        if first or since.seconds > FETCH:
            first, since = False, Stopwatch()
            Mirror.of(client).fetch(site)  # a side that does not answer is said by those who need it
        for engine in site.estate.engines_on(client):
            _turn(site, client, engine, starts, said)
        time.sleep(EVERY)


def _turn(site: Site, client: Host, engine: Engine, starts: dict[Engine, int], said: dict[Engine, str]) -> None:
    """What goes wrong is said once, not every five seconds."""
    what = ""
    try:
        tending.tend(site, client, engine, starts, lambda line: click.echo(line, err=True))
    except (Problem, OSError, ValueError) as fault:
        what = fault.what if isinstance(fault, Problem) else str(fault)
    if what and said.get(engine) != what:
        click.echo(f"{engine}: {what}", err=True)
    said[engine] = what


@replica.command()
@json_option
def status(as_json: bool) -> None:
    """Per engine: how far it is, how many seconds behind, or why it does not follow. Exit 1 where one does not."""
    site = Site.here()
    rows = standing.replicas(site.estate, _client(site))
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        for row in rows:
            click.echo(row.line)
    if late := [f"\n  {row.line}" for row in rows if row.trouble]:
        raise Problem("not all of production is followed:" + "".join(late), hint="journalctl -u seawall-replica")


@replica.command()
@click.argument("engine", type=click.Choice([str(engine) for engine in Engine]))
def anew(engine: str) -> None:
    """Let go of a replica, also of one that an activation stopped: it is seeded from the newest snapshot."""
    site = Site.here()
    _client(site)
    with tending.locked(Engine(engine)):
        Replica.of(Engine(engine)).stop()
        state.forget(Engine(engine))
    click.echo(f"{engine}: the replica is seeded anew; watch it with: seawall backup replica status")
