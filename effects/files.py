"""Files that survive a power cut: written beside, synced, renamed; and a lock that dies with its holder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, get_ident
from typing import IO

from effects.clock import wait_until
from effects.run import run
from estate.problem import Refused

# Of this process's threads: held while a tree takes another's place, for nobody may look at it halfway.
SWAPPING = Lock()


def sync_directory(path: Path) -> None:
    """Make a rename or a new name in `path` durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(path: Path, content: str, *, mode: int = 0o644) -> None:
    """As `write_bytes`, in UTF-8."""
    write_bytes(path, content.encode(), mode=mode)


def write_bytes(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Replace `path` at once: readers see the old content or the new, never a part."""
    stage = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.stage")
    handle = os.open(stage, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    stage.replace(path)
    sync_directory(path.parent)


def append(path: Path, line: str, *, mode: int = 0o600) -> None:
    """Add one line and return only when the disk has it."""
    new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(line + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    if new:
        sync_directory(path.parent)


def identity(path: Path) -> str:
    """Inode and time of birth: the same for as long as `path` is the same thing, wherever it is moved to.

    Python has no call for statx(2), which knows the time of birth. Raises Failed where nothing stands there.
    """
    return run(["stat", "--format=%i %w", str(path)], timeout=10).strip()


@contextmanager
def locked(path: Path, *, what: str, wait: float = 0, shared: bool = False, inherited: bool = False) -> Iterator[None]:
    """Hold `path` for as long as this process lives: a lock of a killed run is no lock.

    `shared`: together with all others who say so, and not with those who don't. `inherited`: until the programs that
    were started meanwhile have ended as well. Where this process alone is killed (by hand, or for want of memory) they
    go on with what the next run would take from under them.

    Raises Refused where another process still holds it after `wait` seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    busy = Refused(f"{what} is already running here", hint="wait for it to end, then look at its result")
    with path.open("a", encoding="utf-8") as stream:
        wait_until(lambda: _taken(stream, fcntl.LOCK_SH if shared else fcntl.LOCK_EX), timeout=wait, late=busy)
        os.set_inheritable(stream.fileno(), inherited)
        yield


def _taken(stream: IO[str], how: int) -> bool:
    try:
        fcntl.flock(stream, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
