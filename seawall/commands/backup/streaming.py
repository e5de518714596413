"""`seawall backup stream`: what ships binary log and WAL, how far it is, and what keeps it within bounds."""

from datetime import timedelta

import click
from rich.console import Console
from rich.table import Table

from backups.site import Site
from backups.streams import bound as bounds
from backups.streams import looking, shipper
from effects.clock import now
from estate.model import Engine, Role
from estate.problem import Problem
from seawall.commands.backup.instants import database_of
from seawall.options import instant_of, json_option, print_json

LATE = 30.0  # seconds


@click.group(name="stream")
def stream() -> None:
    """Binary log and WAL: sent to both sides as they are written, and looked through."""


@stream.command()
def run() -> None:
    """Ship for ever. The service seawall-stream runs this."""
    site = Site.here()
    shipper.Shipper(site, lambda line: click.echo(line, err=True)).serve()


@stream.command()
@json_option
def status(as_json: bool) -> None:
    """Per engine and side: how far it is, and how old that is. Exit 1 where one is late."""
    site = Site.here()
    rows = shipper.status(now())
    if as_json:
        print_json(rows)
    else:
        table = Table("engine", "side", "server", "position", "seconds behind", "gaps", "error")
        for row in rows:
            age = "never" if row["age_seconds"] is None else f"{row['age_seconds']:.1f}"
            table.add_row(
                row["engine"], row["side"], row["server"], row["position"] or "", age, str(row["gaps"]),
                row["error"] or "",
            )  # fmt: skip
        Console().print(table)
    late = {f"{r['engine']} to {r['server']}" for r in rows if r["age_seconds"] is None or r["age_seconds"] > LATE}
    serves = rows or site.host.role is Role.PRODUCTION  # a twin ships from its activation on
    wanted = {str(engine) for engine in site.estate.engines_on(site.host)} if serves else set()
    missing = wanted - {row["engine"] for row in rows}
    if late or missing:
        raise Problem(
            f"{site.host.name}: not shipped in time: {', '.join(sorted(late | missing))}",
            hint="systemctl status seawall-stream; journalctl -u seawall-stream",
        )


@stream.command()
@click.option("--database", "name", required=True, metavar="NAME", help="One of the estate's databases.")
@click.option("--around", required=True, metavar="TIME", help="'2026-11-22 03:14:00+01:00'")
@click.option("--minutes", default=5.0, show_default=True, help="Before and after it.")
@json_option
def show(name: str, around: str, minutes: float, as_json: bool) -> None:
    """What happened to this host's partner's database around a time: to find what to restore to before."""
    site = Site.here()
    database, at = database_of(site, name), instant_of(around, site.estate.timezone)
    found, reach = looking.around(site, site.partner, database.engine, at, timedelta(minutes=minutes))
    if as_json:
        print_json({"reach": reach, "transactions": [{"id": t.id, "at": t.at, "what": t.what} for t in found]})
        return
    for one in found:
        click.echo(f"{one.at.astimezone(site.estate.timezone).isoformat()}  {one.id}  {one.what}")
    click.echo(f"{len(found)} transactions of the whole server, {reach}", err=True)


@stream.command()
def bound() -> None:
    """Keep binary logs within their bound. The timer seawall-bound runs this."""
    site = Site.here()
    if Engine.MARIADB in site.estate.engines_on(site.host):
        for name in bounds.hold(site.estate.backup.stream_keep_mb):
            click.echo(f"{name} is gone: binary logs were beyond their bound", err=True)
