"""`seawall backup list | status`: what an operator and a monitor ask."""

from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from backups import memory
from backups.debts import calendar, late
from backups.site import Site
from effects.clock import now
from estate.model import Engine, Side
from estate.points import FILES, kinds_on
from estate.problem import BadEstate, Problem
from seawall.options import json_option, print_json


@click.command(name="list")
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


@click.command()
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
    rows = []
    for kind in kinds_on(site.estate, site.host):
        known = memory.known(kind)
        debts = {debt.side: debt for debt in calendar(site.estate, site.host, kind).debts(at, known.saved)}
        rows += [
            {
                "kind": str(kind),
                "side": str(side),
                "server": site.host.backup[side],
                "newest": known.saved[side],
                "error": known.errors.get(side, (0, None))[1],
                "owes_since": debts[side].since if side in debts else None,
                "overdue": side in debts and late(debts[side], at),
            }
            for side in Side
        ]
    return rows


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table("kind", "side", "server", "newest success", "last error", "overdue")
    for row in rows:
        table.add_row(
            row["kind"],
            row["side"],
            row["server"],
            str(row["newest"] or "never"),
            row["error"] or "",
            "OVERDUE" if row["overdue"] else "",
        )
    Console().print(table)
