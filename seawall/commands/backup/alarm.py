"""What a person must hear of, once: in the journal of this host, as a ticket, and by `[backup] notify`."""

import hashlib
from collections.abc import Callable

import click

from backups.site import Site
from backups.telling import notify
from drp import tickets
from effects.clock import now
from estate.problem import Problem


def alarm(site: Site, about: str = "what was saved") -> Callable[[str, str], None]:
    """A function of a key (told once) and the words."""

    def tell(key: str, what: str) -> None:
        reference = f"alarm-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        click.echo(f"seawall: ALARM: {what}", err=True)
        try:
            at = now().isoformat(timespec="seconds")
            here = site.host.name
            tickets.send(tickets.outbox(), site.estate, here, "alarm", reference, host=here, what=what, at=at)
        except Problem as fault:
            click.echo(f"seawall: {fault}", err=True)  # it stands in the journal, and in the catalogue
        if unheard := notify(site, about, what, same=reference):
            click.echo(f"seawall: {unheard}", err=True)

    return tell
