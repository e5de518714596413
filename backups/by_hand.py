"""Single files and directories, brought back by hand: to the side; over what stands there only when that was counted.

To the side is always safe. A swap keeps what stood there, as a return of a whole host does; before it, everything that
differs is counted, since it was written after the archive and is in none.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backups import looking, paths, restore
from backups.proof.disarm import disarm
from backups.repository import Repository
from effects.onhost import encrypted, uploads
from estate.points import FILES, Archive, Kind, newest
from estate.problem import Failed, Missing, Refused

SIDE = paths.STATE / "restored-by-hand"


@dataclass(frozen=True, slots=True)
class Loss:
    """What stands there now and is not in the archive as it is: a swap would take it away, and keep it aside."""

    path: str
    changed: int  # files that are other than in the archive
    only_here: int  # files that the archive has not got
    bytes: int  # of both
    latest: float | None  # the newest of them, seconds since 1970

    @property
    def none(self) -> bool:
        """Whether a swap would lose nothing."""
        return not self.changed and not self.only_here


def archive_of(archives: Sequence[Archive], name: str | None, at: datetime | None, kind: Kind = FILES) -> Archive:
    """The one that was named; else the newest of that kind, at or before `at`. Raises Missing."""
    if name is not None:
        return looking.named(archives, name)
    in_time = [archive for archive in archives if at is None or archive.taken <= at]
    found = newest(in_time, kind)
    if found is None:
        when = "" if at is None else f" at or before {at:%Y-%m-%d %H:%M %Z}"
        raise Missing(f"there is no archive of {kind}{when}", hint="show what there is with: seawall backup list")
    return found


def bring(
    repository: Repository,
    archive: Archive,
    wanted: Sequence[str],
    into: Path,
    *,
    foreign: bool,
    optional: Sequence[str] = (),
) -> tuple[int, int]:
    """Extract `wanted` (paths from /) below `into`, which is new; files and bytes that came. Nothing else is touched.

    `foreign`: of another host; nothing of it may run as another user here. `optional`: paths that the archive may lack.
    Raises Refused where `into` is there.
    """
    if into.exists() and any(into.iterdir()):
        raise Refused(f"{into} is there already, and not overwritten", hint="name another directory: --to DIR")
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    encrypted.follow(str(into))  # where the host encrypts what it keeps
    try:
        repository.extract(archive, into, [f"pp:{path.strip('/')}" for path in (*wanted, *optional)])
    except Failed as fault:
        if "never matched" not in fault.what:
            raise
        if not any(into.iterdir()):
            into.rmdir()
    for path in wanted:
        if not os.path.lexists(into / path.strip("/")):
            raise _absent(archive, path)
    if foreign:
        disarm(into)
    came = list(_files(into))
    return len(came), sum(about.st_size for _, about in came)


def _absent(archive: Archive, path: str) -> Missing:
    return Missing(f"{archive.name} has no {path}", hint=f"look where it is: seawall backup find {path}")


def measured(repository: Repository, archive: Archive, wanted: Sequence[str]) -> tuple[int, int]:
    """Files and bytes that `bring` would bring."""
    patterns = [f"pp:{path.strip('/')}" for path in wanted]
    found = [one for one in looking.listing(repository, archive, patterns).values() if one.type != "d"]
    if not found:
        raise _absent(archive, wanted[0])
    return len(found), sum(one.size for one in found)


def loss(live: Path, restored: Path) -> Loss:
    """What a swap would take away. Equal is: the same type, size, and second of the last change."""
    there = dict(_files(restored))
    differing = [about for name, about in _files(live) if name in there and not _same(about, there[name])]
    only = [about for name, about in _files(live) if name not in there]
    lost = [*differing, *only]
    return Loss(
        path=str(live),
        changed=len(differing),
        only_here=len(only),
        bytes=sum(about.st_size for about in lost),
        latest=max((about.st_mtime for about in lost), default=None),
    )


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    kind = stat.S_IFMT(one.st_mode) == stat.S_IFMT(other.st_mode)
    return kind and one.st_size == other.st_size and int(one.st_mtime) == int(other.st_mtime)


def _files(place: Path) -> Iterator[tuple[str, os.stat_result]]:
    """All below `place` that is no directory, or `place` itself, by its path from there; links are not followed."""
    if place.is_symlink() or not place.is_dir():
        if os.path.lexists(place):
            yield ".", place.lstat()
        return
    for folder, inner, names in os.walk(place):
        for path in (Path(folder) / name for name in [*names, *inner]):
            if path.is_symlink() or path.name in names:
                yield str(path.relative_to(place)), path.lstat()


def require_swappable(live: Path) -> None:
    """Raises Refused where a rename can't take `live` away as a whole."""
    if live.is_mount() or uploads.below(str(live)):
        raise Refused(
            f"{live} has mounts in it, so it can't be swapped at once",
            hint="take a path below them, or copy from the side by hand: rsync -a",
        )
    if live == Path("/") or not live.parent.is_dir():
        raise Refused(f"{live} can't be swapped", hint="name a path whose directory is there")


def swap(live: Path, restored: Path, kept: Path) -> None:
    """Put `restored` where `live` is; what was there goes below `kept`. Raises Failed where it did not arrive."""
    restore.swap(restored, live, kept)
    if not os.path.lexists(live):
        raise Failed(f"{live} did not arrive", hint=f"it is in {restored}, and what stood there in {kept}")
