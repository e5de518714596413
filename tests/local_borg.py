"""Real borg without a backup server: the same class, with a directory of this machine where the url goes."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from borg_forked import forked

from backups import paths, repository
from backups.repository import Repository


@dataclass(frozen=True, slots=True)
class Local(Repository):
    """A repository below `folder`."""

    folder: Path = Path("/nonexistent")

    @property
    def url(self) -> str:
        return str(self.folder / self.client / self.kind)


def use_local_borg(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Let borg be the one beside this interpreter, at home below `folder`. Where the passphrase is kept."""
    monkeypatch.setattr(paths, "BORG", Path(sys.executable).with_name("borg"))
    monkeypatch.setattr(paths, "BORG_HOME", folder / "home")
    monkeypatch.setattr(repository, "attempt", forked)
    kept = folder / "passphrase"
    kept.write_text("a test's own", encoding="utf-8")
    kept.chmod(0o600)
    return kept
