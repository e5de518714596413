"""Security patches once a week, without anybody asking: Debian and Debian-Security only, on the host's own day.

    apt-daily.timer → apt-daily-upgrade.timer → seawall-patched.service: restarts what runs old code, in order
    the day after     → seawall-reboot.timer: where one is owed, in the window, and the host would boot

A glibc update with needrestart restarted ssh until systemd left it stopped: ssh has no limit of starts here.
"""

import json
import shlex

from pyinfra.api.deploy import deploy
from pyinfra.context import host

from effects.onhost import text
from playbooks.guard import TOOLS
from playbooks.operations import File, Unit, files, units
from templates import render

PACKAGES = ("unattended-upgrades", "python3-apt", "needrestart", "debsecan", "tzdata")
TOOL = f"{TOOLS}/patching"
SETTINGS = "/etc/seawall/patches.json"
UNITS = "/etc/systemd/system"
TIMERS = {"apt-daily.timer": "03:00", "apt-daily-upgrade.timer": "04:30"}  # fetch, then install
JITTER = "45min"
REBOOT = "seawall-reboot.timer"
FETCH = "/etc/seawall/apt-fetch.conf"
# A list that could not be fetched is a failure, and no stamp of success is left. Of apt's weekly run alone.
STRICT = 'APT::Update::Error-Mode "any";\n'
DROP_INS = {
    f"{UNITS}/apt-daily.service.d/seawall.conf": f"[Service]\nEnvironment=APT_CONFIG={FETCH}\n",
    f"{UNITS}/apt-daily-upgrade.service.d/seawall.conf": (  # packages restart their own services, too
        "[Unit]\nOnSuccess=seawall-patched.service\nOnFailure=seawall-patched.service\n"
        f"[Service]\nExecCondition={TOOL} free\n"
    ),
    f"{UNITS}/ssh.service.d/seawall-patches.conf": "[Unit]\nStartLimitIntervalSec=0\n",
}


def _override(timer: str) -> str:
    return f"{UNITS}/{timer}" if timer == REBOOT else f"{UNITS}/{timer}.d/seawall.conf"


def _timers() -> dict[str, File]:
    data = host.data.patching
    zone = data["timezone"]
    wanted = {
        _override(timer): File(render("weekly.timer.j2", day=host.data.patch_day, at=at, timezone=zone, jitter=JITTER))
        for timer, at in TIMERS.items()
    }
    jitter = f"{data['jitter_minutes']}min"
    start = render("weekly.timer.j2", day=data["reboot_day"], at=data["window"][0], timezone=zone, jitter=jitter)
    wanted[_override(REBOOT)] = File(f"{start}\n[Install]\nWantedBy=timers.target\n")
    return wanted


def _settings() -> str:
    data = host.data.patching
    return json.dumps({key: data[key] for key in ("reboot", "window", "timezone", "origins")}) + "\n"


@deploy("Patches")
def patches() -> None:
    """Both of apt's timers, weekly; what they install, unattended-upgrades decides; then restarts, then reboots."""
    timers = _timers()
    files(
        name="patches: what is installed, and when",
        wanted={
            "/etc/apt/apt.conf.d/52seawall": File(render("unattended-upgrades.conf.j2")),
            "/etc/needrestart/conf.d/seawall.conf": File(render("needrestart.conf.j2", tool=TOOL)),
            "/etc/default/debsecan": File("# playbooks/patches.py: asked by control, never by cron\nREPORT=false\n"),
            FETCH: File(STRICT),
            SETTINGS: File(_settings()),
            TOOL: File(text("patching"), "755"),
            f"{UNITS}/seawall-patched.service": File(render("patched.service.j2", tool=TOOL)),
            f"{UNITS}/seawall-reboot.service": File(render("reboot.service.j2", tool=TOOL)),
            **{path: File(content) for path, content in DROP_INS.items()},
            **timers,
        },
        absent=["/etc/cron.d/debsecan"],
    )
    judge = " && ".join(f"systemd-analyze verify {shlex.quote(_override(timer))}" for timer in (REBOOT,))
    services = (*DROP_INS, f"{UNITS}/seawall-patched.service", f"{UNITS}/seawall-reboot.service")
    units(
        name="patches: timers",
        wanted=[
            Unit(timer, watches=(_override(timer), *services), judge=judge, act="restart")
            for timer in (*TIMERS, REBOOT)
        ],
    )
