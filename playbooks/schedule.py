"""Start the backup scheduler and the stream shipper where production runs; on a DRP host an activation does that."""

from pyinfra.api.deploy import deploy

from playbooks.operations import Unit, units

UNITS = ("seawall-backup.service", "seawall-stream.service")
PROGRAMS = "/opt/seawall/bin"  # not all of it: Python keeps adding its bytecode to the rest


@deploy("Start the backup scheduler")
def schedule() -> None:
    """Running, enabled, and with the newest toolkit and slice."""
    read = ("/etc/seawall/estate.json", PROGRAMS)
    wanted = [Unit(unit, (f"/etc/systemd/system/{unit}", *read), act="restart") for unit in UNITS]
    units(name="services: backup scheduler, stream shipper", wanted=wanted)
