"""Files that lie aside after a return, against the archive that the twin was brought up from.

Content comes first: what hardening did to modes and owners must not hide what a client wrote. Links to one file are
not compared, since an archive knows their size and time only once.
"""

import grp
import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from backups.looking import Difference, Entry, differences, listing
from backups.repository import Repository
from backups.restore import parts_of
from estate.model import Vhost
from estate.points import Archive

LINK = "h"  # begins the mode of a file that the archive has under another name, too


@dataclass(frozen=True, slots=True)
class Differing:
    """What the kept files have otherwise than the archive."""

    kept: tuple[Path, ...]
    bytes: int  # of all that is kept
    written: int  # bytes of files that were added or changed
    newest: str | None  # the time of the newest of those, ISO, UTC
    added: tuple[Difference, ...]
    changed: tuple[Difference, ...]
    removed: tuple[Difference, ...]
    rights: tuple[Difference, ...]  # of another mode or owner alone


def look(repository: Repository, archive: Archive, vhost: Vhost, below: Path) -> Differing:
    """Of the vhost's directory, certificates and further paths, as far as they lie `below`. Raises Problem."""
    parts = {part: str(part).lstrip("/") for part in parts_of(vhost)}
    saved = {
        path: _plain(one) for path, one in listing(repository, archive, [f"pp:{p}" for p in parts.values()]).items()
    }
    before, after, kept = dict[str, Entry](), dict[str, Entry](), list[Path]()
    for part, top in parts.items():
        mine = {path: one for path, one in saved.items() if path == top or path.startswith(f"{top}/")}
        found = _kept(below, part.name, top, mine)
        if found is not None:
            kept.append(found[0])
            before |= mine
            after |= found[1]
    after |= {path: one for path, one in before.items() if one.mode.startswith(LINK) and path in after}
    return compared(before, after, tuple(kept))


def compared(before: Mapping[str, Entry], after: Mapping[str, Entry], kept: tuple[Path, ...]) -> Differing:
    """By path. Pure."""
    found = differences(before, after)
    both = [one for one in found if one.path in before and one.path in after]
    changed = [one for one in both if _content(before[one.path]) != _content(after[one.path])]
    added = [one for one in found if one.path not in before]
    written = [after[one.path] for one in (*added, *changed) if after[one.path].type == "-"]
    return Differing(
        kept,
        sum(one.size for one in after.values()),
        sum(one.size for one in written),
        max((one.changed for one in written), default=None),
        tuple(added),
        tuple(changed),
        tuple(one for one in found if one.path not in after),
        tuple(one for one in both if one not in changed),
    )


def _content(one: Entry) -> Entry:
    return replace(one, mode="", owner="")


def _plain(one: Entry) -> Entry:
    """As an entry of a tree is: sizes and times of files alone, in UTC."""
    if one.type != "-":
        return replace(one, size=0, changed="")
    at = datetime.fromisoformat(one.changed)  # borg says it in this host's time, without an offset
    return replace(one, changed=at.astimezone(UTC).isoformat(timespec="microseconds"))


def _kept(below: Path, name: str, top: str, saved: Mapping[str, Entry]) -> tuple[Path, dict[str, Entry]] | None:
    """Where a part lies: two parts may have one name, and then it is the one that has more of the archive's paths."""
    found = [(path, entries(path, top)) for path in below.glob("*") if path.name.rpartition(".")[0] == name]
    found = [one for one in found if one[0].name.rpartition(".")[2].isdigit()]
    return max(found, key=lambda one: len(saved.keys() & one[1].keys()), default=None)


def entries(tree: Path, top: str) -> dict[str, Entry]:
    """All that lies in a tree, as if it lay at `top`. Links are not followed."""
    return {entry.path: entry for entry in _entries(tree, top)}


def _entries(path: Path, name: str) -> Iterator[Entry]:
    seen = path.lstat()
    yield _entry(path, name, seen)
    if stat.S_ISDIR(seen.st_mode):
        for one in os.scandir(path):
            yield from _entries(Path(one.path), f"{name}/{one.name}")


def _entry(path: Path, name: str, seen: os.stat_result) -> Entry:
    mode, file = stat.filemode(seen.st_mode), stat.S_ISREG(seen.st_mode)
    at = datetime.fromtimestamp(seen.st_mtime_ns / 1e9, UTC).isoformat(timespec="microseconds") if file else ""
    target = _said(str(path.readlink())) if stat.S_ISLNK(seen.st_mode) else ""
    return Entry(_said(name), mode[0], mode, _owner(seen), seen.st_size if file else 0, at, target)


def _said(name: str) -> str:
    """As borg says in JSON what is no UTF-8."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _owner(seen: os.stat_result) -> str:
    try:
        return f"{pwd.getpwuid(seen.st_uid).pw_name}:{grp.getgrgid(seen.st_gid).gr_name}"
    except KeyError:
        return f"{seen.st_uid}:{seen.st_gid}"
