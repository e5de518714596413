#!/usr/bin/python3
"""Put there by playbooks/patches.py: what comes before and after Debian's patches. Needs python3-apt and needrestart.

    patching show [PACKAGE]...   what would be installed, as JSON
    patching now [PACKAGE]...    install it, then as `after`
    patching after               restart what runs old code, in order; what became of it stands in REPORT
    patching free                does nothing speak against restarts? Waits for a snapshot of the databases to end
    patching check               would this host boot? Exit code 1, and each fault on standard error
    patching owed                restarts and reboots that are, as JSON
    patching reboot              where one is owed, in the window, and `check` finds no fault

A service is never taken down by its own restart: what its program says against its files keeps the old one running.
"""

import contextlib
import fcntl
import importlib
import json
import re
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

from effects.onhost.booting import check, half_installed, in_window
from effects.onhost.calling import call

SETTINGS, REPORT = Path("/etc/seawall/patches.json"), Path("/var/lib/seawall/patches.json")
STAMPS = Path("/var/lib/apt/periodic")  # apt.systemd.daily touches these, and only when it was successful
DONE = ("update-stamp", "upgrade-stamp")
SNAPSHOT = Path("/var/lib/seawall/databases.lock")  # of backups/take.py
PATIENCE = 1200.0  # seconds that a snapshot is waited for
# Databases before what queries them, the web server when its back ends are there, ssh when all else is well.
ORDER = (
    r"systemd-manager",
    r"(mariadb|mysql|postgresql|redis|memcached)",
    r"(php|seawall-php)",
    r"(?!nginx|apache2|haproxy|ssh)",
    r"(nginx|apache2|haproxy)",
    r"ssh",
)
# What ends sessions, the network, an activation of the DRP or the way to the data when it is restarted: only a reboot
# renews it.
NEVER = re.compile(
    r"(dbus|systemd-logind|user@|session-|getty|serial-getty|console-getty|network|ifup|NetworkManager|openvpn|wg-quick"
    r"|docker|containerd|libvirt|virtlo|lxc|emergency|rescue|rc-local|apt-daily"
    r"|unattended-upgrades|seawall-(drp|backup|patched|reboot|patches|encryption))"
)
JUDGES = {"nginx": ["nginx", "-t"], "ssh": ["/usr/sbin/sshd", "-t"], "apache2": ["apache2ctl", "configtest"]}
APT = ["-q", "-o", "DPkg::Lock::Timeout=600", "-o", "APT::Update::Error-Mode=any"]
ONLY = ["install", "--only-upgrade", "--no-remove"]
KEEP = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]


def settings() -> "dict[str, Any]":
    """What the estate says: {reboot, window: [from, to], timezone, origins: [[origin, label]]}."""
    return dict(json.loads(SETTINGS.read_text(encoding="utf-8")))


# ---- restarts


def outdated() -> "tuple[list[str], list[str]]":
    """Units that run code which is no longer on disk, in the order of their restarts; and what only a reboot renews."""
    fine, said = call("/usr/sbin/needrestart", "-b", "-r", "l")
    if not fine:
        raise SystemExit(f"needrestart failed: {said[-300:]}")
    words = re.findall(r"^NEEDRESTART-(SVC|KSTA): (.+)$", said, re.MULTILINE)
    units = sorted({name for kind, name in words if kind == "SVC"}, key=lambda name: (_rank(name), name))
    kernel = ["a newer kernel"] if ("KSTA", "3") in words or ("KSTA", "2") in words else []
    return [u for u in units if not NEVER.match(u)], [*kernel, *(u for u in units if NEVER.match(u))]


def _rank(unit: str) -> int:
    return next(n for n, pattern in enumerate(ORDER) if re.match(pattern, unit))


def restart(unit: str) -> str:
    """What went wrong, or nothing. A unit that does not come up is tried once more, its counter of tries at zero."""
    if unit == "systemd-manager":
        return "" if call("systemctl", "daemon-reexec")[0] else "systemd was not re-executed"
    judge = JUDGES.get(unit.removesuffix(".service"))
    if judge and not (verdict := call(*judge))[0]:
        return f"{unit} is not restarted, its files are faulty: {verdict[1][-200:]}"
    print(f"restarting {unit}", flush=True)
    for act in (["restart"], ["start"]):
        call("systemctl", "reset-failed", unit)
        call("systemctl", *act, unit)
        if stays_up(unit):
            return ""
    return f"{unit} does not come up again; see: journalctl -u {unit}"


def stays_up(unit: str) -> bool:
    """Active at five looks within half a second."""
    for _ in range(5):
        if not call("systemctl", "-q", "is-active", unit)[0]:
            return False
        time.sleep(0.1)
    return True


def after(against: "list[str]") -> int:
    """Restart, unless something speaks `against` it, see that it worked, and write it down."""
    units, _ = outdated()
    running = (
        [] if against else [u for u in units if u == "systemd-manager" or call("systemctl", "-q", "is-active", u)[0]]
    )
    faults = [f"nothing was restarted: {why}" for why in against] + [fault for fault in map(restart, running) if fault]
    faults += half_installed()
    left = outdated()[0] if running else units
    report = {"at": int(time.time()), "restarted": running, "left": left, "faults": faults}
    REPORT.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    stage = REPORT.with_suffix(".stage")
    stage.write_text(json.dumps(report) + "\n", encoding="utf-8")
    stage.replace(REPORT)
    return told(faults)


