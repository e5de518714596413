"""Where tests begin that are about something later: hosts that were hardened, or installed, once for all of a run.

A first run of hardening costs hosts a minute, an installation half of one; it is tried elsewhere.
"""

import atexit
import shutil
from functools import cache
from pathlib import Path

from chain import LOOK, good, install, on
from hardening import counted, own_lab, own_name

from effects.clock import wait_until
from estate.problem import Failed
from lab import kept
from lab.lab import STATE
from lab.small import thin

MANAGED = ("web1", "vault-even", "vault-odd", "twin1")
HOSTS = (*MANAGED, "probe")
Beginning = tuple[Path, ...]


@cache
def hardened() -> Beginning:
    """All of HOSTS, hardened as the lab's estate says."""
    with own_lab(HOSTS) as made:
        thin(made)
        counted(made, *MANAGED)
        kept.keep(made, _house() / "hardened")
    return (_house() / "hardened",)


@cache
def installed() -> Beginning:
    """Hardened, installed, with the first archives; whoever begins here stops what it does not want to run."""
    with own_lab(HOSTS, above=hardened()) as made:
        good(install(made))
        late = Failed("the scheduler never took its first archives", hint="journalctl -u seawall-backup on web1")
        wait_until(lambda: on(made, "web1", "backup", "status").ok, timeout=400, late=late, every=LOOK)
        made.run("web1", "systemctl stop seawall-backup")  # not in the middle of the next
        made.run("twin1", "systemctl stop seawall-keeper")
        kept.keep(made, _house() / "installed")
    return (_house() / "installed", *hardened())


@cache
def _house() -> Path:
    house = STATE.with_name("seawall-lab-kept") / own_name()
    shutil.rmtree(house, ignore_errors=True)  # of a run that was killed
    atexit.register(shutil.rmtree, house, ignore_errors=True)
    return house
