"""What stands in a tree, as we wrote it: a file is read again only where it, or the archive's idea of it, changed.

A row is believed as long as the file's inode and change time are those of its writing; no user can set the latter.
A modification time that was forged on production hides nothing: the chunk ids differ. Without rows all files are read.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

MANY = 2000  # rows that are written at once
KEPT = ("mode", "user", "group", "uid", "gid", "xattrs", "acl_access", "acl_default", "rdev")
TABLES = """
CREATE TABLE entries (path BLOB PRIMARY KEY, inode INT, changed INT, content BLOB, about BLOB) WITHOUT ROWID;
CREATE TABLE directories (path BLOB PRIMARY KEY, item BLOB) WITHOUT ROWID;
"""


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
    return digest_of([(word, item.get(word)) for word in KEPT])


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


class Index:
    """One part of an index: rows of a shard. Read from all parts of the last run, written into a new one."""

    def __init__(self, last: Path, new: Path, shard: str) -> None:
        self._last = [sqlite3.connect(f"file:{part}?mode=ro&immutable=1", uri=True) for part in sorted(last.glob("*"))]
        new.mkdir(mode=0o700, parents=True, exist_ok=True)
        (new / shard).unlink(missing_ok=True)
        self._new = sqlite3.connect(new / shard, isolation_level=None)
        self._new.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {TABLES} BEGIN;")
        self._rows: list[tuple[bytes, int, int, bytes, bytes]] = []

    def row(self, path: str) -> Row | None:
        """How it was left by the last run."""
        name = os.fsencode(path)
        for part in self._last:
            try:
                found = part.execute("SELECT inode, changed, content, about FROM entries WHERE path = ?", (name,))
                if row := found.fetchone():
                    return Row(*row)
            except sqlite3.DatabaseError:
                continue  # a torn part is no part
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
        self._new.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", self._rows)
        self._rows.clear()

    def close(self) -> None:
        """Whole on this disk; it counts when the run is."""
        self._flush()
        self._new.execute("COMMIT")
        for part in (*self._last, self._new):
            part.close()


class Known:
    """All that the shards of a run have kept."""

    def __init__(self, new: Path) -> None:
        self._parts = [sqlite3.connect(part) for part in sorted(new.glob("*"))]

    def __contains__(self, path: str) -> bool:
        name = (os.fsencode(path),)
        return any(
            part.execute(f"SELECT 1 FROM {table} WHERE path = ?", name).fetchone()  # noqa: S608 - no words but ours
            for table in ("entries", "directories")
            for part in self._parts
        )

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
