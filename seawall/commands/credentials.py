"""`seawall credentials`: those that live elsewhere, who looks after them, and which have to be changed."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from drp import tickets
from drp.outbox import sender
from drp.outbox.box import Outbox
from drp.outbox.delivery import Ways
from drp.outbox.look import untold
from effects import clock
from estate.model import Estate
from estate.policy import Credential
from estate.problem import Problem
from estate.reminders import left, overdue, reminder
from inventory import load
from seawall.options import estate_option, json_option, print_json


@click.command("credentials", short_help="credentials that live elsewhere: whose, and due when")
@click.option("--due", type=click.IntRange(0), metavar="DAYS", help="Show only those due within DAYS, or overdue.")
@click.option("--remind", is_flag=True, help="Tell people, as drp.tickets says; each reminder once.")
@json_option
@estate_option
def command(*, due: int | None, remind: bool, as_json: bool, path: Path) -> None:
    """Show the register of credentials. Exit code 1 where one is overdue, so that cron can remind.

    A reminder is sent 14 and 7 days before one is due, and on every day that it is overdue.
    """
    estate = load(path)
    today = clock.now().astimezone(estate.timezone).date()
    known = sorted(estate.policy.credentials.values(), key=lambda it: (it.due, it.name))
    if remind:
        _remind(estate, path, known, today)
    rows = [_row(it, today) for it in known if due is None or left(it, today) <= due]
    late = [it for it in known if overdue(it, today)]
    if as_json:
        print_json({"ok": not late, "credentials": rows})
    else:
        _show(rows)
    _judge(late)


def _remind(estate: Estate, path: Path, known: Sequence[Credential], today: date) -> None:
    """Once for each reminder: it goes into an outbox beside the estate file, and from there as far as it gets."""
    box = Outbox(path.resolve().with_suffix(".outbox"))
    for credential in known:
        if (key := reminder(credential, today)) is not None:
            row = {name: str(value) for name, value in _row(credential, today).items()}
            thread = f"credential {credential.name} due {credential.due}"
            tickets.send(box, estate, "control", "credential", key, thread=thread, **row)
    ways = Ways(estate.drp.ways, path.resolve().parent)
    sender.run(box, ways, once=True)
    for row in untold(box, ways.channels):
        click.echo(f"seawall: nobody was told of {row['key']} by {row['channel']}: {row['error']}", err=True)


def _row(credential: Credential, today: date) -> dict[str, Any]:
    return {
        "credential": credential.name,
        "where": credential.where,
        "owner": credential.owner,
        "hardware_key": credential.hardware_key,
        "changed": credential.changed.isoformat(),
        "due": credential.due.isoformat(),
        "left": left(credential, today),
    }


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table("credential", "where", "owner", "hardware key", "changed", "due", "", box=box.SIMPLE_HEAD)
    for row in rows:
        days = row["left"]
        words = f"overdue by {-days} d" if days < 0 else f"in {days} d"
        key = "yes" if row["hardware_key"] else "no"
        table.add_row(row["credential"], row["where"], row["owner"], key, row["changed"], row["due"], words)
    Console().print(table)


def _judge(late: list[Credential]) -> None:
    if late:
        names = ", ".join(f"{it.name} ({it.owner}, since {it.due})" for it in late)
        raise Problem(
            f"{len(late)} credentials are overdue: {names}" if len(late) > 1 else f"a credential is overdue: {names}",
            hint="change it where it lives, then write the day into the estate: [credentials.NAME] changed = …",
        )
