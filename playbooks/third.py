"""A third copy: what a backup server keeps goes once a day to a store of somebody else's.

Data beside the usual: `third`, the settings as JSON, empty where this server makes no third copy; `third_at`,
when, in the words of systemd.time(7).
"""

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host

from playbooks.operations import File, Unit, ask, files, no_units, units
from templates import render

SETTINGS = "/etc/seawall/third.json"
UNITS = "/etc/systemd/system"
NAME = "seawall-third"


@operation()
def forgotten(paths: list[str]) -> Generator[StringCommand]:
    """Nothing of it is left, its secrets least of all."""
    left = ask(f"ls -d {' '.join(paths)} 2>/dev/null || true") if paths else []
    if left:
        yield StringCommand(f"rm -f {' '.join(left)} && systemctl daemon-reload")


@deploy("Third copy")
def third_copy() -> None:
    """Its settings, which hold secrets, and its timer; on a server that makes none, neither."""
    settings, timer = host.data.third, f"{UNITS}/{NAME}.timer"
    wanted = {
        SETTINGS: File(settings, "600"),
        f"{UNITS}/{NAME}.service": File(render(f"{NAME}.service.j2")),
        timer: File(render(f"{NAME}.timer.j2", at=host.data.third_at)),
    }
    files(name="third copy: settings and timer", wanted=wanted if settings else {})
    running = [Unit(f"{NAME}.timer", watches=(timer,), act="restart")]
    units(name="third copy: timer", wanted=running if settings else [])
    no_units(name="third copy: no timer", names=[] if settings else [f"{NAME}.timer"])
    forgotten(name="third copy: nothing left", paths=[] if settings else list(wanted))
