"""What production counted in its tables when a snapshot was taken: the manifest against which its proof is held.

Counted right after the copy was made, while people go on writing. What the server's own log says was written since the
copy is left out: so everything else must come back as it was counted, row for row. It costs production a reading of its
tables, within a bound of seconds; databases are taken in another order each time, so that over days each is counted.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from backups.engines import Server
from backups.site import Site
from backups.streams.written import Written, since
from backups.tables import HOLDS, ROWS, SUM, Bound, Evidence
from effects import files
from effects.clock import Stopwatch
from estate.model import Engine
from estate.problem import Problem, Untrusted

NAME = "seawall-counted.json"  # beside the copy's own files: both servers leave alone what they don't know there
LATE = "there was no time left for it"
FAULTS = (Problem, OSError, ValueError)  # of a reading, and not of the snapshot
LEAST = 1.0  # seconds; the servers take a limit of 0 for none
MOST = 64 << 20  # bytes of a manifest


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows and checksums by database, as `tables` names them, and what was left out, in words."""

    databases: Mapping[str, Evidence] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    def words(self, database: str) -> str:
        """What of a database was counted, and what was not."""
        tables = len(_tables(self.databases.get(database, {})))
        return "; ".join(filter(None, (f"{tables} tables counted" if tables else "", self.left_out.get(database, ""))))


_COUNTED = TypeAdapter(Counted)


def write(site: Site, server: Server, copy: Path, turn: str) -> None:
    """Count, and put it into the copy, which holds none afterwards where the estate wants none.

    `turn`: what differs each time. No fault of a database is one of its snapshot.
    """
    (copy / NAME).unlink(missing_ok=True)  # PostgreSQL copies what it does not know
    seconds = site.estate.backup.count_seconds
    if not seconds:
        return
    names = _databases(site, server.engine, turn)
    try:
        _write(copy, _count(server, copy, names, seconds))
    except FAULTS as fault:  # a name that is no text in any encoding, a full disk
        with suppress(*FAULTS):
            _write(copy, Counted({}, dict.fromkeys(names, _words(fault))))


def _write(copy: Path, counted: Counted) -> None:
    files.write(copy / NAME, _COUNTED.dump_json(counted).decode() + "\n", mode=0o600)


def _databases(site: Site, engine: Engine, turn: str) -> list[str]:
    names = [db.name for db in site.estate.databases_on(site.host, engine)]
    return sorted(names, key=lambda name: sha256(f"{turn} {name}".encode()).digest())


def _count(server: Server, copy: Path, databases: Iterable[str], seconds: float) -> Counted:
    watch, found, left = Stopwatch(), dict[str, Evidence](), dict[str, str]()
    for name in databases:
        if (remain := seconds - watch.seconds) < LEAST:
            left[name] = LATE
            continue
        try:
            found[name] = HOLDS[server.engine](name, Bound(remain, serving=True))
        except FAULTS as fault:
            left[name] = _words(fault)
    try:
        written = since(server, copy, {name: _tables(counted) for name, counted in found.items()})
    except FAULTS as fault:
        return Counted({}, left | dict.fromkeys(found, _words(fault)))
    return _untouched(found, left, written)


def _words(fault: Exception) -> str:
    said = fault.what if isinstance(fault, Problem) else str(fault)
    return " ".join(said.encode(errors="replace").decode().split())


def _tables(counted: Evidence) -> list[str]:
    return [word.removeprefix(ROWS) for word in counted if word.startswith(ROWS)]


def _untouched(found: Mapping[str, Evidence], left: Mapping[str, str], written: Written) -> Counted:
    kept, out = dict[str, Evidence](), dict(left)
    for name, counted in found.items():
        moved = written.tables(name, _tables(counted))
        gone = {f"{what}{table}" for table in moved for what in (ROWS, SUM)} | {"rows", "tables"}
        kept[name] = {word: value for word, value in counted.items() if word not in gone}
        if moved:
            out[name] = f"written since: {', '.join(sorted(moved))}"
    return Counted(kept, out)


def read(copy: Path) -> Counted | None:
    """What stands in a copy; None where it has none. Raises Untrusted where it is none that could be read."""
    try:
        handle = os.open(copy / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise _unreadable(fault) from fault
    try:
        with open(handle, "rb") as stream:  # noqa: PTH123 - opened already, and never through a link
            return _COUNTED.validate_json(stream.read(MOST))
    except (ValidationError, OSError) as fault:
        raise _unreadable(fault) from fault


def _unreadable(fault: Exception) -> Untrusted:
    return Untrusted(f"what production counted can't be read: {str(fault)[:200]}", hint="seawall backup databases")
