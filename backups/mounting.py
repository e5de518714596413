"""An archive as a directory, to look around in: read-only, for root alone, gone when whoever shows it is gone.

borg shows it from a systemd unit of its own, so it outlives the session that asked for it. borg leaves a dead mount
behind where it is killed or loses its server; systemd takes that away, and what was kept on disk to show it.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from importlib.machinery import PathFinder
from pathlib import Path
from shutil import rmtree

from backups import by_hand, fuse, paths
from backups.repository import Repository
from effects import files
from effects.clock import now, wait_until
from effects.onhost import encrypted, uploads
from effects.run import Result, attempt, run
from estate.points import Archive, Kind
from estate.problem import Failed, Missing, Refused, Unreachable

DEVICE = Path("/dev/fuse")
LONGEST = timedelta(hours=8)  # a night: a mount of production's own archives keeps the keeper waiting
READY = 3600.0  # seconds; borg reads the list of all files first
STOP = 60.0
MODULE = "llfuse"  # not pyfuse3: that needs eight packages more, and borg takes no end from it
PLACE = "${PLACE}"  # as systemd takes a name with blanks and signs in it: out of the environment
ALIVE = ("active", "activating")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory, and the unit that shows an archive in it."""

    place: Path

    @property
    def unit(self) -> str:
        """Its name in systemd, the same for as long as the directory is."""
        return f"seawall-mount-{sha256(str(self.place).encode()).hexdigest()[:8]}.service"

    @property
    def holds(self) -> bool:
        """Whether something is mounted there."""
        return str(self.place) in uploads.below(str(self.place))

    def show(self, repository: Repository, archive: Archive) -> datetime:
        """Mount it, and return when it is there: until when. Whatever happens meanwhile, nothing half stays.

        Raises what is wrong with the repository, Refused where another run mounts there.
        """
        with files.locked(self._room.with_suffix(".lock"), what=f"a mount at {self.place}"):
            try:
                repository.mount(archive, PLACE, lambda argv, env: self._started(argv, env, archive))
            except BaseException:  # Ctrl-C, too
                self.end()
                raise
        return now() + LONGEST

    def end(self) -> None:
        """Let go of it. Nothing happens where nothing is mounted."""
        attempt(["systemctl", "stop", self.unit], timeout=STOP + 30)
        attempt(["systemctl", "reset-failed", self.unit], timeout=30)

    @property
    def _room(self) -> Path:
        """Where borg keeps the list of files meanwhile, which may have 2 GB."""
        return paths.STATE / "mounts" / self.unit.removesuffix(".service")

    def _started(self, argv: Sequence[str], env: Mapping[str, str], archive: Archive) -> Result:
        """How borg's `mount` ended; as if it had ended well where it has mounted."""
        self.end()  # what failed before, so that the name is free
        rmtree(self._room, ignore_errors=True)
        self._room.mkdir(mode=0o700, parents=True)
        encrypted.follow(str(self._room))  # where the host encrypts what it keeps
        within = {**env, "TMPDIR": str(self._room), "BORG_FUSE_IMPL": MODULE, PLACE.strip("${}"): str(self.place)}
        call = ["timeout", "--signal=INT", f"{LONGEST.total_seconds():g}", sys.executable, "-I", "-m", "backups.fuse"]
        run(
            ["systemd-run", "--quiet", f"--unit={self.unit}", f"--description={archive.name} at {self.place}",
             *(f"--property={one}" for one in self._properties), *(f"--setenv={k}={v}" for k, v in within.items()),
             *call, *argv],
            timeout=60,
        )  # fmt: skip
        late = Failed(f"{archive.name} was not mounted within {READY:g} s", hint=f"journalctl -u {self.unit}")
        wait_until(lambda: self.holds or not self._alive(), timeout=READY, late=late)
        if self.holds:
            return Result(tuple(argv), 0, "", "")
        return Result(tuple(argv), int(self._known("ExecMainStatus")) or 1, "", self._said())

    @property
    def _properties(self) -> tuple[str, ...]:
        """At SIGINT borg unmounts, and at no other signal; 124 is how `timeout` tells that the time was up."""
        return ("KillSignal=SIGINT", f"TimeoutStopSec={STOP:g}", "SuccessExitStatus=124 130", "Nice=5",
                f"ExecStopPost=-/usr/bin/umount --quiet --lazy {PLACE}",
                f"ExecStopPost=/usr/bin/rm -rf {self._room}")  # fmt: skip

    def _alive(self) -> bool:
        return self._known("ActiveState") in ALIVE

    def _known(self, word: str) -> str:
        return run(["systemctl", "show", "--value", f"--property={word}", self.unit], timeout=30).strip()

    def _said(self) -> str:
        run(["journalctl", "--sync"], timeout=30)
        this = f"_SYSTEMD_INVOCATION_ID={self._known('InvocationID')}"
        return run(["journalctl", "--no-pager", "--quiet", "--output=cat", this], timeout=30)


def candidates(archives: Sequence[Archive], name: str | None, at: datetime | None, kind: Kind) -> tuple[Archive, ...]:
    """The one that was asked for, and what the other side has in its place: its sister, or the newest at that instant.

    Raises Missing.
    """
    first = by_hand.archive_of(archives, name, at, kind)
    others = [one for one in archives if one.side is not first.side]
    with suppress(Missing):
        return first, by_hand.archive_of(others, name and first.name, at, kind)
    return (first,)


def show(
    mount: Mount, wanted: Sequence[Archive], repository: Callable[[Archive], Repository], say: Say
) -> tuple[Archive, datetime]:
    """Mount the first whose side answers; until when. Raises Unreachable where none does."""
    *others, last = wanted
    for archive in others:
        say(f"reading what lies in {archive.name} ({archive.side})")
        try:
            return archive, mount.show(repository(archive), archive)
        except Unreachable as fault:
            say(f"not from the {archive.side} side: {fault.what}")
    say(f"reading what lies in {last.name} ({last.side})")
    return last, mount.show(repository(last), last)


def require_module() -> None:
    """Raises Missing where borg can't mount here."""
    if PathFinder.find_spec(MODULE, [fuse.DEBIAN]) is None:
        raise Missing(
            "borg mounts with Debian's own FUSE module, and this host has none",
            hint=f"apt-get install python3-{MODULE}; without it: seawall backup find, diff, restore",
        )
    if not DEVICE.exists():
        raise Missing(f"this host has no {DEVICE}", hint="modprobe fuse; without it: seawall backup find, restore")


def require_place(place: Path, saved: Sequence[str]) -> None:
    """Raises Refused for anything but an empty directory of root's that is not saved itself (below one of `saved`)."""
    if uploads.below(str(place)):
        raise Refused(f"something is mounted at {place} already", hint=f"umount {place}, or name another directory")
    if not place.is_dir() or any(place.iterdir()):
        raise Refused(f"{place} is no empty directory", hint="name one that is; /mnt, or: mkdir -m 700 /root/before")
    if any(one.stat().st_uid != 0 for one in (place, *place.parents)):
        raise Refused(f"{place} is in a directory of somebody else's", hint="name one of root's, such as /mnt")
    if any(place.is_relative_to(path) for path in saved):
        raise Refused(f"{place} is saved, and what is mounted there would be, too", hint="name another, such as /mnt")
