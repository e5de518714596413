"""Which archive stands where: what a restore and a hydration leave behind when they have come to their end."""

import json
from dataclasses import dataclass
from pathlib import Path

from backups import paths
from effects import files
from estate.points import Archive
from estate.problem import Failed

RESTORED = paths.STATE / "restored"


@dataclass(frozen=True, slots=True)
class Mark:
    """Which archive stands where. It is bound to one directory, whatever was renamed since.

    By inode and time of birth: file systems give the inode of a directory that was removed to the next one.
    """

    subject: str  # a vhost's domain, or an engine; with "+hydrated" what stands ready for it

    @property
    def _file(self) -> Path:
        return RESTORED / f"{self.subject}.json"

    def write(self, archive: Archive, directory: Path, beyond: str = "") -> None:
        """Say that `directory`, wherever it is moved to, holds `archive`, and in words what it holds `beyond` that."""
        RESTORED.mkdir(mode=0o700, parents=True, exist_ok=True)
        row = {"archive": archive.id, "directory": files.identity(directory), "beyond": beyond}
        files.write(self._file, json.dumps(row), mode=0o600)

    def holds(self, archive: Archive, directory: Path) -> bool:
        """Whether `directory` is the one that `archive` was restored into."""
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
            return (known["archive"], known["directory"]) == (archive.id, files.identity(directory))
        except (OSError, Failed, json.JSONDecodeError, KeyError):
            return False

    @property
    def beyond(self) -> str:
        """What it was written with; empty where that is nothing."""
        try:
            return str(json.loads(self._file.read_text(encoding="utf-8")).get("beyond", ""))
        except (OSError, json.JSONDecodeError):
            return ""

    def clear(self) -> None:
        """It holds nothing any more, for it is about to change."""
        if self._file.exists():
            self._file.unlink()
            files.sync_directory(RESTORED)
