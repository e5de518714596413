"""Audits that were made, one JSON file each: BASE/ESTATE/HOST/2026-11-22T05:44:01Z.json, oldest first by name."""

import json
import os
from pathlib import Path
from typing import Any

from effects import files
from supervision.audit import Audit
from supervision.findings import TITLES, Judged, Score

FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def base() -> Path:
    """Where audits are kept on a control machine: root's with the system's state, anybody else's with their own."""
    if os.geteuid() == 0:
        return Path("/var/lib/seawall/audits")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "seawall/audits"


def document(audit: Audit) -> dict[str, Any]:
    """JSON types only. A score is {points, of, percent}; percent is None where nothing applies."""
    return {
        "host": audit.host,
        "at": audit.at.strftime(FORMAT),
        "known": audit.known,
        "met": audit.met,
        "traits": sorted(audit.traits),
        "scans": {each.scan.scanner.value: _scan(each) for each in audit.results},
    }


def _scan(judged: Judged) -> dict[str, Any]:
    scan = judged.scan
    return {
        "title": TITLES[scan.scanner],
        "version": scan.version,
        "seconds": scan.seconds,
        "error": scan.error,
        "met": judged.met,
        "goal": {"raw": judged.goal.raw, "declared": judged.goal.declared},
        "raw": _score(scan.raw),
        "declared": _score(judged.declared),
        "remaining": [
            {"id": each.id, "title": each.title, "advice": each.advice, "points": each.points, "of": each.of}
            for each in judged.remaining
        ],
        "excluded": [
            {"id": finding.id, "title": finding.title, "reason": exclusion.reason}
            for finding, exclusion in judged.excluded
        ],
    }


def _score(score: Score) -> dict[str, Any]:
    return {"points": score.points, "of": score.of, "percent": score.percent}


def store(folder: Path, found: dict[str, Any]) -> Path:
    """Keep one audit below `folder` (of one estate), readable by its owner alone: it names what is weak."""
    path = folder.joinpath(found["host"], f"{found['at']}.json")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(path, json.dumps(found, indent=1, sort_keys=True) + "\n", mode=0o600)
    return path


def kept(folder: Path, host: str) -> list[dict[str, Any]]:
    """All audits of a host, oldest first."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / host).glob("*.json"))]
