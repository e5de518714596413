"""What the log of a database server that lies aside has after a position: transactions, when, of which tables.

The data is only read. Of a MariaDB server those are its binary logs; of a PostgreSQL server what is left of its WAL.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backups import tables
from backups.streams import binlog, order
from backups.streams.coverage import Run
from backups.streams.frames import Position
from backups.streams.notes import Note
from backups.streams.replay import Log
from backups.streams.transactions import Transaction
from backups.streams.written import HEAD, MOST, files_of
from estate.model import Engine
from estate.points import Tail
from estate.problem import Missing

_EVENTS = re.compile(r"(insert|update|delete) (.+?)(?: \((\d+) events\))?")  # as backups.streams.binlog words them
_ROWS = re.compile(r"(\d+) (\w+) in (.+)")  # as backups.streams.transactions does

Tables = Mapping[str, Mapping[str, int]]  # table: insert, update, delete, statement: how many


@dataclass(frozen=True, slots=True)
class Written:
    """What was committed after a position. `faults` name what could not be read; it does not hide the rest."""

    transactions: int
    first: datetime | None
    last: datetime | None
    tables: Tables
    faults: tuple[str, ...]


def look(data: Path, tail: Tail) -> Written:
    """Of the data of a server that is stopped. Raises Problem where nothing of its log can be read."""
    position = Position.of(tail.position)
    return mariadb(data, position) if tail.engine is Engine.MARIADB else postgresql(data, position, tail)


def mariadb(data: Path, position: Position) -> Written:
    """File by file: a binary log may be large."""
    base = position.name.rpartition(".")[0]
    logs = [path for path in data.glob(f"{base}.*") if path.name.rpartition(".")[2].isdigit()]
    wanted = sorted((Position(path.name, 0) for path in logs), key=lambda one: one.order)
    wanted = [one for one in wanted if one.order[:2] >= position.order[:2]]
    faults, found = list[str](), list[Transaction]()
    if position.name not in {one.name for one in wanted}:
        faults.append(f"{position.name} is not among its binary logs: what was in it is not counted")
    for one in wanted:
        path = data / one.name
        with path.open("rb") as stream:
            head = stream.read(HEAD)[len(binlog.MAGIC) :]
        if binlog.encrypted(head) or path.stat().st_size > MOST:
            faults.append(f"{one.name} is {'encrypted' if binlog.encrypted(head) else 'too large'}: it is not counted")
            continue
        # One that the twin had only a part of was not replayed: it counts by its end.
        found += [it for it in binlog.transactions(one.name, path.read_bytes()) if it.end.order > position.order]
    return summed(found, faults, by_events(one.what for one in found))


def by_events(said: Iterable[str]) -> Tables:
    """Events by table and kind, out of the words of binary logs; statements stand under their database. Pure."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for word in (word for what in said for word in what.split(", ") if word):
        if match := _EVENTS.fullmatch(word):
            found[match[2]][match[1]] += int(match[3] or 1)
        elif ": " in word:  # what follows a comma in a statement belongs to it
            found[f"{word.partition(':')[0]}.*"]["statement"] += 1
    return {name: dict(counts) for name, counts in sorted(found.items())}


def postgresql(data: Path, position: Position, tail: Tail) -> Written:
    """By pg_waldump. Names are those of the server that serves now: a table that is gone since stays a number."""
    timeline, wal = int(position.name[:8], 16), data / "pg_wal"
    at = order.wal_position(timeline, order.wal_start(position.name) + position.offset)  # never at the end of a file
    names = _consecutive(wal, at.name)
    if not names:
        raise Missing(f"{wal} has no {at.name} any more", hint="look at its tables: docs/recovery.md, Return")
    log = Log(Engine.POSTGRESQL, wal, Run(at, at, None, names, gap=False), Note(tail.chain, at, tail.until))
    found = log.transactions()
    rows = log.changes(Position(names[-1], order.SEGMENT - 1)) if found else {}
    counted = by_rows(rows.get(one.id, "") for one in found)
    return summed(found, (), named(counted, _names(counted)))


def _consecutive(wal: Path, first: str) -> tuple[str, ...]:
    names = list[str]()
    while (wal / first).exists():
        names.append(first)
        first = order.successor(Engine.POSTGRESQL, first)
    return tuple(names)


def by_rows(said: Iterable[str]) -> Tables:
    """Rows by `database/file` and kind, out of the words of `changed`. Pure."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for match in (_ROWS.fullmatch(word) for what in said for word in what.split(", ")):
        if match:
            found[match[3]][match[2]] += int(match[1])
    return {name: dict(counts) for name, counts in sorted(found.items())}


def named(counted: Tables, names: Mapping[str, str]) -> Tables:
    """The same, under the names that are known. Pure."""
    return {names.get(place, place): counts for place, counts in counted.items()}


def _names(counted: Tables) -> Mapping[str, str]:
    wanted = {place.partition("/")[0] for place in counted}
    if not wanted:
        return {}
    said = tables.in_postgresql("postgres", "SELECT oid, datname FROM pg_database WHERE datallowconn")
    known = dict(line.split("\t") for line in said.splitlines() if line.count("\t") == 1)
    databases = [name for oid, name in known.items() if oid in wanted]
    return {file: f"{name}.{table}" for name in databases for table, file in files_of(name).items()}


def summed(found: list[Transaction], faults: Iterable[str], counted: Tables) -> Written:
    """How many, from when to when. Pure."""
    times = [one.at for one in found]
    return Written(len(found), min(times, default=None), max(times, default=None), counted, tuple(faults))
