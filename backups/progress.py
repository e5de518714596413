"""How far an archive is. borg says it on standard error, a JSON document a line (borg 1.4, "All about JSON")."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from effects import files

OPTIONS = ("--progress", "--log-json")
TALLY = "progress-"
Seen = Callable[[int, int], None]  # bytes read of what is saved, files


def heard(seen: Seen) -> Callable[[str], str | None]:
    """What to do with a line: progress is handed on, borg's words are kept, and the rest is dropped."""

    def line(raw: str) -> str | None:
        try:
            said: Any = json.loads(raw)
        except ValueError:
            return raw  # ssh's own words
        if not isinstance(said, dict):
            return raw
        if said.get("type") == "archive_progress" and not said.get("finished"):
            seen(int(said.get("original_size", 0)), int(said.get("nfiles", 0)))
        return str(said["message"]) if said.get("type") == "log_message" and "message" in said else None

    return line


class Tally:
    """Notes how far something is, for whoever looks from outside: at most once a second. Losing it harms nothing."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{TALLY}{name}"
        self._next = 0.0

    def __call__(self, done: int, count: int) -> None:
        """`done` bytes, of `count` files."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1.0
            with suppress(OSError):
                files.write(self._path, f"{done} {count}", mode=0o600)


def tallied(folder: Path) -> tuple[int, int] | None:
    """Bytes and files of all that noted something there; None where nobody did."""
    found = list[tuple[int, int]]()
    for path in folder.glob(f"{TALLY}*"):
        with suppress(OSError, ValueError):
            done, count = path.read_text(encoding="ascii").split()
            found.append((int(done), int(count)))
    return (sum(done for done, _ in found), sum(count for _, count in found)) if found else None


def forget(folder: Path) -> None:
    """Begin anew."""
    for path in folder.glob(f"{TALLY}*"):
        path.unlink(missing_ok=True)
