#!/usr/bin/python3
"""Put there by playbooks/patches.py: what comes before and after Debian's patches. Needs python3-apt and needrestart.

    patching show [PACKAGE]...   what would be installed, as JSON
    patching now [PACKAGE]...    install it, then as `after`
    patching after               restart what runs old code, in order; what became of it stands in REPORT
    patching check               would this host boot? Exit code 1, and each fault on standard error
    patching owed                restarts and reboots that are, as JSON
    patching reboot              where one is owed, in the window, and `check` finds no fault

A service is never taken down by its own restart: what its program says against its files keeps the old one running.
"""

import contextlib
import fcntl
import importlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

SETTINGS, REPORT = Path("/etc/seawall/patches.json"), Path("/var/lib/seawall/patches.json")
STAMPS = Path("/var/lib/apt/periodic")  # apt.systemd.daily touches these, and only when it was successful
DONE = ("update-stamp", "upgrade-stamp")
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
KEEP = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]


def call(*argv: str, limit: float = 300, loud: bool = False) -> "tuple[bool, str]":
    """Whether it exits 0, and what it says; with `loud`, that goes on at once instead."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=None if loud else subprocess.PIPE,
            stderr=None if loud else subprocess.STDOUT,
            timeout=limit,
            check=False,
            text=True,
            env={**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        return False, str(fault)
    return done.returncode == 0, (done.stdout or "").strip()


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


def after() -> int:
    """Restart, see that it worked, and write it down."""
    units, _ = outdated()
    running = [u for u in units if u == "systemd-manager" or call("systemctl", "-q", "is-active", u)[0]]
    faults = [fault for fault in map(restart, running) if fault]
    faults += half_installed()
    report = {"at": int(time.time()), "restarted": running, "faults": faults}
    REPORT.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    stage = REPORT.with_suffix(".stage")
    stage.write_text(json.dumps(report) + "\n", encoding="utf-8")
    stage.replace(REPORT)
    for fault in faults:
        print(fault, file=sys.stderr)
    return int(bool(faults))


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
    """What apt would upgrade without removing or adding anything else, from official origins only."""
    official = {tuple(pair) for pair in settings()["origins"]}
    cache: Any = importlib.import_module("apt").Cache()  # Debian's python3-apt: there, and not here
    if missing := [name for name in names if name not in cache or not cache[name].is_installed]:
        raise SystemExit(f"not installed: {', '.join(missing)}")
    cache.upgrade()
    return [
        {"package": p.name, "installed": p.installed.version, "candidate": p.candidate.version, "origin": o.label}
        for p in cache.get_changes()
        if p.is_installed and (not names or p.name in names)
        for o in [next((o for o in p.candidate.origins if o.trusted and (o.origin, o.label) in official), None)]
        if o is not None
    ]


def now(names: "list[str]") -> int:
    """All that is owed, or these packages."""
    with alone():
        fetch()
        wanted = [one["package"] for one in upgrades(names)]
        print(f"to be installed: {' '.join(wanted) or 'nothing'}", flush=True)
        if names and wanted:
            fine, _ = call("apt-get", *APT, *KEEP, "-y", "install", "--only-upgrade", *wanted, limit=3600, loud=True)
        elif not names:
            fine, _ = call("unattended-upgrade", "-v", limit=3600, loud=True)
        else:
            fine = True
        if fine and not names:
            STAMPS.mkdir(exist_ok=True)
            for stamp in DONE:
                (STAMPS / stamp).touch()
    worst = after()
    if not fine:
        print("not everything was installed; see above, and /var/log/unattended-upgrades", file=sys.stderr)
    return worst or int(not fine)


# ---- reboots


def settings() -> "dict[str, Any]":
    """What the estate says: {reboot, window: [from, to], timezone, origins: [[origin, label]]}."""
    return dict(json.loads(SETTINGS.read_text(encoding="utf-8")))


def half_installed() -> "list[str]":
    """What dpkg began and did not end."""
    fine, said = call("dpkg", "--audit")
    return [] if fine and not said else [f"packages are half installed; type: dpkg --configure -a ({said[:200]})"]


def check() -> "list[str]":
    """Why this host might not come back from a reboot, or not be reachable then."""
    asked: dict[str, tuple[str, ...]] = {
        "sshd refuses its files": ("/usr/sbin/sshd", "-t"),
        "/etc/fstab does not hold": ("findmnt", "--verify"),
    }
    for family, tool in (("v4", "iptables-restore"), ("v6", "ip6tables-restore")):
        rules = f"/etc/seawall/firewall/rules.{family}"
        asked[f"{rules} can't be loaded"] = ("sh", "-c", f"{tool} -w --noflush --test < {rules}")
    said = {fault: call(*argv) for fault, argv in asked.items()}
    faults = [f"{fault}: {words[-200:]}" for fault, (fine, words) in said.items() if not fine]
    full = [path for path in ("/", "/boot") if Path(path).is_dir() and _free(path) < 1 << 20]
    return [*faults, *half_installed(), *kernel_faults(), *(f"{path} is full" for path in full)]


def _free(path: str) -> int:
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def kernel_faults() -> "list[str]":
    """Whether the boot loader has a kernel and an initrd to load. A container has neither."""
    kernels = sorted(Path("/boot").glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime)
    if not kernels:
        inside = call("systemd-detect-virt", "--container", "--quiet")[0]
        return [] if inside else ["there is no kernel in /boot"]
    newest = kernels[-1].name.removeprefix("vmlinuz-")
    initrd, menu = Path(f"/boot/initrd.img-{newest}"), Path("/boot/grub/grub.cfg")
    faults = [] if kernels[-1].stat().st_size else [f"{kernels[-1]} is empty"]
    if not initrd.is_file() or not call("lsinitramfs", str(initrd))[0]:
        faults.append(f"{initrd} is missing or can't be read; type: update-initramfs -c -k {newest}")
    if menu.parent.is_dir() and (not menu.is_file() or newest not in menu.read_text(errors="replace")):
        faults.append(f"{menu} does not offer {newest}; type: update-grub")
    return faults


def in_window(window: "list[str]", clock: str) -> bool:
    """Whether the time of day `clock` (HH:MM) lies in it; a window may go over midnight."""
    start, end = window
    return start <= clock < end if start <= end else clock >= start or clock < end


def owed() -> "list[str]":
    """Why a reboot is: kernels and packages that asked for one, and what runs old code and is never restarted."""
    asked = ["a package asked for it"] if Path("/run/reboot-required").exists() else []
    return [*asked, *outdated()[1]]


def busy() -> "list[str]":
    """What must not be cut off."""
    _, said = call("systemctl", "list-units", "--no-legend", "--plain", "--state=active,activating", "seawall-drp@*")
    return [f"{line.split()[0]} is at work" for line in said.splitlines() if line.strip()]


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
    with alone():  # which may have to wait: the clock is looked at afterwards
        clock = datetime.now(ZoneInfo(wanted["timezone"])).strftime("%H:%M")
        outside = [] if in_window(wanted["window"], clock) else [f"{clock} is outside of {'-'.join(wanted['window'])}"]
        against = [*outside, *busy(), *check()]
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
    if verb == "check":
        faults = check()
        print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
        return int(bool(faults))
    return {"now": lambda: now(names), "after": after, "reboot": reboot}[verb]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
