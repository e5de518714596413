"""Whoever's twin serves must not: the guard of a production host, and what tells each witness on a twin.

A condition and not a refusal: a package that restarts its service on a host that is held must not fail by it.
"""

from pyinfra.api.deploy import deploy
from pyinfra.context import host

from effects.onhost.fence import FLAGS
from estate.model import Role
from playbooks.install import UNITS
from playbooks.operations import File, Unit, files, units
from templates import render

GUARD, BOOT, TIMER = "seawall-fence.service", "seawall-fence-boot.service", "seawall-fence.timer"


@deploy("Fence")
def fence() -> None:
    """Units of ours; on production also a condition on each of those that would serve or save."""
    production = host.data.role == Role.PRODUCTION
    mine = [GUARD, TIMER, *([BOOT] if production else [])]
    conditions = _conditions() if production else {}
    wanted = {str(UNITS / name): File(render(f"{name}.j2")) for name in mine} | conditions
    files(name="fence: units, conditions", wanted=wanted)
    runs = [Unit(name, (str(UNITS / GUARD), str(UNITS / name), *conditions), act="restart") for name in mine[1:]]
    units(name="fence: the guard", wanted=runs)


def _conditions() -> dict[str, File]:
    return {
        str(UNITS / f"{unit}.d" / "seawall-fence.conf"): File(render("fence.conf.j2", flag=flag))
        for flag, names in FLAGS.items()
        for unit in names
    }
