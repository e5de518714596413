"""What was looked at, planned and drafted before anything was ordered: a journal of its own on the twin, one a month.

It is for the report alone, so nothing waits for it and nothing fails for it. Only what differs from what was noted last
is noted: a look every minute that says the same makes one entry.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from backups import paths
from drp.verdict import State
from effects import files
from effects.clock import now
from effects.journal import Entry, Journal
from estate.problem import Problem

FOLDER = paths.STATE / "drp-notes"
LOOKED, PLANNED, DRAFTED, RESTORED, ORPHANS = "looked", "planned", "drafted", "restored", "orphans"
EVENTS = (LOOKED, PLANNED, DRAFTED, RESTORED, ORPHANS)
LARGEST = 4_000_000  # bytes a month; what comes later is not noted


def note(event: str, detail: dict[str, Any], folder: Path = FOLDER) -> None:
    """One of EVENTS. What can't be noted is not."""
    with suppress(Problem, OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with files.locked(folder / "lock", what="another note", wait=5):
            book = Journal(folder / f"notes-{now():%Y-%m}.jsonl")
            if book.path.exists() and book.path.stat().st_size > LARGEST:
                return
            last = next((one for one in reversed(book.entries()) if one.event == event), None)
            if last is None or dict(last.detail) != dict(detail):
                book.write(event, **detail)


def books(folder: Path = FOLDER) -> dict[str, str]:
    """Name to text, of each month."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("notes-*.jsonl"))}


def lost_at(notes: Sequence[Entry], host: str, *, after: datetime | None, before: datetime) -> datetime | None:
    """When a look first found that host lost: of those looks, without one in between that found it well again."""
    first: datetime | None = None
    for entry in notes:
        if entry.event != LOOKED or entry.at > before or (after is not None and entry.at < after):
            continue
        state = _state(entry, host)
        first = (first or entry.at) if state == State.LOST else None if state == State.ANSWERS else first
    return first


def _state(entry: Entry, host: str) -> str:
    hosts = entry.detail.get("hosts")
    return str(hosts.get(host)) if isinstance(hosts, Mapping) else ""
