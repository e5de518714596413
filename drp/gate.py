"""Whether a job still goes on: asked before each of its steps begins, and answered by whoever cancels it.

Both hold the same lock. So what the journal says was begun is all that ever will be, once it was cancelled.
"""

from contextlib import AbstractContextManager
from pathlib import Path

from effects import files

CLOSED = "cancelled"


def locked(folder: Path) -> AbstractContextManager[None]:
    """One at a time, for the job in that directory."""
    return files.locked(folder / "gate.lock", what="a look at whether the job goes on", wait=60)


def closed(folder: Path) -> bool:
    """Whether it was cancelled."""
    return (folder / CLOSED).exists()


def close(folder: Path) -> None:
    """No step of it begins any more; what is under way ends."""
    (folder / CLOSED).touch()
    files.sync_directory(folder)
