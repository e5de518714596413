"""Exchanging databases in MariaDB: all tables of both in one RENAME TABLE, which happens as a whole or not at all.

It moves no table that has triggers, and no view (mariadb.com/kb/en/rename-table). So triggers, views and routines are
written down first, and made again where they belong after it. Events act by themselves: those of what served are kept
disabled, those of the dump are the last to come.
"""

from pathlib import Path

from backups.restoring.dumps import LIMIT, pipe, written
from effects.run import run

# mariadb-dump 10.11 and 11.8 write them in one piece, between these two comments.
EVENTS = "/^-- Dumping events for database/,/^-- Dumping routines for database/"
CLIENT = ("mariadb", "--batch", "--skip-column-names")
_ROUTINES = "SELECT routine_name FROM information_schema.routines WHERE routine_schema = {mine} AND routine_type = "
_LISTED = {
    "TRIGGER": "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = {mine}",
    "VIEW": "SELECT table_name FROM information_schema.views WHERE table_schema = {mine}",
    "PROCEDURE": f"{_ROUTINES}'PROCEDURE'",
    "FUNCTION": f"{_ROUTINES}'FUNCTION'",
    "EVENT": "SELECT event_name FROM information_schema.events WHERE event_schema = {mine}",
}
BOUND = tuple(kind for kind in _LISTED if kind != "EVENT")
WAIT = 60  # seconds for somebody's transaction to let a table go


def drop(stage: str) -> None:
    """Take a database away that was loaded, and never served."""
    _do(f"DROP DATABASE IF EXISTS {_q(stage)}")


def load(stage: str, dump: Path) -> None:
    """All but its events."""
    _do(f"CREATE DATABASE {_q(stage)}")
    pipe(["sed", f"{EVENTS}d", str(dump)], ["mariadb", "--binary-mode", stage])


def exchange(database: str, stage: str, kept: str, folder: Path, dump: Path) -> None:
    """Tables first; then what is bound to them. Each piece can be done again."""
    new, old, events = folder / "new.sql", folder / "old.sql", folder / "events.sql"
    _do(f"CREATE DATABASE IF NOT EXISTS {_q(database)}")
    if not new.exists():
        _write([["sed", "-n", f"{EVENTS}p", str(dump)]], events)
        _write(_objects(database), old)
        _write(_objects(stage), new)
    if tables := _tables(stage):
        _do(_create_like(kept, database))
        _keep_events(database, kept)
        _free(stage)
        _free(database)
        moves = [f"{_q(database)}.{_q(name)} TO {_q(kept)}.{_q(name)}" for name in _tables(database)]
        moves += [f"{_q(stage)}.{_q(name)} TO {_q(database)}.{_q(name)}" for name in tables]
        _do(f"SET SESSION lock_wait_timeout = {WAIT}; RENAME TABLE {', '.join(moves)}")
    for into, what in ((kept, old), (database, new)):
        _free(into, *BOUND)
        pipe(["cat", str(what)], ["mariadb", "--binary-mode", into])
    _free(database, "EVENT")
    pipe(["cat", str(events)], ["mariadb", "--binary-mode", database])
    drop(stage)


def _write(commands: list[list[str]], target: Path) -> None:
    """What all of them say, in one file."""
    parts = [target.with_name(f"{target.name}.{number}") for number, _ in enumerate(commands)]
    for argv, part in zip(commands, parts, strict=True):
        written(argv, part)
    written(["cat", *map(str, parts)], target)


def _objects(database: str) -> list[list[str]]:
    """Commands that say its triggers and routines, and its views."""
    program = ["mariadb-dump", "--no-data"]
    found = [[*program, "--no-create-info", "--triggers", "--routines", database]]
    if views := _names(_LISTED["VIEW"].format(mine=_t(database))):
        found.append([*program, "--skip-triggers", "--", database, *views])
    return found


def _tables(database: str) -> list[str]:
    """All but views: sequences and versioned tables too."""
    return _names(
        f"SELECT table_name FROM information_schema.tables WHERE table_schema = {_t(database)} "  # noqa: S608 - quoted
        "AND table_type <> 'VIEW' ORDER BY 1"
    )


def _keep_events(database: str, kept: str) -> None:
    moves = [
        f"ALTER EVENT {_q(database)}.{_q(name)} RENAME TO {_q(kept)}.{_q(name)} DISABLE"
        for name in _names(_LISTED["EVENT"].format(mine=_t(database)))
    ]
    _do("; ".join(moves or ["DO 0"]))


def _free(database: str, *kinds: str) -> None:
    """Take its triggers, views, routines and events (or some kinds) away: they are written down by now."""
    drops = [
        f"DROP {kind} {_q(database)}.{_q(name)}"
        for kind in kinds or _LISTED
        for name in _names(_LISTED[kind].format(mine=_t(database)))
    ]
    _do("; ".join(drops or ["DO 0"]))


def _create_like(kept: str, database: str) -> str:
    said = _do(
        "SELECT CONCAT('CHARACTER SET ', default_character_set_name, ' COLLATE ', default_collation_name) "  # noqa: S608
        f"FROM information_schema.schemata WHERE schema_name = {_t(database)}"
    ).strip()
    return f"CREATE DATABASE IF NOT EXISTS {_q(kept)} {said}"


def _names(look: str) -> list[str]:
    return _do(look).splitlines()


def _do(statement: str) -> str:
    return run([*CLIENT], stdin=f"{statement};\n", timeout=LIMIT)


def _q(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _t(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
