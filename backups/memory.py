"""What became of the last runs: the newest outcome, and the newest success, per kind and side.

A host's own memory. What it has forgotten it takes anew; what it believes by mistake the twin sees in the repositories.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from backups import paths
from effects import files
from estate.model import Side
from estate.points import Kind


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one archive on one side. `error` is None where it is safe there."""

    archive: str
    side: Side
    server: str
    kind: Kind
    at: datetime
    seconds: float
    bytes: int  # that this archive added to the repository
    error: str | None
    code: int = 0  # the exit code of that error
    size: int = 0  # bytes that a restore of it writes


def remember(taken: Sequence[Taken]) -> None:
    """Keep the newest outcome, and the newest success, per kind and side, for `seawall backup status`."""
    paths.STATUS.parent.mkdir(parents=True, exist_ok=True)
    with files.locked(paths.STATUS.with_suffix(".lock"), what="a look at the status", wait=30):
        known = recall()
        for one in taken:
            row = json.loads(json.dumps(asdict(one), default=str))
            known[f"{one.kind}.{one.side}.last"] = row
            if one.error is None:
                known[f"{one.kind}.{one.side}.good"] = row
        files.write(paths.STATUS, json.dumps(known, indent=1, sort_keys=True), mode=0o600)


def forget() -> None:
    """What stands here now was brought from elsewhere, so nothing of it is saved: the scheduler takes it at once."""
    with files.locked(paths.STATUS.with_suffix(".lock"), what="a look at the status", wait=30):
        paths.STATUS.unlink(missing_ok=True)


def recall() -> dict[str, Any]:
    """What `remember` kept; empty before the first run."""
    try:
        known: dict[str, Any] = json.loads(paths.STATUS.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return known if isinstance(known, dict) else {}


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of one kind."""

    saved: dict[Side, datetime | None]
    tried: datetime | None  # when the last run of it began
    errors: dict[Side, tuple[int, str]]  # exit code and words, of sides that did not take the last one
    size: int = 0  # bytes of the largest of the newest


def known(kind: Kind) -> Known:
    """As `remember` kept it; a row that can't be read is one that was never kept."""
    rows = recall()
    last = {side: rows.get(f"{kind}.{side}.last") or {} for side in Side}
    tries = [at for row in last.values() if (at := _instant(row))]
    return Known(
        saved={side: _instant(rows.get(f"{kind}.{side}.good") or {}) for side in Side},
        tried=max(tries, default=None),
        size=max((int((rows.get(f"{kind}.{side}.good") or {}).get("size", 0)) for side in Side), default=0),
        errors={side: (int(row.get("code", 0)), str(row["error"])) for side, row in last.items() if row.get("error")},
    )


def _instant(row: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(row["at"])
    except (KeyError, TypeError, ValueError):
        return None
