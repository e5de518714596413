"""Reading a running server's log as bytes, from where one was. Nothing here changes a database.

A reader belongs to one thread: each side has its own, so that one that is down or slow holds up nobody.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from backups.engines import Server
from backups.streams import chains, order
from backups.streams.frames import MOST, Chunk, Position, marked_from
from effects import files
from effects.clock import Stopwatch, now
from effects.talk import Talk
from estate.model import Engine
from estate.problem import Failed, Problem

# A slot of its own. Each statement answers one line, whatever there is.
LOSE = """SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots
    WHERE slot_name = 'seawall' AND wal_status = 'lost'"""
KEEP = """SELECT coalesce((SELECT pg_create_physical_replication_slot('seawall', true)::text
    WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = 'seawall')), 'there')"""
KEPT = """SELECT coalesce((SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'seawall'),
    pg_current_wal_flush_lsn())"""
ADVANCE = """SELECT coalesce((SELECT (pg_replication_slot_advance('seawall', '{lsn}')).end_lsn::text
    FROM pg_replication_slots WHERE slot_name = 'seawall' AND NOT active AND restart_lsn < '{lsn}'), 'held')"""
ANSWER = 10.0  # seconds for a question to the server
INDEX = "binlog.index"
LOOK_AGAIN = 5.0  # seconds that a chain is believed


class Gone(Problem):
    """The log no longer has what comes next."""


class Source(Protocol):
    """One server's log."""

    server: Server

    def chain(self) -> str:
        """The chain that its log belongs to."""

    def oldest(self) -> Position:
        """The earliest byte that is still there."""

    def after(self, position: Position) -> Chunk | None:
        """What comes next, of one file; None where there is nothing new. Raises Gone."""

    def tail(self, end: Position) -> bytes | None:
        """The bytes that a mark at `end` covers; None where they are not there any more."""

    def release(self, position: Position) -> None:
        """Everything before `position` is on both sides."""


def source(server: Server) -> Source:
    """A reader for that server."""
    return MariadbSource(server) if server.engine is Engine.MARIADB else PostgresqlSource(server)


@dataclass
class Known:
    """The chain: asked anew where the directory is another one, and now and then, for the other side may begin one."""

    inode: int = 0
    birth: str = ""
    chain: str = ""
    age: Stopwatch = field(default_factory=Stopwatch)

    def of(self, server: Server, more: str = "") -> str:
        inode = server.data.stat().st_ino
        if not self.chain or (inode, more) != (self.inode, self.birth) or self.age.seconds > LOOK_AGAIN:
            birth = f"{files.identity(server.data)}{more}"
            self.chain, self.inode, self.birth = chains.chain(server.engine, birth), inode, more
            self.age = Stopwatch()
        return self.chain


@dataclass
class MariadbSource:
    """Binary log files in the data directory; with the server down they are read all the same."""

    server: Server
    _known: Known = field(default_factory=Known, init=False)

    def chain(self) -> str:
        return self._known.of(self.server)

    def names(self) -> list[str]:
        """Oldest first. Raises Failed where there is no binary log."""
        try:
            listed = (self.server.data / INDEX).read_text(encoding="utf-8").split()
        except FileNotFoundError:
            listed = []
        if not listed:
            raise Failed("MariaDB writes no binary log", hint="seawall install configures it, with one restart")
        return [os.path.basename(name) for name in listed]  # noqa: PTH119 - "./binlog.000001"

    def oldest(self) -> Position:
        return Position(self.names()[0], 0)

    def after(self, position: Position) -> Chunk | None:
        instant, names = now(), self.names()  # in this order: whatever is committed before `instant` is in those files
        closed = position.name in names[:-1]  # a file is closed before the next one is in the index
        path = self.server.data / position.name
        if position.name not in names:
            raise _gone(position)
        data = read(path, position.offset, MOST)
        if data is None:
            raise _gone(position)
        final = closed and position.offset + len(data) >= path.stat().st_size
        return Chunk(position, data, final, instant) if data or final else None

    def tail(self, end: Position) -> bytes | None:
        return tail(self.server.data / end.name, end)

    def release(self, position: Position) -> None:
        """Files stay until they are beyond their bound: they are of use here as well."""


