"""The names of log files, and which comes next. Pure."""

import re

from backups.streams.frames import Position
from estate.model import Engine

SEGMENT = 16 << 20  # bytes of a WAL file, as Debian's clusters are made
_NUMBERED = re.compile(r"^(.+\.)(\d{6,})$")


def successor(engine: Engine, name: str, segment: int = SEGMENT) -> str:
    """The log file after `name`. Raises ValueError where that is no name of a log file."""
    if engine is Engine.POSTGRESQL:
        return wal_name(int(name[:8], 16), wal_start(name, segment) + segment, segment)
    found = _NUMBERED.match(name)
    if found is None:
        raise ValueError(name)
    return f"{found[1]}{int(found[2]) + 1:06}"


def wal_name(timeline: int, lsn: int, segment: int = SEGMENT) -> str:
    """The WAL file that has the byte at `lsn` (PostgreSQL, XLogFileName)."""
    number, share = lsn // segment, (1 << 32) // segment
    return f"{timeline:08X}{number // share:08X}{number % share:08X}"


def wal_start(name: str, segment: int = SEGMENT) -> int:
    """The position of a WAL file's first byte."""
    return (int(name[8:16], 16) * ((1 << 32) // segment) + int(name[16:24], 16)) * segment


def wal_position(timeline: int, lsn: int, segment: int = SEGMENT) -> Position:
    """Where `lsn` is, in files."""
    return Position(wal_name(timeline, lsn, segment), lsn % segment)


def lsn_of(text: str) -> int:
    """`0/1529C90` as a number. Raises ValueError."""
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def lsn_text(lsn: int) -> str:
    """As PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
