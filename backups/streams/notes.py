"""Where in which chain a snapshot stands: written down when it is taken, as the archive's comment.

In the comment, for it is asked of many archives at once, and no file of any has to be fetched.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backups.engines import Server
from backups.streams import chains, order
from backups.streams.frames import Position
from effects import files
from effects.clock import now
from estate.model import Engine

# mariadb-backup of 10.11, and of 11.8
WORD = "stream"
BINLOG = ("xtrabackup_binlog_info", "mariadb_backup_binlog_info")


@dataclass(frozen=True, slots=True)
class Note:
    """The snapshot holds all of its chain's log before `position`, and nothing after it."""

    chain: str
    position: Position
    at: datetime  # when the copy was done: nothing in it is later


def write(server: Server, copy: Path) -> str:
    """The note of a copy that was just taken of that server; empty where the server has no log."""
    if server.engine is Engine.MARIADB:
        position, birth = binlog_position(copy), files.identity(server.data)
    else:
        timeline, position = _wal(copy)
        birth = f"{files.identity(server.data)} timeline {timeline}"
    if position is None:
        return ""
    name = chains.chain(server.engine, birth)
    # Words, and no JSON: borg takes braces for placeholders (`borg help placeholders`).
    return f"{WORD} {name} {position.name} {position.offset} {now().isoformat()}"


def read(comment: str) -> Note | None:
    """None where the archive has none: it was taken before there was a stream."""
    try:
        word, chain, name, offset, at = comment.split()
        note = Note(chain, Position(name, int(offset)), datetime.fromisoformat(at))
    except ValueError:
        return None
    return note if word == WORD and chains.NAME.fullmatch(chain) else None


def binlog_position(copy: Path) -> Position | None:
    """Up to where a copy of a MariaDB server holds its log; None where it writes none."""
    for name in BINLOG:
        if (copy / name).exists():
            words = (copy / name).read_text(encoding="utf-8").split()
            return Position(words[0], int(words[1])) if len(words) > 1 else None
    return None


def _wal(copy: Path) -> tuple[int, Position]:
    """The end of the base backup, from its manifest: from there on it is consistent."""
    manifest = json.loads((copy / "backup_manifest").read_text(encoding="utf-8"))
    last = manifest["WAL-Ranges"][-1]
    timeline = int(last["Timeline"])
    return timeline, order.wal_position(timeline, order.lsn_of(last["End-LSN"]))
