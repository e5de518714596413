"""Security patches once a week, without anybody asking: Debian and Debian-Security only, on the host's own day."""

from pyinfra.api.deploy import deploy
from pyinfra.context import host

from playbooks.operations import File, Unit, files, units
from templates import render

TIMERS = {"apt-daily.timer": "03:00", "apt-daily-upgrade.timer": "04:30"}  # fetch, then install
JITTER = "45min"


def _override(timer: str) -> str:
    return f"/etc/systemd/system/{timer}.d/seawall.conf"


@deploy("Patches")
def patches() -> None:
    """Both of apt's timers, weekly; what they install, unattended-upgrades decides."""
    files(
        name="patches: what is installed, and when",
        wanted={
            "/etc/apt/apt.conf.d/52seawall": File(render("unattended-upgrades.conf.j2")),
            **{
                _override(timer): File(render("weekly.timer.j2", day=host.data.patch_day, at=at, jitter=JITTER))
                for timer, at in TIMERS.items()
            },
        },
    )
    units(
        name="patches: timers",
        wanted=[Unit(timer, watches=(_override(timer),), act="restart") for timer in TIMERS],
    )
