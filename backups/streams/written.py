"""What a database server has written since a copy of it was made, by its own log on its own disk."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backups import tables
from backups.engines import Server
from backups.streams import binlog, notes, sources
from backups.streams.frames import Position
from backups.streams.touched import touched
from effects.clock import wait_until
from effects.run import attempt
from estate.model import Engine
from estate.problem import Failed

LIMIT = 600.0  # seconds to read a log
FLUSH = 10.0  # seconds until what is committed is in the log's files
MOST = 1 << 30  # bytes of a binary log; who writes more in that time is not compared
CHILDREN = """SELECT CONCAT(unique_constraint_schema, '.', referenced_table_name),
    CONCAT(constraint_schema, '.', table_name) FROM information_schema.referential_constraints"""
# Of what pg_waldump says, for awk(1): commits, and each file once. A gigabyte of log makes as much text.
SHORT = r"""/desc: FPI_FOR_HINT/ { next }
/desc: (COMMIT|RUNNING_XACTS)/ { print substr($0, 1, 300); next }
{ verb = /desc: (HOT_)?UPDATE/ ? "desc: UPDATE " : ""
  while (match($0, /rel [0-9]+\/[0-9]+\/[0-9]+|base\/[0-9]+\/[0-9]+/)) {
    if (!seen[what = verb substr($0, RSTART, RLENGTH)]++) print what
    $0 = substr($0, RSTART + RLENGTH) } }"""


Tables = Mapping[str, Sequence[str]]  # by database


@dataclass(frozen=True, slots=True)
class Written:
    """What was changed: MariaDB's `database.table`, PostgreSQL's `database/file`, as numbers."""

    found: frozenset[str]
    names: Mapping[str, Mapping[str, str]]  # by database and table: how `found` would name it

    def tables(self, database: str, of: Iterable[str]) -> list[str]:
        """Which of these tables were changed, or can't be told from those that were."""
        known = self.names.get(database, {})
        return [one for one in of if (it := known.get(one)) is None or {it, f"{it.partition('/')[0]}/*"} & self.found]


def since(server: Server, copy: Path, of: Tables) -> Written:
    """What was changed after the copy, up to now. Raises Failed where that can't be said of any table."""
    found = (_binlog if server.engine is Engine.MARIADB else _wal)(server, copy)
    if found is None:
        raise Failed(
            "what was written since the copy is not clear from the log", hint="the next snapshot may be clearer"
        )
    if server.engine is Engine.MARIADB:
        return Written(found, {name: {one: f"{name}.{one}" for one in mine} for name, mine in of.items()})
    return Written(found, {name: _files(name) for name in of})


def _binlog(server: Server, copy: Path) -> frozenset[str] | None:
    begin = notes.binlog_position(copy)
    if begin is None:
        raise Failed("MariaDB writes no binary log", hint="seawall install configures it, with one restart")
    found = frozenset[str]()
    for content in _contents(server, begin):
        if (more := binlog.touched(content)) is None:
            return None
        found |= more
    return _with_children(found)


def _contents(server: Server, begin: Position) -> Iterator[bytes]:
    """Of each file of the binary log what comes after `begin`, without its magic."""
    names = sources.MariadbSource(server).names()
    for name in names[names.index(begin.name) :] if begin.name in names else [begin.name]:
        offset = begin.offset if name == begin.name else len(binlog.MAGIC)
        content = sources.read(server.data / name, offset, MOST)
        if content is None or len(content) == MOST:
            raise Failed(
                f"{name} does not say what was written since the copy", hint="the next snapshot may be clearer"
            )
        yield content


def _with_children(found: frozenset[str]) -> frozenset[str]:
    """InnoDB deletes and changes rows of children by itself, and no log says so."""
    children = [line.split("\t") for line in tables.in_mariadb(CHILDREN).splitlines()]
    while more := {child for parent, child in children if parent in found} - found:
        found |= more
    return found


def _wal(server: Server, copy: Path) -> frozenset[str] | None:
    ranges = json.loads((copy / "backup_manifest").read_text(encoding="utf-8"))["WAL-Ranges"]
    timeline, begin, end = int(ranges[-1]["Timeline"]), ranges[-1]["Start-LSN"], ranges[-1]["End-LSN"]
    return touched(_dump(copy, timeline, begin, end), _dump(server.data, timeline, end, _flushed()))


def _flushed() -> str:
    """Up to where the log's files hold all that is committed by now."""
    now = tables.in_postgresql("postgres", "SELECT pg_current_wal_insert_lsn()").strip()
    ask = f"SELECT pg_current_wal_flush_lsn() >= '{now}'"
    late = Failed("PostgreSQL does not write its log to disk", hint="journalctl -u postgresql@*")
    wait_until(lambda: tables.in_postgresql("postgres", ask).strip() == "t", timeout=FLUSH, late=late)
    return now


def _dump(data: Path, timeline: int, begin: str, end: str) -> str:
    """What pg_waldump says of the log between the two. Raises Failed where a part of it is gone."""
    if begin == end:
        return ""
    program = max(Path("/usr/lib/postgresql").glob("*/bin/pg_waldump"))
    argv = [str(program), f"--path={data / 'pg_wal'}", f"--timeline={timeline}", f"--start={begin}", f"--end={end}"]
    piped = ["bash", "-o", "pipefail", "-c", '"${@:2}" | awk "$1"', "bash", SHORT, *argv]
    said = attempt(piped, timeout=LIMIT, env={"TZ": "UTC", "LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    if not said.ok:
        raise Failed(f"the WAL since the copy can't be read: {said.said}", hint="the next snapshot may be clearer")
    return said.out


def _files(database: str) -> Mapping[str, str]:
    place = "(SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || pg_relation_filenode(c.oid)"
    ask = f"SELECT {tables.NAME}, {place} FROM {tables.CLASSES} WHERE c.relkind = 'r'"  # noqa: S608 - constants
    return dict(line.split("\t") for line in tables.in_postgresql(database, ask).splitlines() if line.count("\t") == 1)
