"""How far an archive is. borg says it on standard error, a JSON document a line (borg 1.4, "All about JSON")."""

import json
from collections.abc import Callable
from typing import Any

OPTIONS = ("--progress", "--log-json")
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
