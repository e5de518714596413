"""`seawall host deliver` and `tickets`: what people are told."""

import click

from backups.site import Site
from drp import tickets
from drp.outbox import look, sender
from seawall.options import print_json


@click.command()
def deliver() -> None:
    """Tell people what waits in the outbox, until nothing does; the unit seawall-tickets.service does this."""
    sender.run(tickets.outbox(), tickets.ways(Site.here()))


@click.command(name="tickets")
@click.option("--again", is_flag=True)
@click.option("--give-up", default="")
@click.option("--by", default="")
def tickets_command(again: bool, give_up: str, by: str) -> None:
    """What people were told, and what waits; makes that be tried at once, or given up."""
    box, channels = tickets.outbox(), tickets.ways(Site.here()).channels
    if give_up:
        look.give_up(box, channels, give_up, f"given up by {by}")
    if again:
        look.again(box, channels)
    print_json(look.everything(box, channels))
