"""`seawall host orphans`: what a return moved aside here has beyond the recovery point."""

import click

from backups.site import Site
from drp import orphans as aside
from seawall.options import print_json


@click.command()
def orphans() -> None:
    """On production: what it wrote after the recovery point, of the last return. Changes nothing that lies aside."""
    print_json(aside.look(Site.here()))
