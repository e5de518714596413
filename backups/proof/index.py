"""What stands in a tree, as we wrote it: a file is read again only where it, or the archive's idea of it, changed.

A row is believed as long as the file's inode and change time are those of its writing; no user can set the latter.
A modification time that was forged on production hides nothing: the chunk ids differ. Without rows all files are read.
"""

import os
import shutil
import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

MANY = 2000  # rows that are written at once
KEPT = ("mode", "user", "group", "uid", "gid", "xattrs", "acl_access", "acl_default", "rdev")
TABLES = """
CREATE TABLE entries (path BLOB, inode INT, changed INT, content BLOB, about BLOB);
CREATE TABLE directories (path BLOB PRIMARY KEY, item BLOB) WITHOUT ROWID;
"""
LOOKED_UP = "CREATE INDEX by_path ON entries (path)"
ROWS = "SELECT rowid, path, inode, changed, content, about FROM entries"


def digest_of(*words: Any) -> bytes:
    """16 bytes that differ where the words do."""
    return blake2b(repr(words).encode("utf-8", "surrogateescape"), digest_size=16).digest()


def content_of(item: Any, space: bytes) -> bytes:
    """What a file holds, as its chunks are named in `space`, which comes first; of a link, where it leads."""
    if item.get("chunks") is None:
        return space + digest_of(item.get("source"))
    whole = blake2b(digest_size=16)
    for chunk in item.chunks:
        whole.update(chunk.id)
    return space + whole.digest()


def about_of(item: Any) -> bytes:
    """All that belongs to a file and is neither its content nor its time."""
    held = tuple([item.get(word) for word in KEPT])
    try:
        return _about(held)
    except TypeError:  # attributes, which most files have none of
        return digest_of([*zip(KEPT, held, strict=True)])


@lru_cache(1000)
def _about(held: tuple[Any, ...]) -> bytes:
    return digest_of([*zip(KEPT, held, strict=True)])


@dataclass(frozen=True, slots=True)
class Row:
    """One file as it was left."""

    inode: int
    changed: int  # nanoseconds, st_ctime_ns
    content: bytes
    about: bytes

    def is_of(self, stat: os.stat_result) -> bool:
        """Whether nobody touched it since."""
        return (self.inode, self.changed) == (stat.st_ino, stat.st_ctime_ns)


class _Last:
    """One part of the last run's index. An archive is in much the same order as the one before it: so are the rows."""

    def __init__(self, part: Path) -> None:
        self._rows = sqlite3.connect(f"file:{part}?mode=ro&immutable=1", uri=True)
        self._strayed = 0  # the row that was last found out of turn
        self._next: tuple[Any, ...] | None = None
        self._read_from(0)

    def close(self) -> None:
        self._rows.close()

    def row(self, path: bytes) -> tuple[Any, ...] | None:
        """A row of that path: borg names each once. Where rows follow one another elsewhere, reading goes on there."""
        if self._next is not None and self._next[1] == path:
            turn, self._next = self._next, self._cursor.fetchone()
            return turn
        found: tuple[Any, ...] | None
        found = self._rows.execute(f"{ROWS} WHERE path = ?", (path,)).fetchone()
        if found is not None:
            if found[0] == self._strayed + 1:
                self._read_from(found[0])
            self._strayed = found[0]
        return found

    def _read_from(self, row: int) -> None:
        self._cursor = self._rows.execute(f"{ROWS} WHERE rowid > ? ORDER BY rowid", (row,))
        self._next = self._cursor.fetchone()


class Index:
    """One part of an index: rows of a shard. Read from all parts of the last run, written into a new one."""

    def __init__(self, last: Path, new: Path, shard: str) -> None:
        self._last = list[_Last]()
        for part in sorted(last.glob("*")):
            with suppress(sqlite3.DatabaseError):  # a torn part, or one of an older form, is no part
                self._last.append(_Last(part))
        new.mkdir(mode=0o700, parents=True, exist_ok=True)
        (new / shard).unlink(missing_ok=True)
        self._new = sqlite3.connect(new / shard, isolation_level=None)
        self._new.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {TABLES} BEGIN;")
        self._rows: list[tuple[bytes, int, int, bytes, bytes]] = []

    def row(self, path: str) -> Row | None:
        """How it was left by the last run."""
        name = os.fsencode(path)
        for part in self._last:
            with suppress(sqlite3.DatabaseError):
                if row := part.row(name):
                    return Row(*row[2:])
        return None

    def keep(self, path: str, stat: os.stat_result | None, content: bytes, about: bytes) -> None:
        """This is how it is left now; without `stat` nothing stands there, but something should."""
        inode, changed = (0, 0) if stat is None else (stat.st_ino, stat.st_ctime_ns)
        self._rows.append((os.fsencode(path), inode, changed, content, about))
        if len(self._rows) >= MANY:
            self._flush()

    def keep_directory(self, path: str, item: bytes) -> None:
        """Its attributes are set when all in it is written."""
        self._new.execute("INSERT OR REPLACE INTO directories VALUES (?, ?)", (os.fsencode(path), item))

    def _flush(self) -> None:
        self._new.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", self._rows)
        self._rows.clear()

    def close(self) -> None:
        """Whole on this disk; it counts when the run is."""
        self._flush()
        self._new.execute(LOOKED_UP)
        self._new.execute("COMMIT")
        self._new.close()
        for part in self._last:
            part.close()


class Known:
    """All that the shards of a run have kept."""

    def __init__(self, new: Path) -> None:
        self._parts = [sqlite3.connect(part) for part in sorted(new.glob("*"))]

    def paths(self) -> Callable[[str], bool]:
        """Whether a path is one of them. It takes eight bytes a path, of a hash that nobody outside can foresee."""
        tables = ("entries", "directories")
        words = [f"SELECT path FROM {table}" for table in tables]  # noqa: S608 - no words but ours
        known = array(
            "q", sorted(hash(path) for part in self._parts for word in words for (path,) in part.execute(word))
        )

        def holds(path: str) -> bool:
            mine = hash(os.fsencode(path))
            at = bisect_left(known, mine)
            return at < len(known) and known[at] == mine

        return holds

    def directories(self) -> Iterator[tuple[str, bytes]]:
        """Path and item of each."""
        for part in self._parts:
            for path, item in part.execute("SELECT path, item FROM directories"):
                yield os.fsdecode(path), item

    def close(self) -> None:
        """Let go of it."""
        for part in self._parts:
            part.close()


def count(last: Path, new: Path) -> None:
    """From now on `new` is what the next run goes by. In between there is none, and then every file is read."""
    shutil.rmtree(last, ignore_errors=True)
    new.rename(last)
