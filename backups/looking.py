"""What is in archives: in which of them a path is, when it changed, and what differs between two. Pure but for borg."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from backups.repository import Repository
from estate.model import Side
from estate.points import Archive
from estate.problem import BadEstate, Missing

FORMAT = "{path}{type}{mode}{user}{group}{size}{isomtime}{linktarget}"
WILD = frozenset("*?[")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, directory or link of an archive. Two that are equal are taken for the same file."""

    path: str  # without the first /
    type: str  # as ls shows it: - d l …
    mode: str
    owner: str  # user:group
    size: int  # bytes
    changed: str  # the time of its content, ISO
    target: str  # of a link


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a path, and the archives in a row that have it. `entry` is None where it was not there."""

    path: str
    entry: Entry | None
    archives: tuple[Archive, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What happened to one path between two archives."""

    path: str
    what: str


def pattern(path: str) -> str:
    """A path or a shell pattern as borg takes it. Raises BadEstate where it begins nowhere."""
    if not path.startswith("/"):
        raise BadEstate(f"{path} is no path from /", hint="as in: /etc/fstab, or '/etc/**/*.conf'")
    inner = path.strip("/")
    return f"sh:{inner}" if WILD & set(inner) else f"pf:{inner}"


def listing(repository: Repository, archive: Archive, patterns: Sequence[str] = ()) -> dict[str, Entry]:
    """Everything in `archive` that one of the patterns names, by path; all of it where there is none."""
    return {entry.path: entry for entry in map(_entry, repository.items(archive, FORMAT, patterns))}


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(
        path=row["path"],
        type=row["type"],
        mode=row["mode"],
        owner=f"{row['user']}:{row['group']}",
        size=int(row["size"]),
        changed=row["isomtime"],
        target=row["linktarget"] or "",
    )


def find(repositories: Mapping[Side, Repository], archives: Sequence[Archive], path: str, say: Say) -> list[Version]:
    """Every state that `path` (each path that a pattern names) had in `archives`, oldest first. Both sides at once."""
    wanted = [pattern(path)]

    def look(side: Side) -> list[tuple[Archive, dict[str, Entry]]]:
        found = []
        for archive in (one for one in archives if one.side is side):
            say(f"looking into {archive.name} ({side})")
            found.append((archive, listing(repositories[side], archive, wanted)))
        return found

    with ThreadPoolExecutor(max_workers=len(Side)) as pool:
        seen = [row for rows in pool.map(look, repositories) for row in rows]
    return versions(sorted(seen, key=lambda row: row[0].taken))


def versions(seen: Sequence[tuple[Archive, Mapping[str, Entry]]]) -> list[Version]:
    """Archives in a row that show the same of a path, as one. `seen` is in order of time."""
    return [
        version for path in sorted({path for _, there in seen for path in there}) for version in _states(path, seen)
    ]


def _states(path: str, seen: Iterable[tuple[Archive, Mapping[str, Entry]]]) -> Iterator[Version]:
    for entry, row in groupby(seen, key=lambda one: one[1].get(path)):
        yield Version(path, entry, tuple(archive for archive, _ in row))


def differences(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> list[Difference]:
    """Between two listings: content by size and time, since the archives may share no chunks."""
    words = {path: _between(before.get(path), after.get(path)) for path in {*before, *after}}
    return [Difference(path, ", ".join(said)) for path, said in sorted(words.items()) if said]


def _between(old: Entry | None, new: Entry | None) -> list[str]:
    if old is None or new is None:
        return [f"added, {new.size} B"] if new else [f"removed, {old.size} B"] if old else []
    said = {
        f"{old.type} became {new.type}": old.type != new.type,
        f"{old.size} B became {new.size} B": old.size != new.size,
        "its content was written again": old.size == new.size and old.changed != new.changed and old.type == "-",
        f"mode {old.mode} became {new.mode}": old.mode != new.mode,
        f"owner {old.owner} became {new.owner}": old.owner != new.owner,
        f"link to {old.target} became one to {new.target}": old.target != new.target,
    }
    return [words for words, holds in said.items() if holds]


def compared(lines: str) -> list[Difference]:
    """Of what `borg diff --json-lines` said of two archives of one repository: it compares the content itself."""
    rows = (json.loads(line) for line in lines.splitlines())
    return sorted(
        (Difference(row["path"], ", ".join(map(_in_words, row["changes"]))) for row in rows), key=lambda one: one.path
    )


def _in_words(change: Mapping[str, Any]) -> str:
    match change["type"]:
        case "modified":
            sizes = f", {change['added']} B added and {change['removed']} B removed" if "added" in change else ""
            return f"content changed{sizes}"
        case "mode":
            return f"mode {change['old_mode']} became {change['new_mode']}"
        case "owner":
            old, new = (f"{change[f'{which}_user']}:{change[f'{which}_group']}" for which in ("old", "new"))
            return f"owner {old} became {new}"
        case kind:
            return f"{kind}, {change['size']} B" if "size" in change else str(kind)


def named(archives: Sequence[Archive], name: str) -> Archive:
    """The archive of that name, or of that beginning of an id. Raises Missing."""
    for archive in archives:
        if name == archive.name or (len(name) >= 8 and archive.id.startswith(name)):
            return archive
    raise Missing(f"there is no archive {name}", hint="show what there is with: seawall backup list")
