"""What became of a lab's hosts, kept: further labs of its name and network begin there, in the seconds of a boot.

What a host has changed is the upper layer of an overlay, and becomes a lower one of its next life.
"""

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from estate.problem import Missing
from lab import record
from lab.lab import Lab

IDENTITY = ("estate.toml", "ssh_key", "ssh_key.pub", "ca.pem", "known_hosts")


def keep(lab: Lab, into: Path) -> None:
    """Power the lab off and move what its hosts have changed below `into`, on the same file system. It is gone then."""
    with ThreadPoolExecutor(len(lab.hosts)) as pool:
        list(pool.map(lab.halt, lab.hosts))
    into.mkdir(mode=0o700, parents=True)
    for name in IDENTITY:
        shutil.copy2(lab.directory / name, into / name)
    shutil.copytree(lab.directory / "secrets", into / "secrets")
    for host in lab.hosts:
        record.unmount(str(lab.guest(host).root))
        lab.guest(host).upper.rename(into / host)
    lab.down()


def identity(lab: Lab, above: Path) -> None:
    """The estate, keys and secrets that were kept with it."""
    for name in IDENTITY:
        shutil.copy2(above / name, lab.directory / name)
    shutil.copytree(above / "secrets", lab.directory / "secrets")


def layers(lab: Lab, above: Sequence[Path], below: Mapping[str, list[Path]]) -> dict[str, list[Path]]:
    """Of each host, the topmost first. Raises Missing for one that was not kept."""
    if lacking := [host for host in lab.hosts if not (above[-1] / host).is_dir()]:
        raise Missing(f"nothing was kept of {lacking[0]}", hint="boot only what was kept")
    return {host: [*(one / host for one in above if (one / host).is_dir()), *below[host]] for host in lab.hosts}
