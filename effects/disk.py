"""How much room there is, and what takes it."""

import os
import shutil
from pathlib import Path


def room(path: Path) -> tuple[int, int]:
    """Bytes that are free for us on the file system of `path`, and bytes that it has."""
    found = shutil.disk_usage(path)
    return found.free, found.total


def size(path: Path) -> int:
    """Bytes that a tree takes on its disk; what goes while it is looked at is not counted. Links are not followed."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(Path(folder) / name).st_blocks * 512
            except FileNotFoundError:
                continue
    return total
