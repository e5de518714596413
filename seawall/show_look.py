"""What answers from where, as people read it at night: three tables, worst first, with who tried what."""

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drp.probes import Seen
from drp.verdict import State, Verdict, evidence
from seawall.tables import folding

COLOURS = {
    State.LOST: "bold red",
    State.PARTLY: "yellow",
    State.SICK: "red",
    State.UNKNOWN: "magenta",
    State.ANSWERS: "green",
}


def show(seen: Seen) -> None:
    """Datacenters, hosts, sites."""
    console = Console()
    console.print(_table("datacenter", seen.datacenters, told=False))
    console.print(_table("host", seen.hosts, told=True))
    console.print(_table("site", seen.sites, told=True))
    for place, why in seen.absent.items():
        click.echo(f"could not be asked to look: {place}: {why}", err=True)
    click.echo(f"looked at {seen.at:%Y-%m-%d %H:%M:%S} UTC")


def _table(head: str, found: tuple[Verdict, ...], *, told: bool) -> Table:
    table = folding(head, "verdict", *(["what came back"] if told else []))
    for one in found:
        cells = [Text("\n".join(evidence(one.tries)), "dim")] if told else []
        table.add_row(one.name, Text(one.said, COLOURS[one.state]), *cells)
    return table
