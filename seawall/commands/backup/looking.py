"""`seawall backup list`: what there is."""

import click

from backups.site import Site
from estate.model import Engine
from estate.points import FILES
from estate.problem import BadEstate
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
