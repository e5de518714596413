"""`seawall install`: the toolkit, a slice of the estate, keys and services, on every host that needs them."""

from pathlib import Path

import click

from effects import secrets
from effects.remote import Remote
from estate.model import Estate, Host, Role
from inventory import load, secrets_for, slice_for
from inventory.data import host_data
from playbooks.drive import Job, drive
from seawall import wheels as building
from seawall.options import estate_option, json_option, print_json

INIT = 300.0  # seconds


@click.command(name="install")
@estate_option
@click.option("--wheels", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A tar of wheels instead of this checkout's.")
@json_option
def command(path: Path, wheels: Path | None, as_json: bool) -> None:
    """Put the toolkit, keys and services on production, backup and DRP hosts. Safe to repeat."""
    estate = load(path)
    tar = wheels or building.toolkit()
