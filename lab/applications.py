"""Filling the layer of applications: a host is booted for it once, offline, and its disk is kept."""

import shutil
from pathlib import Path

from effects.run import run
from lab.image import APPLICATIONS
from lab.lab import Lab
from lab.layout import WEB

INSIDE = "opt/applications"
NOT_KEPT = ("etc/machine-id", "etc/hostname", "etc/ssh", "run", "tmp", "var/tmp", "var/log/journal", INSIDE)
PATIENCE = 600  # seconds; it takes 20 on an idle machine


def build(lab: Lab, base: Path, target: Path) -> None:
    """Make `target` the layer above `base`. Raises Failed with what the installation said."""
    guest = lab.builder
    lab.record.add("namespace", guest.machine)
    run(["ip", "netns", "add", guest.machine], timeout=30)
    run(["ip", "-n", guest.machine, "link", "set", "lo", "up"], timeout=30)
    guest.mount([base])
    guest.new_identity("")
    guest.keep_only(WEB)
    shutil.copytree(APPLICATIONS, guest.root / INSIDE)
    guest.boot()
    guest.wait_for(["mariadb", "postgresql"])
    guest.run(["sh", f"/{INSIDE}/applications.sh"], timeout=PATIENCE)
    guest.halt()
    run(["umount", str(guest.root)], timeout=30)
    for path in NOT_KEPT:
        _remove(guest.upper / path)
    target.rmdir()
    run(["mv", "--no-target-directory", str(guest.upper), str(target)], timeout=PATIENCE)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