@dataclass
class PostgresqlSource:
    """WAL files up to what the server has flushed, kept by a physical slot that holds back no more than its bound."""

    server: Server
    _known: Known = field(default_factory=Known, init=False)
    _talk: Talk | None = field(default=None, init=False)
    _timeline: int = field(default=0, init=False)
    _segment: int = field(default=order.SEGMENT, init=False)

    @property
    def wal(self) -> Path:
        """Where its files are."""
        return self.server.data / "pg_wal"

    def ask(self, statement: str) -> str:
        """The one line that it answers. Raises Unreachable; the next question connects anew."""
        if self._talk is None:
            self._talk = Talk(
                ["runuser", "-u", "postgres", "--", "psql", "-AtXq", "-v", "ON_ERROR_STOP=1", "-d", "postgres"],
                what="PostgreSQL", cwd=Path("/"),
            )  # fmt: skip
        try:
            self._talk.say(f"{statement};\n".encode(), limit=ANSWER)
            return self._talk.line(limit=ANSWER)
        except Problem:
            self._talk, self._timeline = None, 0
            raise

    def _know(self) -> None:
        if self._timeline == 0:
            self._segment = int(self.ask("SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'"))
            self._keep()
            self._timeline = int(self.ask("SELECT pg_walfile_name(pg_current_wal_flush_lsn())")[:8], 16)

    def _keep(self) -> None:
        """The slot is there; one that has lost what it kept begins anew."""
        self.ask(LOSE)
        self.ask(KEEP)

    def chain(self) -> str:
        self._know()
        return self._known.of(self.server, f" timeline {self._timeline}")

    def oldest(self) -> Position:
        self._know()
        mine = [path.name for path in self.wal.glob(f"{self._timeline:08X}" + "?" * 16)]
        kept = self.ask(KEPT)
        first = order.wal_name(self._timeline, order.lsn_of(kept), self._segment)
        return Position(first if first in mine else min(mine), 0)

    def after(self, position: Position) -> Chunk | None:
        self._know()
        instant = now()
        flushed = order.lsn_of(self.ask("SELECT pg_current_wal_flush_lsn()"))
        start = order.wal_start(position.name, self._segment)
        end = min(flushed - start, self._segment)
        if end <= position.offset:
            done = position.offset == self._segment
            return Chunk(position, b"", final=True, instant=instant) if done else None
        data = read(self.wal / position.name, position.offset, min(MOST, end - position.offset))
        if not data:
            raise _gone(position)
        return Chunk(position, data, position.offset + len(data) == self._segment, instant)

    def tail(self, end: Position) -> bytes | None:
        return tail(self.wal / end.name, end)

    def release(self, position: Position) -> None:
        self._know()
        self._keep()
        lsn = order.lsn_text(order.wal_start(position.name, self._segment) + position.offset)
        self.ask(ADVANCE.format(lsn=lsn))


def read(path: Path, offset: int, most: int) -> bytes | None:
    """Bytes of a file; None where it is gone, or shorter than it was."""
    try:
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size < offset:
                return None
            stream.seek(offset)
            return stream.read(most)
    except FileNotFoundError:
        return None


def tail(path: Path, end: Position) -> bytes | None:
    """What a mark covers, as it stands in the file now."""
    begin = marked_from(end)
    data = read(path, begin, end.offset - begin)
    return data if data is not None and len(data) == end.offset - begin else None


def _gone(position: Position) -> Gone:
    return Gone(
        f"the log has nothing at {position} any more",
        hint="a new snapshot makes whole what comes after: seawall backup databases",
    )
