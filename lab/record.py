"""What the lab is about to make, written down before it is made.

So whoever comes after a crash, at any instant, knows every process, mount, namespace, link and control group that
may exist, and touches nothing else. Removing something that was recorded but never made is no fault.
"""

import errno
import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from effects import clock, files
from effects.run import attempt
from estate.problem import Failed

POWER_OFF = signal.SIGRTMIN + 4  # what systemd as pid 1 takes for an orderly end, systemd(1)
REMOVED_IN_ORDER = ("process", "cgroup", "mount", "loop", "link", "namespace", "directory", "file")


@dataclass(frozen=True, slots=True)
class Entry:
    """`what` is a path, a name, or for a process the file that holds its pid and start time."""

    kind: str
    what: str


class Record:
    """The entries of one lab, one JSON line each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, kind: str, what: str | Path) -> None:
        """Write down before making."""
        files.append(self.path, json.dumps({"kind": kind, "what": str(what)}))

    def entries(self, kind: str) -> list[str]:
        """All of one kind, newest first, each once."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        found = [entry["what"] for line in lines if (entry := _parsed(line)).get("kind") == kind]
        return list(dict.fromkeys(reversed(found)))

    def undo(self) -> None:
        """End and remove all of it, and only that. Raises Failed where something stays."""
        end([Path(what) for what in self.entries("process")])
        for kind in REMOVED_IN_ORDER[1:]:
            for what in self.entries(kind):
                REMOVERS[kind](what)


def _parsed(line: str) -> dict[str, str]:
    """A line cut short by a crash was written before anything was made: it stands for nothing."""
    try:
        entry: dict[str, str] = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return entry


def alive(pid_file: Path) -> int | None:
    """The recorded process, if it still runs and is still the same one (pid and start time, proc(5))."""
    try:
        pid, started = pid_file.read_text(encoding="ascii").split()
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
    except (OSError, ValueError):
        return None
    return int(pid) if stat[0] not in "ZX" and stat[19] == started else None


def leader(nspawn: int) -> int | None:
    """The guest's systemd: the child of systemd-nspawn that is pid 1 in a namespace of its own."""
    try:
        children = Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text(encoding="ascii").split()
    except OSError:
        return None
    return next((int(child) for child in children if _is_init(child)), None)


def _is_init(pid: str) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
    return len(numbers) > 1 and numbers[-1] == "1"


def end(pid_files: list[Path], *, patience: int = 20) -> None:
    """Ask the guests to power off, all at once; after `patience` seconds end what is left by its pid.

    Asked every second: a systemd that is only just starting does not hear yet.
    """
    for _ in range(patience):
        for pid in _living(pid_files):
            _signal(leader(pid), POWER_OFF)
        if _gone(pid_files, within=1):
            return
    for pid in _living(pid_files):
        _signal(pid, signal.SIGKILL)
    if not _gone(pid_files, within=10):
        raise Failed("a process of the lab does not end", hint="look at it with ps, then run: seawall lab down")


def _living(pid_files: list[Path]) -> list[int]:
    return [pid for pid_file in pid_files if (pid := alive(pid_file))]


def _gone(pid_files: list[Path], *, within: float) -> bool:
    late = Failed("still there", hint="wait")
    try:
        clock.wait_until(lambda: not _living(pid_files), timeout=within, late=late, every=0.05)
    except Failed:
        return False
    return True


def _signal(pid: int | None, number: int) -> None:
    """Nothing happens where the process is gone, or never was."""
    if pid is None:
        return
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def mounted(path: str) -> bool:
    """Whether something is mounted exactly there."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return any(line.split()[4] == path for line in lines)


def loops(image: str) -> list[str]:
    """The loop devices that show this image."""
    return attempt(["losetup", "--noheadings", "--output", "NAME", "--associated", image], timeout=30).out.split()


def _detach(what: str) -> None:
    for device in loops(what):
        attempt(["losetup", "--detach", device], timeout=30)


def unmount(what: str) -> None:
    """Raises Failed where it stays, with what umount said.

    Tried for a while: a guest that was killed lets go of its files a moment after it has left the process list."""
    said = ""

    def gone() -> bool:
        nonlocal said
        while mounted(what):
            done = attempt(["umount", what], timeout=30)
            if not done.ok:
                said = done.err.strip()
                return False
        return True

    late = Failed(f"{what} stays mounted", hint=f"see who uses it: fuser -vm {what}")
    try:
        clock.wait_until(gone, timeout=10, late=late)
    except Failed:
        raise Failed(f"{what} stays mounted: {said}", hint=late.hint) from None


def _remove_link(what: str) -> None:
    if Path("/sys/class/net", what).exists():
        attempt(["ip", "link", "del", what], timeout=30)


def _remove_namespace(what: str) -> None:
    path = Path("/run/netns", what)
    if path.exists() and not attempt(["ip", "netns", "del", what], timeout=30).ok:
        path.unlink(missing_ok=True)


def _remove_cgroup(what: str) -> None:
    """Ends whatever is still in it first: a control group of the lab holds processes of the lab only.

    Tried until it holds: a killed process leaves its group a moment after it has left cgroup.procs, and until then
    the kernel answers EBUSY (seen on Linux 6.18).
    """
    top = Path(what)
    late = Failed(f"the control group {what} does not empty", hint="look at its cgroup.procs, then: seawall lab down")
    clock.wait_until(lambda: _emptied(top), timeout=10, late=late, every=0.05)


def _emptied(top: Path) -> bool:
    """One round from the leaves up; whether all of it is gone."""
    groups = [*sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True), top]
    try:
        for pid in [pid for group in groups for pid in (group / "cgroup.procs").read_text(encoding="ascii").split()]:
            _signal(int(pid), signal.SIGKILL)
        for group in groups:
            group.rmdir()
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.ENOENT, errno.ENODEV):
            raise
    return not top.exists()


def _remove_directory(what: str) -> None:
    """An empty one that systemd-nspawn leaves behind."""
    path = Path(what)
    if path.is_dir():
        path.rmdir()


REMOVERS: dict[str, Callable[[str], None]] = {
    "cgroup": _remove_cgroup,
    "mount": unmount,
    "loop": _detach,
    "link": _remove_link,
    "namespace": _remove_namespace,
    "directory": _remove_directory,
    "file": lambda what: Path(what).unlink(missing_ok=True),
}
