"""`seawall backup replica`: on a twin, running copies of production's database servers, a moment behind them."""

import time
from dataclasses import asdict, dataclass, field

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
FETCH = 15.0  # seconds between two looks at the sides: streams, which say when production begins a new log; snapshots


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
    tender = Tender(site, _client(site))
    since: Stopwatch | None = None
    while True:
        search = since is None or since.seconds > FETCH
        if search:
            since = Stopwatch()
            Mirror.of(tender.client).fetch(site)  # a side that does not answer is said by those who need it
        for engine in site.estate.engines_on(tender.client):
            tender.turn(engine, search=search)
        time.sleep(EVERY)


@dataclass
class Tender:
    """What goes wrong is said once, not every five seconds."""

    site: Site
    client: Host
    starts: dict[Engine, int] = field(default_factory=dict)
    said: dict[Engine, str] = field(default_factory=dict)

    def turn(self, engine: Engine, *, search: bool) -> None:
        """One look at one replica."""
        what = ""
        try:
            tending.tend(self.site, self.client, engine, self.starts, _say, search=search)
        except (Problem, OSError, ValueError) as fault:
            what = fault.what if isinstance(fault, Problem) else str(fault)
        if what and self.said.get(engine) != what:
            _say(f"{engine}: {what}")
        self.said[engine] = what


def _say(line: str) -> None:
    click.echo(line, err=True)


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
