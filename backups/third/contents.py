"""What a borg repository consists of at its newest transaction, read from beside a running borg.

borg 1.x never changes a segment that belongs to a transaction: it writes new ones, and removes old ones only when those
that replace them are committed (docs/internals, "Segments"). So all segments up to the number of the newest index are
that transaction. Index and hints are left out: borg makes them anew from the segments.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from backups import segments
from backups.third.manifest import Found

SINGLE = ("README", "config", "nonce")


def transaction(repository: Path) -> int:
    """The number of its last one; 0 where there was none yet."""
    return segments.transaction(repository) or 0


def contents(repository: Path, last: int) -> list[Found]:
    """Its files up to the transaction `last`, oldest segment first.

    Raises FileNotFoundError where one goes meanwhile.
    """
    numbered = sorted(_segments(repository), key=lambda path: int(path.name))
    single = [repository / name for name in SINGLE if (repository / name).exists()]
    return [_found(repository, path) for path in (*single, *(s for s in numbered if int(s.name) <= last))]


def _segments(repository: Path) -> Iterator[Path]:
    for folder in (repository / "data").iterdir():
        yield from (path for path in folder.iterdir() if path.name.isdigit())


def _found(repository: Path, path: Path) -> Found:
    state = path.lstat()
    return Found(os.fspath(path.relative_to(repository)), state.st_size, state.st_mtime_ns)
