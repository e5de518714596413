"""`seawall host guard`, which each host of a pair asks every minute: on production it imports little."""

import click

from backups import guarding
from backups.site import Site
from estate.model import Role
from estate.problem import Refused


@click.command()
def guard() -> None:
    """Look at who serves: on production, whether it may; on a twin, whether every witness knows. For seawall-fence."""
    site = Site.here()
    if site.host.role is Role.DRP:
        from seawall.commands.host.spreading import spread  # noqa: PLC0415 - production has no use for half a second of it

        for said in spread(site):
            click.echo(said)
        return
    state, why = guarding.look(site)
    click.echo(f"{state}: {why}")
    if state is guarding.State.HELD:
        raise Refused(f"this host serves nobody and saves nothing: {why}", hint=guarding.TYPE)
