"""Gaps of the stream that the shipper of this host noted: what a side will never get of a log.

Everything before a gap is reached from an older snapshot, nothing after it, until there is a younger one.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from backups.streams.chains import STATE
from effects import files
from effects.clock import now
from estate.model import Engine, Side

GAPS = STATE / "gaps.jsonl"  # for ever: what was missing on which side, and since when


def note(engine: Engine, side: Side, what: str) -> None:
    """Write it down."""
    row = {"at": now().isoformat(), "engine": engine, "side": side, "what": what}
    files.append(GAPS, json.dumps(row))


def open_since(engine: Engine, saved: Iterable[datetime | None], path: Path | None = None) -> datetime | None:
    """When its newest gap was noted; None where a snapshot was begun after it. `saved`: the newest of each side."""
    newest = max((at for at in saved if at is not None), default=None)
    noted = max(_noted(engine, path or GAPS), default=None)
    return noted if noted is not None and (newest is None or newest <= noted) else None


def _noted(engine: Engine, path: Path) -> Iterable[datetime]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            row = json.loads(line)
            if row["engine"] == engine:
                yield datetime.fromisoformat(row["at"])
        except (ValueError, KeyError, TypeError):
            continue  # torn when the disk was full
