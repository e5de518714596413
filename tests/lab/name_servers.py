"""Real name servers as plain processes, out of the lab's image, on this machine's loopback."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from effects.clock import wait_until
from effects.run import run
from estate.problem import Failed
from lab import image


@contextmanager
def tree(disk: Path, shared: Path) -> Iterator[Path]:
    """The lab's image, writable and thrown away; `shared` is in it under its own name. `disk` keeps what is written."""
    for name in ("upper", "work", "root"):
        (disk / name).mkdir()
    layers = f"lowerdir={image.base(image.own_suite(), print)},upperdir={disk}/upper,workdir={disk}/work"
    run(["mount", "-t", "overlay", "overlay", "-o", layers, str(disk / "root")], timeout=30)
    inside = disk / "root" / str(shared).lstrip("/")
    inside.mkdir(parents=True)
    try:
        run(["mount", "--bind", str(shared), str(inside)], timeout=30)
        yield disk / "root"
        run(["umount", str(inside)], timeout=30)
    finally:
        run(["umount", "--recursive", str(disk / "root")], timeout=30)


def knotd(root: Path, folder: Path) -> int:
    """Start Knot with `folder`/knot.conf, which says where its knot.pid is to be: there. Its process id."""
    (folder / "knot.pid").unlink(missing_ok=True)  # one that was killed leaves it
    run(["chroot", str(root), "knotd", "-d", "-c", str(folder / "knot.conf")], timeout=20)
    return _pid_in(folder / "knot.pid")


def named(root: Path, folder: Path) -> int:
    """Start BIND with `folder`/named.conf, likewise."""
    (folder / "named.pid").unlink(missing_ok=True)
    run(["chroot", str(root), "named", "-c", str(folder / "named.conf")], timeout=20)
    return _pid_in(folder / "named.pid")


def _pid_in(path: Path) -> int:
    late = Failed(f"{path} does not appear", hint="look beside it")
    wait_until(lambda: path.exists() and path.read_text().strip() != "", timeout=20, late=late)
    return int(path.read_text())


def end(*pids: int, how: signal.Signals = signal.SIGKILL) -> None:
    """End them, and wait for it."""
    for pid in pids:
        os.kill(pid, how)
    late = Failed("a server does not go", hint="look at its process")
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), timeout=20, late=late)
