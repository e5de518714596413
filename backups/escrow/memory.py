"""The directory beside the estate file: every sealed file that was ever made, and which keys are known to be good."""

import json
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from backups.escrow import contents
from backups.escrow.custody import Held
from backups.escrow.sealing import Sealed, parse
from effects import files
from estate.escrow import MEMORY
from estate.problem import Failed, Missing

NAME = re.compile(r"(?P<estate>[a-z0-9-]+)-(?P<number>\d{4,})-[0-9a-f]{8}\.sealed")
TURN = 300.0  # seconds that a run waits for the one before it


def file_name(estate: str, number: int, content: str) -> str:
    """`lab-0007-1a2b3c4d.sealed`: no two of them are ever the same, so none is ever overwritten."""
    return f"{estate}-{number:04}-{sha256(content.encode()).hexdigest()[:8]}.sealed"


def number_of(name: str) -> int:
    """0 where it is not named as ours."""
    found = NAME.fullmatch(name)
    return 0 if found is None else int(found["number"])


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the estate file in `base`."""

    base: Path

    @property
    def folder(self) -> Path:
        """Root's alone."""
        return self.base / MEMORY

    def locked(self) -> AbstractContextManager[None]:
        """One export at a time: numbers are given once."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        return files.locked(self.folder / ".lock", what="an export of keys", wait=TURN)

    def known(self) -> dict[str, Held]:
        """Keys that are known to be good, by name; empty before the first export. Raises Failed where it is spoilt."""
        path = self.folder / "known.json"
        try:
            return contents.keys_from(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Failed(
                f"{path} is not as it was written",
                hint=f"restore it from the newest sealed file: seawall backup keys restore {self.folder}/… --to DIR",
            ) from None

    def remember(self, known: Mapping[str, Held]) -> None:
        """For the next time."""
        files.write(self.folder / "known.json", contents.known_text(known), mode=0o600)

    def sealed(self) -> dict[str, str]:
        """Every sealed file's content by its name, oldest first."""
        found = sorted(path for path in self.folder.glob("*.sealed") if number_of(path.name))
        return {path.name: path.read_text(encoding="utf-8") for path in found}

    def keep(self, name: str, content: str) -> None:
        """A new one."""
        files.write(self.folder / name, content, mode=0o600)

    def newest(self) -> Sealed:
        """The newest sealed file. Raises Missing where there is none, Untrusted where it was changed."""
        kept = self.sealed()
        if not kept:
            raise Missing(f"there is no sealed file in {self.folder}", hint="make one: seawall backup keys export")
        return parse(kept[max(kept, key=number_of)])
