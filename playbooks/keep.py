"""Start the keeper of a twin: what proves and tends the backups by the clock. While a job runs it is stopped."""

from pyinfra.api.deploy import deploy

from playbooks.operations import Unit, units
from playbooks.schedule import PROGRAMS

UNIT = "seawall-keeper.service"


@deploy("Start the keeper")
def keep() -> None:
    """Running, enabled, and with the newest toolkit and slice."""
    watches = (f"/etc/systemd/system/{UNIT}", "/etc/seawall/estate.json", PROGRAMS)
    units(name="services: keeper", wanted=[Unit(UNIT, watches, act="restart")])
