"""Transactions of a log, and which is the first that is not wanted. Pure."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backups.streams import order
from backups.streams.frames import Position
from estate.model import Engine

# pg_waldump(1), PostgreSQL 15 and 17, with TZ=UTC
_RECORD = re.compile(
    r"tx:\s+(\d+), lsn: ([0-9A-F]+/[0-9A-F]+), prev \S+, desc: (COMMIT|ABORT)(?:_PREPARED)? (?:\S+: )?"
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC(.*)"
)
_HEAP = re.compile(r"^rmgr: Heap.*tx:\s+(\d+),.*desc: (INSERT|UPDATE|HOT_UPDATE|DELETE|MULTI_INSERT|TRUNCATE)\b(.*)")
_TUPLES = re.compile(r"^\S* (?:(\d+) tuples|ntuples: (\d+))")
_FILE = re.compile(r"rel \d+/(\d+)/(\d+)")
_RELATIONS = re.compile(r"(?<!\w)rels: ([^;]*)")
COARSE = {Engine.MARIADB: timedelta(seconds=1), Engine.POSTGRESQL: timedelta(0)}


@dataclass(frozen=True, slots=True)
class Transaction:
    """One that was committed."""

    id: str  # a GTID, or an XID
    at: datetime  # as exact as the log knows it: MariaDB's knows seconds
    start: Position  # stop here, and it has not happened
    end: Position
    what: str


def committed(dump: str, timeline: int, segment: int) -> Iterator[Transaction]:
    """Those that `pg_waldump --rmgr=Transaction` shows."""
    for found in _RECORD.finditer(dump):
        xid, lsn, verb, stamp, rest = found.groups()
        if verb == "COMMIT":
            position = order.wal_position(timeline, order.lsn_of(lsn), segment)
            gone = _RELATIONS.search(rest)
            at = datetime.fromisoformat(stamp).replace(tzinfo=UTC)
            yield Transaction(xid, at, position, position, f"drops {gone[1].strip()}" if gone else "")


def changed(dump: str) -> Mapping[str, str]:
    """What `pg_waldump` says, by XID: `3 insert in 16385/16390`, where that is database/file of a table."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for found in filter(None, map(_HEAP.match, dump.splitlines())):
        xid, verb, rest = found.groups()
        many, where = _TUPLES.match(rest), _FILE.search(rest)
        place = f"{where[1]}/{where[2]}" if where else "?"
        rows[xid][f"{verb.lower().removeprefix('multi_').removeprefix('hot_')} in {place}"] += (
            int(many[1] or many[2]) if many else 1
        )
    return {xid: ", ".join(f"{n} {what}" for what, n in done.items()) for xid, done in rows.items()}


def first_unwanted(
    engine: Engine, found: Sequence[Transaction], *, at: datetime | None, before: str | None
) -> Transaction | None:
    """Where to stop: at the first transaction later than `at`, or at the one named `before`; None: at the log's end.

    MariaDB writes whole seconds, so all of the second in which `at` lies is later. Raises KeyError where
    `before` is not there.
    """
    if before is not None:
        return next((one for one in found if one.id == before), None) or _unknown(before)
    if at is None:
        return None
    return next((one for one in found if one.at + COARSE[engine] > at), None)


def _unknown(name: str) -> Transaction:
    raise KeyError(name)