def busy() -> "list[str]":
    """What must not be cut off."""
    _, said = call("systemctl", "list-units", "--no-legend", "--plain", "--state=active,activating", "seawall-drp@*")
    return [f"{line.split()[0]} is at work" for line in said.splitlines() if line.strip()]


@contextlib.contextmanager
def steady() -> "Iterator[list[str]]":
    """What speaks against restarts. A snapshot of the databases is waited for, and none begins meanwhile."""
    SNAPSHOT.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    with SNAPSHOT.open("a", encoding="utf-8") as stream:
        end = time.monotonic() + PATIENCE
        while not (ours := locked(stream)) and time.monotonic() < end:
            time.sleep(1)
        yield busy() if ours else [*busy(), f"a snapshot of the databases does not end ({SNAPSHOT} is locked)"]


def locked(stream: "IO[str]") -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# ---- patches


@contextlib.contextmanager
def alone() -> "Iterator[None]":
    """Not while apt's own timers are at it: theirs is this lock."""
    with Path("/var/lib/apt/daily_lock").open("a", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def fetch() -> None:
    """The newest lists of every source, or none of it counts."""
    fine, said = call("apt-get", *APT, "update")
    if not fine:
        raise SystemExit(f"the package lists can't be fetched: {said[-500:]}")


def upgrades(names: "list[str]") -> "list[dict[str, str]]":
    """What apt would install, new dependencies included (a kernel is a new package), and nothing removed for it.

    Of official origins only, as unattended-upgrades does it.
    """
    official = {tuple(pair) for pair in settings()["origins"]}
    cache: Any = importlib.import_module("apt").Cache()  # Debian's python3-apt: there, and not here
    if missing := [name for name in names if name not in cache or not cache[name].is_installed]:
        raise SystemExit(f"not installed: {', '.join(missing)}")
    verb = [*ONLY, *names] if names else ["upgrade", "--with-new-pkgs"]
    fine, said = call("apt-get", *APT, "--simulate", *verb)
    if not fine:
        raise SystemExit(f"apt finds no way to install it: {said[-500:]}")
    return [
        {
            "package": p.name,
            "installed": p.installed.version if p.is_installed else "",
            "candidate": p.candidate.version,
            "origin": o.label,
        }
        for p in (cache[name] for name in re.findall(r"^Inst (\S+)", said, re.MULTILINE))
        for o in [next((o for o in p.candidate.origins if o.trusted and (o.origin, o.label) in official), None)]
        if o is not None
    ]


def now(names: "list[str]", against: "list[str]") -> int:
    """All that is owed, or these packages."""
    if against:
        raise SystemExit(f"nothing was installed: {'; '.join(against)}")
    with alone():
        fetch()
        found = upgrades(names)
        wanted = [name for name in names if name in {one["package"] for one in found}]
        print(f"to be installed: {' '.join(one['package'] for one in found) or 'nothing'}", flush=True)
        if wanted:
            fine, _ = call("apt-get", *APT, *KEEP, "-y", *ONLY, *wanted, limit=3600, loud=True)
        elif not names:
            fine, _ = call("unattended-upgrade", "-v", limit=3600, loud=True)
        else:
            fine = True
        if fine and not names:
            STAMPS.mkdir(exist_ok=True)
            for stamp in DONE:
                (STAMPS / stamp).touch()
    worst = after(against)
    if not fine:
        print("not everything was installed; see above, and /var/log/unattended-upgrades", file=sys.stderr)
    return worst or int(not fine)


# ---- reboots


def owed() -> "list[str]":
    """Why a reboot is: kernels and packages that asked for one, and what runs old code and is never restarted."""
    asked = ["a package asked for it"] if Path("/run/reboot-required").exists() else []
    return [*asked, *outdated()[1]]


def reboot() -> int:
    """Only where all of it speaks for it; what speaks against it is said, and the unit fails."""
    wanted, why = settings(), owed()
    if not why:
        print("no reboot is owed")
        return 0
    print(f"a reboot is owed: {'; '.join(why)}")
    if not wanted["reboot"]:
        print("the estate leaves it to you ([patches] reboot = false)")
        return 0
    with alone(), steady() as disturbed:  # which may have to wait: the clock is looked at afterwards
        clock = datetime.now(ZoneInfo(wanted["timezone"])).strftime("%H:%M")
        outside = [] if in_window(wanted["window"], clock) else [f"{clock} is outside of {'-'.join(wanted['window'])}"]
        against = [*outside, *disturbed, *check()]
        for fault in against:
            print(f"not rebooted: {fault}", file=sys.stderr)
        if against:
            return 1
        return int(not call("systemctl", "reboot")[0])


def main(verb: str, names: "list[str]") -> int:
    """One of the verbs above."""
    if verb == "show":
        fetch()
        print(json.dumps(upgrades(names)))
        return 0
    if verb == "owed":
        print(json.dumps({"restart": outdated()[0], "reboot": owed()}))
        return 0
    if verb == "reboot":
        return reboot()
    if verb == "check":
        return told(check())
    with steady() as against:
        return {"now": lambda: now(names, against), "after": lambda: after(against), "free": lambda: told(against)}[
            verb
        ]()


def told(faults: "list[str]") -> int:
    """Each on a line of its own; 1 where there are any."""
    for fault in faults:
        print(fault, file=sys.stderr)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
