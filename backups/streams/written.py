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
from backups.tables import Bound
from effects.clock import wait_until
from effects.run import attempt
from estate.model import Engine
from estate.problem import Failed

LIMIT = 120.0  # seconds to read a log: the snapshot waits
FLUSH = 10.0  # seconds until what is committed is in the log's files
MOST = 256 << 20  # bytes of a binary log, which are held in memory; who writes more in that time is not compared
HEAD = 4096  # bytes of one that tell whether the rest is encrypted
CHILDREN = """SELECT HEX(CONCAT(unique_constraint_schema, '.', referenced_table_name)),
    HEX(CONCAT(constraint_schema, '.', table_name)) FROM information_schema.referential_constraints"""
# Where the log ends. Behind a full page that is after the head of the next one, which nobody writes before it is used:
# on an idle server it was never reached, and a copy ends with a switch to a new file.
END = """SELECT '0/0'::pg_lsn + CASE WHEN at % size = 40 THEN at - 40 WHEN at % 8192 = 24 THEN at - 24 ELSE at END
    FROM (SELECT pg_current_wal_insert_lsn() - '0/0' AS at, setting::bigint AS size
        FROM pg_settings WHERE name = 'wal_segment_size') AS log"""
# Of what pg_waldump says, for awk(1): commits, where they are wanted, and each file once. A gigabyte of log makes as
# much text, and of small transactions as many commits.
SHORT = r"""/desc: FPI_FOR_HINT/ { next }
/desc: COMMIT/ { if (commits) print substr($0, 1, 300); next }
/desc: RUNNING_XACTS/ { print substr($0, 1, 300); next }
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
    names = {name: _names(server.engine, name, mine) for name, mine in of.items()}
    found = (_binlog if server.engine is Engine.MARIADB else _wal)(server, copy)
    if found is None:
        raise Failed(
            "what was written since the copy is not clear from the log", hint="the next snapshot may be clearer"
        )
    return Written(found, names)


def _names(engine: Engine, database: str, of: Sequence[str]) -> Mapping[str, str]:
    """Asked before the log's end is: a table that gets a new file (TRUNCATE) has it in the log, or has its old one."""
    return {one: f"{database}.{one}" for one in of} if engine is Engine.MARIADB else files_of(database)


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
        head = sources.read(server.data / name, len(binlog.MAGIC), HEAD)
        content = sources.read(server.data / name, offset, MOST)
        if head is None or content is None or len(content) == MOST or binlog.encrypted(head):
            raise Failed(
                f"{name} does not say what was written since the copy", hint="the next snapshot may be clearer"
            )
        yield content


def _with_children(found: frozenset[str]) -> frozenset[str]:
    """InnoDB deletes and changes rows of children by itself, and no log says so."""
    said = tables.in_mariadb(CHILDREN, Bound(LIMIT, serving=True))
    children = [[bytes.fromhex(word).decode() for word in line.split("\t")] for line in said.splitlines()]
    while more := {child for parent, child in children if parent in found} - found:
        found |= more
    return found


def _wal(server: Server, copy: Path) -> frozenset[str] | None:
    ranges = json.loads((copy / "backup_manifest").read_text(encoding="utf-8"))["WAL-Ranges"]
    timeline, begin, end = int(ranges[-1]["Timeline"]), ranges[-1]["Start-LSN"], ranges[-1]["End-LSN"]
    now = _flushed()
    return touched(_dump(copy, timeline, begin, end), _dump(server.data, timeline, end, now, commits=True))


def _flushed() -> str:
    """Up to where the log's files hold all that is committed by now."""
    now = tables.in_postgresql("postgres", END).strip()
    ask = f"SELECT pg_current_wal_flush_lsn() >= '{now}'"
    late = Failed("PostgreSQL does not write its log to disk", hint="journalctl -u postgresql@*")
    wait_until(lambda: tables.in_postgresql("postgres", ask).strip() == "t", timeout=FLUSH, late=late)
    return now


def _dump(data: Path, timeline: int, begin: str, end: str, *, commits: bool = False) -> str:
    """What pg_waldump says of the log between the two. Raises Failed where a part of it is gone."""
    if begin == end:
        return ""
    version = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    program = f"/usr/lib/postgresql/{version}/bin/pg_waldump"
    argv = [program, f"--path={data / 'pg_wal'}", f"--timeline={timeline}", f"--start={begin}", f"--end={end}"]
    pipe = '"${@:3}" | awk -v commits="$2" "$1"'
    piped = ["bash", "-o", "pipefail", "-c", pipe, "bash", SHORT, str(int(commits)), *argv]
    # timeout(1) ends all of the pipe; what went on alone would hold the lock of the next snapshot.
    bound = ["timeout", "--kill-after=5", f"{LIMIT:g}"]
    said = attempt([*bound, *piped], timeout=LIMIT + 30, env={"TZ": "UTC", "LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    if not said.ok:
        raise Failed(f"the WAL since the copy can't be read: {said.said}", hint="the next snapshot may be clearer")
    return said.out


def files_of(database: str) -> Mapping[str, str]:
    """`database/file`, as the log has it, of each of its tables."""
    place = "(SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || pg_relation_filenode(c.oid)"
    ask = f"SELECT {tables.NAME}, {place} FROM {tables.CLASSES} WHERE c.relkind = 'r'"  # noqa: S608 - constants
    return dict(line.split("\t") for line in tables.in_postgresql(database, ask).splitlines() if line.count("\t") == 1)
