"""`seawall backup keep`: what a twin does by the clock, for as long as production is well and when it is not.

An activation comes first: the unit of a job stops the keeper before it begins and starts it when it has ended
(templates/seawall-drp@.service.j2), and a turn that comes due while a job runs is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import click

from backups import scheduler
from backups.site import Site
from backups.vault import rounds
from drp.reversion import reverted
from effects.run import attempt
from estate.problem import Problem
from seawall.commands.backup import proving
from seawall.commands.backup.alarm import alarm

JOBS = "seawall-drp@*.service"


@dataclass(frozen=True, slots=True)
class Chore:
    """One thing that is done again and again. `act` looks itself whether anything is to be done."""

    name: str
    every: timedelta
    act: Callable[[Site], None]


def _look_after(site: Site) -> None:
    for fault in rounds.round_of(site, alarm(site)).faults:
        click.echo(f"seawall: {fault}", err=True)


def _watch_dns(site: Site) -> None:
    """One alarm an incident and zone: who was told looks at `seawall drp status` from then on."""
    for one in reverted(site):
        alarm(site, f"DNS of {one.zone}")(f"{one.incident}.dns.{one.zone}", str(one))


CHORES: tuple[Chore, ...] = (
    Chore("vault", timedelta(minutes=30), _look_after),
    Chore("prove", proving.EVERY, proving.turn),
    Chore("dns", timedelta(minutes=3), _watch_dns),
)


@click.command()
def keep() -> None:
    """Do what a twin does by the clock, for ever. The service seawall-keeper runs this."""
    site = Site.here()
    scheduler.serve(scheduler.again([(chore.every, _turn(site, chore)) for chore in CHORES]))


def _turn(site: Site, chore: Chore) -> Callable[[], None]:
    """A turn that fails is said in the journal and must not end the keeper."""

    def act() -> None:
        if attempt(["systemctl", "is-active", "--quiet", JOBS], timeout=30).ok:
            return
        try:
            chore.act(site)
        except Problem as problem:
            click.echo(f"seawall: {chore.name}: {problem}", err=True)
        except OSError as fault:
            click.echo(f"seawall: {chore.name}: {fault}; look at the disk: df -h", err=True)

    return act
