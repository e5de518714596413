"""What one copy of a repository consists of. Pure.

A manifest is written when everything it names is in the store and locked. So whoever dies in the middle, the newest
manifest is whole; and for as long as its promise says nobody can remove what it names, not even who has our keys.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from estate.problem import Untrusted

OURS = re.compile(r"config|README|nonce|data/\d+/\d+")  # paths of a borg 1.x repository that no one else can rebuild


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a repository on a backup server."""

    path: str  # relative to the repository
    size: int  # bytes
    changed: int  # ns since the epoch

    @property
    def words(self) -> tuple[str, str, str]:
        """What tells it from all others, also from one that took its place: segments' numbers are used again after a
        repository was rolled back."""
        return self.path, str(self.size), str(self.changed)


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of an object in the store."""

    name: str
    version: str
    until: datetime  # nobody can remove it before


@dataclass(frozen=True, slots=True)
class Item:
    """A file and where it lies."""

    file: Found
    digest: str  # SHA-256 of what it holds
    stored: Stored


@dataclass(frozen=True, slots=True)
class Manifest:
    """One copy."""

    server: str  # whose repository was copied
    client: str
    kind: str  # files or databases
    number: int  # counted from 1
    taken: datetime
    transaction: int  # borg's: the last segment that belongs to it
    items: tuple[Item, ...]
    dropped: tuple[Stored, ...]  # in none of the newer copies: removed when its lock has ended

    @property
    def size(self) -> int:
        """Bytes of the repository."""
        return sum(item.file.size for item in self.items)


MANIFEST = TypeAdapter(Manifest)


@dataclass(frozen=True, slots=True)
class Copy:
    """A manifest, and where it lies itself."""

    manifest: Manifest
    stored: Stored


@dataclass(frozen=True, slots=True)
class Work:
    """What has to be done for the next copy."""

    keep: tuple[Item, ...]
    extend: tuple[Item, ...]  # as well kept, with a longer lock
    send: tuple[Found, ...]
    remove: tuple[Stored, ...]  # its lock has ended and nothing needs it


def lock_end(now: datetime, promise: timedelta) -> datetime:
    """Twice the promise, so that a lock has to be renewed only once in a while. In whole seconds, as S3 has them."""
    return (now + 2 * promise).replace(microsecond=0)


def work(before: Manifest | None, found: Sequence[Found], now: datetime, promise: timedelta) -> Work:
    """Compare the newest copy with what is there now."""
    known = {item.file: item for item in before.items} if before else {}
    there = [known[file] for file in found if file in known]
    short = tuple(item for item in there if item.stored.until < now + promise)
    return Work(
        keep=tuple(item for item in there if item not in set(short)),
        extend=short,
        send=tuple(file for file in found if file not in known),
        remove=tuple(stored for stored in (before.dropped if before else ()) if stored.until <= now),
    )


def extended(item: Item, until: datetime) -> Item:
    """With a longer lock."""
    return replace(item, stored=replace(item.stored, until=until))


def dropped(before: Copy, items: Iterable[Item], removed: Iterable[Stored]) -> tuple[Stored, ...]:
    """What the copy after `before` no longer needs: files that are gone from the repository, and `before` itself."""
    old = before.manifest
    here = {item.stored.name for item in items}
    gone = (item.stored for item in old.items if item.stored.name not in here)
    done = {(stored.name, stored.version) for stored in removed}
    return tuple(stored for stored in (*old.dropped, *gone, before.stored) if (stored.name, stored.version) not in done)


def checked(manifest: Manifest) -> Manifest:
    """The same. Raises Untrusted for a path that no repository has: it will be written to."""
    for item in manifest.items:
        if not OURS.fullmatch(item.file.path):
            raise Untrusted(
                f"a copy of {manifest.client} names {item.file.path!r}, which no repository has",
                hint="somebody with the seal wrote it: use an older one: seawall backup third list",
            )
    return manifest
