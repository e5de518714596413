"""`seawall host guard`, which each host of a pair asks every minute, so it imports little."""

import click

from backups import fencing, guarding
from backups.site import Site
from drp import anchoring, web
from estate.model import Role
from estate.problem import Refused


@click.command()
def guard() -> None:
    """Look at who serves: on production, whether it may; on a twin, whether every witness knows. For seawall-fence."""
    site = Site.here()
    if site.host.role is Role.DRP:
        for word in fencing.spread(site, site.partner):
            click.echo(word.said)
        for said in anchoring.spread(site, site.partner):
            click.echo(said)

        for domain in web.drained(site.estate.vhosts_on(site.partner)):
            click.echo(f"{domain}: nobody is sent here any more, and nobody handed over")
        return
    state, why = guarding.look(site)
    click.echo(f"{state}: {why}")
    if state is guarding.State.HELD:
        raise Refused(f"this host serves nobody and saves nothing: {why}", hint=guarding.TYPE)
