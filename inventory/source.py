"""An estate file as text and plain tree, or one BadEstate that says why it can't be read."""

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estate.problem import BadEstate
from inventory.faults import Fault, show
from inventory.lines import line_of, locate

_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


@dataclass(frozen=True, slots=True)
class Source:
    """What was read. `tree` holds only dicts with string keys, lists and scalars."""

    path: Path
    text: str
    tree: dict[str, Any]

    @property
    def is_json(self) -> bool:
        """Machine-made; lines are of no use there."""
        return self.path.suffix == ".json"

    def refuse(self, faults: list[Fault]) -> BadEstate:
        """All faults as one error, in the order of the file."""
        lines = {} if self.is_json else locate(self.text)
        numbered = sorted(((line_of(fault.place, lines) or 0, fault) for fault in faults), key=lambda pair: pair[0])
        told = [f"{self.path.name}{f':{line}' if line else ''}: {show(f.place)}: {f.what}" for line, f in numbered]
        count = "this" if len(told) == 1 else f"these {len(told)} faults"
        return BadEstate("\n".join(told), hint=f"mend {count}, then: seawall estate check --estate {self.path}")


def read(path: Path) -> Source:
    """Text and tree of a TOML file, or of JSON where the suffix says so. Raises BadEstate."""
    text = _text(path)
    try:
        tree = json.loads(text, object_pairs_hook=_no_repeats) if path.suffix == ".json" else tomllib.loads(text)
    except json.JSONDecodeError as fault:
        raise _syntax(path, fault.lineno, fault.msg) from None
    except RecursionError:
        raise _syntax(path, None, "it is nested too deeply") from None
    except ValueError as fault:  # tomllib's own error among them, and numbers of thousands of digits
        raise _toml_fault(path, text, str(fault)) from None
    if not isinstance(tree, dict):
        raise _syntax(path, 1, "the document must be one object")
    return Source(path, text, tree)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise BadEstate(f"{path}: there is no such file", hint=f"write one with: seawall estate init {path}") from None
    except IsADirectoryError:
        raise BadEstate(
            f"{path} is a directory", hint=f"name the file in it: --estate {path / 'estate.toml'}"
        ) from None
    except OSError as fault:
        raise BadEstate(f"{path} can't be read: {fault.strerror}", hint=f"look at its rights: ls -l {path}") from None
    except UnicodeDecodeError as fault:
        line = fault.object[: fault.start].count(b"\n") + 1
        raise BadEstate(
            f"{path.name}:{line}: this is not UTF-8", hint=f"convert it: iconv -f latin1 -t utf-8 {path}"
        ) from None


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key given twice is refused, as TOML does."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _toml_fault(path: Path, text: str, said: str) -> BadEstate:
    at = _AT_LINE.search(said)
    last = len(text.splitlines()) if said.endswith("(at end of document)") else None
    return _syntax(path, int(at[1]) if at else last, _AT_LINE.sub("", said).replace(" (at end of document)", ""))


def _syntax(path: Path, line: int | None, said: str) -> BadEstate:
    where = f"{path.name}:{line}" if line else path.name
    kind = "JSON" if path.suffix == ".json" else "TOML"
    return BadEstate(
        f"{where}: this is not {kind}: {said}", hint=f"mend that line, then: seawall estate check --estate {path}"
    )
