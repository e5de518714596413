"""`seawall host notes`, `note` and `heads`: what is kept for the report."""

import json
import sys

import click

from backups import fencing
from backups.site import Site
from backups.vault import heads
from drp import notes as noted
from seawall.options import print_json


@click.command()
def notes() -> None:
    """What was looked at, planned and drafted here: text by name of each journal of it."""
    print_json(noted.books())


@click.command()
@click.argument("event", type=click.Choice([noted.LOOKED, noted.RESTORED, noted.ORPHANS]))
def note(event: str) -> None:
    """On the twin: note what standard input says, for the report; and who serves, as this host holds it."""
    noted.note(event, dict(json.loads(sys.stdin.read())))
    site = Site.here()
    print_json({"noted": event, "serving": fencing.mine(site.partner).holder or site.partner.name})


@click.command(name="heads")
@click.argument("client")
def heads_command(client: str) -> None:
    """On a backup server: the heads that it keeps of the journals of a client's twin."""
    path = heads.kept(client)
    print_json({"heads": path.read_text(encoding="ascii") if path.exists() else ""})
