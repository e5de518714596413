"""The record of what was begun and done: one JSON line per entry, each bound to the one before by its hash.

An entry is on the disk before `write` returns, so an act that was begun is known after any crash. A last line
without its newline was never acknowledged: it is left out on reading and cut off before the next append. Any
other line that does not fit its neighbour was changed by somebody, and nothing after it is believed.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from effects import clock as system_clock
from effects import files
from estate.problem import Failed, Untrusted

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

START = "0" * 64  # stands in for the digest before the first entry


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened: `event` is opened, begun, held, done, failed or closed."""

    number: int  # from 1
    at: datetime  # aware, UTC
    event: str
    step: str  # "files", "dns", …; empty where the event is about the whole run
    subject: str  # a vhost's domain or an engine
    detail: Mapping[str, Json]
    previous: str  # digest of the entry before
    digest: str  # SHA-256 of all of the above, in hexadecimal


class Journal:
    """One file, written by one process at a time (the caller holds the lock), and any of its threads."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = system_clock.now) -> None:
        self.path = path
        self._clock = clock
        self._turn = Lock()
        self._last: Entry | None = None
        self._size = -1  # of the file when `_last` was its last entry; -1 before the first look

    def write(self, event: str, step: str = "", subject: str = "", **detail: Json) -> Entry:
        """Append one entry; it is on the disk when this returns.

        Raises Failed where the disk takes no more, Untrusted where the file was changed by somebody.
        """
        with self._turn:
            return self._append(event, step, subject, detail)

    def _append(self, event: str, step: str, subject: str, detail: Mapping[str, Json]) -> Entry:
        try:
            self._catch_up()
            number = 1 if self._last is None else self._last.number + 1
            entry = _sealed(Entry(number, self._clock(), event, step, subject, detail, self._digest(), digest=""))
            files.append(self.path, _line(entry))
            self._last, self._size = entry, self.path.stat().st_size
        except OSError as fault:
            raise Failed(
                f"the journal {self.path} can't be written: {fault.strerror}",
                hint=f"make room and check rights: df -h {self.path.parent}; then run the same command again",
            ) from None
        return entry

    def entries(self) -> tuple[Entry, ...]:
        """Everything acknowledged so far, oldest first. Raises Untrusted where the chain is broken."""
        return parse(self._text(), name=str(self.path))

    @property
    def head(self) -> str:
        """Digest of the last entry, or the value the chain starts from; it stands for the whole journal."""
        entries = self.entries()
        return entries[-1].digest if entries else START

    def _digest(self) -> str:
        return START if self._last is None else self._last.digest

    def _text(self) -> str:
        """The file as ASCII; a byte that can't be one becomes U+FFFD, which no digest covers."""
        return self.path.read_bytes().decode("ascii", errors="replace") if self.path.exists() else ""

    def _catch_up(self) -> None:
        """Know the last entry, and cut off a torn line. Costs one look at the size where nothing changed."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size == self._size:
            return
        text = self._text()
        entries = parse(text, name=str(self.path))
        self._last = entries[-1] if entries else None
        if text and not text.endswith("\n"):
            files.write(self.path, text[: text.rfind("\n") + 1], mode=0o600)


def parse(lines: str, *, name: str) -> tuple[Entry, ...]:
    """The entries of a journal's text, for example fetched from another host. `name` is for messages.

    Raises Untrusted, naming the line, where the chain is broken.
    """
    entries: list[Entry] = []
    *whole, _torn = lines.split("\n")
    for number, line in enumerate(whole, start=1):
        entry = _read(line)
        previous = entries[-1].digest if entries else START
        if entry is None or (entry.number, entry.previous) != (number, previous):
            raise Untrusted(
                f"{name}, line {number}: this is not what was written there",
                hint=f"keep {name} as evidence, find out who changed it, compare it with the other host's",
            )
        entries.append(entry)
    return tuple(entries)


def _read(line: str) -> Entry | None:
    """The entry, or None where the line is none or its digest does not cover it."""
    try:
        raw = json.loads(line)
        entry = _sealed(Entry(**{**raw, "at": datetime.fromisoformat(raw["at"])}))
    except (ValueError, TypeError, KeyError):
        return None
    return entry if _line(entry) == line else None


def _sealed(entry: Entry) -> Entry:
    """With its digest, whatever stood there, and its time in UTC."""
    entry = replace(entry, at=entry.at.astimezone(UTC))
    body = {name: value for name, value in _fields(entry).items() if name != "digest"}
    return replace(entry, digest=hashlib.sha256(_dump(body)).hexdigest())


def _fields(entry: Entry) -> dict[str, Json]:
    values: dict[str, Json] = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return values | {"at": entry.at.isoformat()}


def _line(entry: Entry) -> str:
    return _dump(_fields(entry)).decode("ascii")


def _dump(body: Mapping[str, Json]) -> bytes:
    """One way only to write the same thing: the digest stands on it."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
