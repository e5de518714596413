"""Start what a twin does by itself: the keeper, which proves and tends the backups by the clock, and telling people.

While a job runs the keeper is stopped; people are told all the same.
"""

from pyinfra.api.deploy import deploy

from playbooks.operations import Unit, units
from playbooks.schedule import PROGRAMS

KEEPER = "seawall-keeper.service"
TICKETS = "seawall-tickets.path"


@deploy("Start the keeper")
def keep() -> None:
    """Running, enabled, and with the newest toolkit and slice."""
    files = {name: f"/etc/systemd/system/{name}" for name in (KEEPER, TICKETS)}
    read = ("/etc/seawall/estate.json", PROGRAMS)
    units(
        name="services: keeper, tickets",
        wanted=[
            Unit(KEEPER, (files[KEEPER], *read), act="restart"),
            Unit(TICKETS, (files[TICKETS], "/etc/systemd/system/seawall-tickets.service", *read), act="restart"),
        ],
    )
