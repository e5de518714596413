"""Start the backup scheduler where production runs; on a DRP host an activation does that."""

from pyinfra.api.deploy import deploy

from playbooks.operations import Unit, units

UNIT = "seawall-backup.service"
PROGRAMS = "/opt/seawall/bin"  # not all of it: Python keeps adding its bytecode to the rest


@deploy("Start the backup scheduler")
def schedule() -> None:
    """Running, enabled, and with the newest toolkit and slice."""
    watches = (f"/etc/systemd/system/{UNIT}", "/etc/seawall/estate.json", PROGRAMS)
    units(name="services: backup scheduler", wanted=[Unit(UNIT, watches, act="restart")])
