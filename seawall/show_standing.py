"""How backups stand, as people read it: what is saved how long ago, and what each loss would cost."""

from collections.abc import Iterable
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backups.losses import Cost, Price
from backups.replicas.standing import Followed
from backups.standing import Level, Part, Standing, Subject, ago
from estate.points import FILES

COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.CRITICAL: "red", Level.UNKNOWN: "magenta"}
WORDS = {
    Level.OK: "saved as promised",
    Level.WARNING: "a side or a replica lacks something",
    Level.CRITICAL: "NOT SAVED as promised",
    Level.UNKNOWN: "unknown",
}


def show(found: Iterable[Standing]) -> None:
    """All hosts, one after the other."""
    console = Console()
    for one in found:
        console.print(Text.assemble((one.host, "bold"), ": ", (WORDS[one.level], COLOURS[one.level])))
        if one.subjects:
            console.print(_saved(one))
            console.print(_costs(one))
        for replica in one.replicas:
            if not replica.trouble:
                click.echo(f"  {replica.line}")
        for line in one.trouble:
            click.echo(f"! {line}")
        for line in one.warnings:
            click.echo(f"  note: {line}")


def _saved(one: Standing) -> Table:
    heads = [f"{part.server} ({part.side})" for part in one.subjects[0].parts]
    followed = {str(replica.engine): replica for replica in one.replicas}
    heads += ["replica"] if followed else []
    table = Table("saved", *heads, "due every", "proven", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for subject in one.subjects:
        cells = [_part(part, one) for part in subject.parts]
        cells += [_replica(followed.get(str(subject.kind)))] if followed else []
        table.add_row(_name(subject), *cells, ago(subject.every), _proven(subject, one))
    return table


def _name(subject: Subject) -> str:
    """Files are everybody's; a database server is named with what lies in it."""
    return str(subject.kind) if subject.kind == FILES else f"{subject.kind}: {', '.join(subject.databases)}"


def _part(part: Part, one: Standing) -> Text:
    if part.newest is None and part.server in one.silent:
        return Text("not known", "yellow")
    colour = "red" if part.overdue else "yellow" if part.owes else ""
    return Text(_since(part.newest, one.at) + (" owes" if part.owes else ""), colour)


def _replica(replica: Followed | None) -> Text:
    """Nothing beside files: of them the twin has no copy that follows."""
    return Text(replica.state, "yellow" if replica.trouble else "") if replica else Text("")


def _since(instant: datetime | None, at: datetime) -> str:
    return "never" if instant is None else f"{ago(at - instant)} ago"


def _proven(subject: Subject, one: Standing) -> str:
    """Only who restored it knows."""
    return _since(subject.proven, one.at) if subject.proven or one.read else "ask the twin"


def _costs(one: Standing) -> Table:
    """Now, and in brackets what is promised and at most. What costs nothing as long as the host lives is left out."""
    kinds = [subject.kind for subject in one.subjects]
    table = Table(
        "if this were lost now (promised, max)", *map(str, kinds), box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    rows = {price.loss.name: price.loss for price in one.prices if one.host in price.loss.hosts}
    for name in rows:
        cells = {p.kind: f"{_cost(p.now)} ({_most(p)})" for p in one.prices if p.loss.name == name}
        table.add_row(name, *(cells.get(kind, "") for kind in kinds))
    return table


def _most(price: Price) -> str:
    most = f"max {_cost(price.worst)}"
    return most if price.promised == price.worst else f"{_cost(price.promised)}, {most}"


def _cost(cost: Cost) -> str:
    return "ALL" if isinstance(cost, str) else ago(cost)
