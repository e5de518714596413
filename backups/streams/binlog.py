"""Transactions in a MariaDB binary log, by their event headers. Pure.

Format: mariadb.com/kb/en/2-binlog-event-header and gtid_event. Only whole event groups count: a log that was shipped
up to the middle of one ends before it.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime

from backups.streams.frames import Position
from backups.streams.transactions import Transaction

MAGIC = b"\xfebin"
EVENT = struct.Struct("<IBIIIH")  # time, type, server, length, end, flags
QUERY, XID, XA_PREPARE, GTID, TABLE_MAP, ENCRYPTION = 2, 16, 38, 162, 19, 164
STANDALONE = 1  # flag of a GTID event: one statement without a COMMIT
KINDS = {
    **dict.fromkeys((23, 30, 166, 169), "insert"),
    **dict.fromkeys((24, 31, 167, 170), "update"),
    **dict.fromkeys((25, 32, 168, 171), "delete"),
}
ENDS = (b"COMMIT", b"ROLLBACK")
MARKS = (b"BEGIN", b"SAVEPOINT", b"RELEASE SAVEPOINT", *ENDS)
STATEMENTS = (XA_PREPARE, 18, 26, 165)  # and those that load a file, are compressed, or tell that the log lost some


def transactions(name: str, content: bytes) -> Iterator[Transaction]:
    """Those that are whole, in order. `content`: the file from its first byte, perhaps torn at its end."""
    group: _Group | None = None
    for at, kind, seconds, server, event in _events(content, len(MAGIC)):
        if kind == GTID:
            group = _Group(at, server, event)
        elif group is not None and group.takes(kind, event):
            when = datetime.fromtimestamp(seconds, UTC)
            yield Transaction(
                group.gtid, when, Position(name, group.start), Position(name, at + len(event)), group.words()
            )
            group = None


def _events(content: bytes, at: int) -> Iterator[tuple[int, int, int, int, bytes]]:
    while at + EVENT.size <= len(content):
        seconds, kind, server, length, _, _ = EVENT.unpack_from(content, at)
        if length < EVENT.size or at + length > len(content):
            return
        yield at, kind, seconds, server, content[at : at + length]
        at += length


def encrypted(head: bytes) -> bool:
    """Whether what comes after the first events of a file, those after its magic, is no text that could be read."""
    return any(kind == ENCRYPTION for _, kind, _, _, _ in _events(head, 0))


def touched(content: bytes) -> frozenset[str] | None:
    """Every `database.table` that a part of the file changes; None where a statement may have changed any of them.

    `content`: from the beginning of an event.
    """
    found = set[str]()
    for _, kind, _, _, event in _events(content, 0):
        if kind == TABLE_MAP:
            found.add(_table(event))
        elif kind in STATEMENTS or (kind == QUERY and not _query(event)[1].upper().startswith(MARKS)):
            return None
    return frozenset(found)


class _Group:
    """The events of one transaction, as they come."""

    def __init__(self, start: int, server: int, event: bytes) -> None:
        number, domain, flags = struct.unpack_from("<QIB", event, EVENT.size)
        self.start, self.gtid = start, f"{domain}-{server}-{number}"
        self._standalone = bool(flags & STANDALONE)
        self._done: list[str] = []
        self._tables: dict[int, str] = {}

    def takes(self, kind: int, event: bytes) -> bool:
        """Whether the group is whole with this event."""
        if kind == TABLE_MAP:
            self._tables[int.from_bytes(event[19:25], "little")] = _table(event)
        elif kind in KINDS:
            table = self._tables.get(int.from_bytes(event[19:25], "little"), "?")
            self._done.append(f"{KINDS[kind]} {table}")
        elif kind == QUERY:
            schema, statement = _query(event)
            if self._standalone:
                self._done.append(f"{schema}: {' '.join(statement.decode('utf-8', 'replace').split())[:100]}")
            return self._standalone or statement.upper().startswith(ENDS)
        return kind in (XID, XA_PREPARE)

    def words(self) -> str:
        """What happened, each kind and table once, with the number of its events."""
        return ", ".join(
            word if (count := self._done.count(word)) == 1 else f"{word} ({count} events)"
            for word in dict.fromkeys(self._done)
        )


def _table(event: bytes) -> str:
    at = EVENT.size + 8
    schema = event[at + 1 : at + 1 + event[at]]
    at += event[at] + 2
    table = event[at + 1 : at + 1 + event[at]]
    return f"{schema.decode('utf-8', 'replace')}.{table.decode('utf-8', 'replace')}"


def _query(event: bytes) -> tuple[str, bytes]:
    _, _, schema, _, variables = struct.unpack_from("<IIBHH", event, EVENT.size)
    at = EVENT.size + 13 + variables
    return event[at : at + schema].decode("utf-8", "replace"), event[at + schema + 1 : -4]
