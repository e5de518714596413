"""A twin drills every night: an activation in isolation. Data: `drill_at`, as systemd writes a time of each day."""

from pyinfra.api.deploy import deploy
from pyinfra.context import host

from playbooks.install import UNITS
from playbooks.operations import File, Unit, files, units
from templates import render

SERVICE, TIMER = "seawall-drill.service", "seawall-drill.timer"


@deploy("Drill every night")
def drills() -> None:
    """Its service and its timer. Nothing runs between drills, so the toolkit is always the newest."""
    timer = str(UNITS / TIMER)
    written = {
        str(UNITS / SERVICE): File(render(f"{SERVICE}.j2")),
        timer: File(render(f"{TIMER}.j2", at=host.data.drill_at)),
    }
    files(name="drills: service and timer", wanted=written)
    watched = (timer, str(UNITS / SERVICE))
    units(name="drills: timer", wanted=[Unit(TIMER, watched, act="restart")])
