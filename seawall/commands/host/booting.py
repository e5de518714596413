"""`seawall host boot`: a host that its provider stopped boots again."""

import click

from backups.site import Site
from drp import hosting
from seawall.options import print_json


@click.command()
@click.argument("production")
def boot(production: str) -> None:
    """On a twin: have the company that stopped production's host let it boot again; says what it says by then."""
    it = hosting.machine(Site.here().estate.hosts[production], wait=hosting.once)
    it.start()
    print_json({"host": production, "running": it.running()})
