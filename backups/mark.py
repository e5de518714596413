"""Which archive stands where: what a restore and a hydration leave behind when they have come to their end."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from backups import paths
from effects import files
from estate.points import Archive
from estate.problem import Failed

RESTORED = paths.STATE / "restored"


@dataclass(frozen=True, slots=True)
class Beyond:
    """What a database server was brought on by, beyond its snapshot."""

    said: str  # in words
    until: datetime  # all that was committed before is there
    end: str = ""  # FILE:OFFSET of the log that it follows: all before is there; empty where nobody knew


@dataclass(frozen=True, slots=True)
class Mark:
    """Which archive stands where. It is bound to one directory, whatever was renamed since.

    By inode and time of birth: file systems give the inode of a directory that was removed to the next one.
    """

    subject: str  # a vhost's domain, or an engine; with "+hydrated" what stands ready for it

    @property
    def _file(self) -> Path:
        return RESTORED / f"{self.subject}.json"

    def write(self, archive: Archive, directory: Path, beyond: Beyond | None = None, order: str = "") -> None:
        """Say that `directory`, wherever it is moved to, holds `archive`, what it holds `beyond` that, and for whom."""
        RESTORED.mkdir(mode=0o700, parents=True, exist_ok=True)
        more = beyond and {"said": beyond.said, "until": beyond.until.isoformat(), "end": beyond.end}
        row = {"archive": archive.id, "directory": files.identity(directory), "beyond": more, "order": order}
        files.write(self._file, json.dumps(row), mode=0o600)

    def holds(self, archive: Archive, directory: Path) -> bool:
        """Whether `directory` is the one that `archive` was restored into."""
        known = self._known
        try:
            return (known.get("archive"), known.get("directory")) == (archive.id, files.identity(directory))
        except Failed:
            return False

    @property
    def beyond(self) -> Beyond | None:
        """What it was written with."""
        try:
            row = self._known["beyond"]
            return Beyond(str(row["said"]), datetime.fromisoformat(row["until"]), str(row.get("end", "")))
        except (KeyError, TypeError, ValueError):
            return None

    def of_order(self, order: str) -> bool:
        """Whether it was brought for that order: what came in beyond the archive since another one, it has not.

        One that was written before orders were noted is taken for anybody's.
        """
        known = self._known
        return bool(known) and known.get("order", order) == order

    @property
    def _known(self) -> dict[str, Any]:
        """What was written; empty where it can't be read, so that it holds nothing."""
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def clear(self) -> None:
        """It holds nothing any more, for it is about to change."""
        if self._file.exists():
            self._file.unlink()
            files.sync_directory(RESTORED)
