"""One table out of a database as it was: as a file that loads by itself, or beside, under another name.

What ties it to others (foreign keys, triggers) is left behind and named: it would keep a table from loading alone, or
act on what serves. In PostgreSQL a table that goes beside gets a schema of its own, since the names of its indexes and
sequences are those of the table that serves.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from backups.restoring.dumps import POSTGRES, into_new, pipe, written
from backups.streams.scratch import Scratch
from effects.run import run
from estate.model import Database, Engine, Estate
from estate.problem import BadEstate, Missing, Refused

NAME = re.compile(r"[A-Za-z0-9_]{1,63}")
PUBLIC = "public"
SHOWN = 12  # names in an error


@dataclass(frozen=True, slots=True)
class Table:
    """A table of one of the estate's databases. `schema` is PostgreSQL's, and empty in MariaDB."""

    database: Database
    schema: str
    name: str

    @property
    def dotted(self) -> str:
        """As it was typed, with the schema."""
        return ".".join(filter(None, (self.database.name, self.schema, self.name)))

    @property
    def quoted(self) -> str:
        """As its server's SQL has it, within the database."""
        if self.database.engine is Engine.MARIADB:
            return _back(self.name)
        return f"{_double(self.schema)}.{_double(self.name)}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table goes beside: a table of a database that is there, or (no `table`) a new database."""

    database: str
    schema: str = ""
    table: str = ""


def table_of(estate: Estate, text: str) -> Table:
    """`shop.orders`, `ledger.public.rows`; without a schema it is `public`. Raises BadEstate."""
    database, *rest = text.split(".")
    known = estate.databases.get(database)
    if known is None:
        raise BadEstate(f"no database {database} in the estate", hint=f"one of: {', '.join(estate.databases)}")
    postgres = known.engine is Engine.POSTGRESQL
    if not 1 <= len(rest) <= 1 + postgres or not all(rest) or re.search(r"[\x00-\x1f]", text):
        raise BadEstate(f"{text!r} is no table", hint="shop.orders; in PostgreSQL also ledger.public.rows")
    return Table(known, (rest[0] if len(rest) > 1 else PUBLIC) if postgres else "", rest[-1])


def place_of(table: Table, into: str) -> Place:
    """Where `--into` says: NAME for a new database, `shop.orders_before`, or `ledger.before.rows`. Raises BadEstate."""
    words = into.split(".")
    depth = 3 if table.database.engine is Engine.POSTGRESQL else 2
    if len(words) not in (1, depth) or not all(map(NAME.fullmatch, words)):
        named = "ledger.before.rows, with a new schema" if depth == len("abc") else "shop.orders_before"
        raise BadEstate(f"{into!r} is no place for a table", hint=f"a new database, or: {named}")
    return Place(words[0], words[1] if depth == len(words) > 2 else "", words[-1] if len(words) > 1 else "")


def to_file(scratch: Scratch, table: Table, target: Path) -> list[str]:
    """SQL that makes the table and fills it, and fails where there is one already; what was left behind."""
    behind = alone(scratch, table)
    written(_dump(scratch, table), target)
    return behind


def beside(scratch: Scratch, table: Table, place: Place) -> list[str]:
    """The table in the server that serves here; what was left behind. Raises Refused where its name is taken."""
    behind = alone(scratch, table)
    mine = scratch.server
    if not place.table:
        load = [*POSTGRES, "psql", "-qXv", "ON_ERROR_STOP=1", "-o", "/dev/null", "-d", place.database]
        into_new(mine, place.database, _dump(scratch, table), load)
        return behind
    if place.database not in mine.databases():
        raise Missing(f"there is no database {place.database} here", hint="--into NAME makes a new one")
    moved = _moved(scratch, table, place)
    if mine.engine is Engine.MARIADB:
        pipe(_dump(scratch, moved), ["mariadb", "--binary-mode", place.database])
    else:
        load = ["psql", "-qX1v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-d", place.database]
        pipe([*scratch.client(table.database.name, "pg_dump"), "--no-owner", "--no-privileges",
              f"--schema={_double(place.schema)}"], [*POSTGRES, *load])  # fmt: skip
    return behind


def _moved(scratch: Scratch, table: Table, place: Place) -> Table:
    """Under its other name in the scratch server. Raises Refused where that is taken in the one that serves."""
    if table.database.engine is Engine.MARIADB:
        if _answers(["mariadb", "-BNe", _there(place.database, place.table)]):
            raise Refused(
                f"there is a table {place.database}.{place.table}, and it is not touched",
                hint="choose another name: --into",
            )
        moved = Table(table.database, "", place.table)
        if moved != table:
            scratch.ask(f"RENAME TABLE {table.quoted} TO {moved.quoted}", table.database.name)
        return moved
    look = f"SELECT 1 FROM pg_namespace WHERE nspname = '{place.schema}'"  # noqa: S608 - a name by NAME
    if _answers([*POSTGRES, "psql", "-AtXc", look, place.database]):
        raise Refused(
            f"there is a schema {place.schema} in {place.database}: it takes a new one",
            hint="choose another name: --into",
        )
    moved = Table(table.database, place.schema, place.table)
    schema = _double(place.schema)
    steps = [f"CREATE SCHEMA {schema}", f"ALTER TABLE {table.quoted} SET SCHEMA {schema}"]
    if table.name != place.table:
        steps.append(f"ALTER TABLE {schema}.{_double(table.name)} RENAME TO {_double(place.table)}")
    scratch.ask("; ".join(steps), table.database.name)
    return moved


def alone(scratch: Scratch, table: Table) -> list[str]:
    """Free it, in the scratch server, from what ties it to others; in words what that was. Raises Missing."""

    def ask(text: str) -> list[str]:
        return scratch.ask(text, table.database.name).splitlines()

    kinds = ask(_kind(table))
    if not kinds:
        there = ask(_all(table))
        some = ", ".join(there[:SHOWN]) + (f" and {len(there) - SHOWN} more" if len(there) > SHOWN else "")
        raise Missing(
            f"{table.dotted} is not in it at that instant; there are: {some or 'no tables'}",
            hint="when was it there? seawall backup stream show",
        )
    if kinds != ["table"]:
        raise Refused(
            f"{table.dotted} is a {kinds[0]}, which is nothing without other tables",
            hint=f"bring the whole database: --database {table.database.name}",
        )
    ties = [line.split("\t") for line in ask(_ties(table))]
    if table.database.engine is Engine.POSTGRESQL:
        ties = [line[0].split("|", 1) for line in ties]
    for kind, name in ties:
        ask(_cut(table, kind, name))
    return [f"{kind} {name}" for kind, name in ties]


def _kind(table: Table) -> str:
    if table.database.engine is Engine.MARIADB:
        return (
            "SELECT IF(table_type = 'BASE TABLE', 'table', LOWER(table_type)) FROM information_schema.tables "  # noqa: S608
            f"WHERE table_schema = DATABASE() AND table_name = {_text(table.name)}"
        )
    kinds = "CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' ELSE 'other' END"
    return f"SELECT {kinds} FROM pg_class WHERE oid = to_regclass({_plain(table.quoted)})"  # noqa: S608 - quoted


def _all(table: Table) -> str:
    if table.database.engine is Engine.MARIADB:
        return "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1"
    return ("SELECT schemaname || '.' || tablename FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1")  # fmt: skip


def _ties(table: Table) -> str:
    if table.database.engine is Engine.MARIADB:
        mine = f"table_schema = DATABASE() AND table_name = {_text(table.name)}"
        theirs = f"event_object_schema = DATABASE() AND event_object_table = {_text(table.name)}"
        return (
            "SELECT 'foreign key', constraint_name FROM information_schema.table_constraints "  # noqa: S608 - quoted
            f"WHERE constraint_type = 'FOREIGN KEY' AND {mine} "
            f"UNION ALL SELECT 'trigger', trigger_name FROM information_schema.triggers WHERE {theirs}"
        )
    mine = f"to_regclass({_plain(table.quoted)})"
    return (
        f"SELECT 'foreign key', conname FROM pg_constraint WHERE contype = 'f' AND conrelid = {mine} "  # noqa: S608
        f"UNION ALL SELECT 'trigger', tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = {mine} "
        f"UNION ALL SELECT 'rule', rulename FROM pg_rewrite WHERE ev_class = {mine} "
        f"UNION ALL SELECT 'policy', polname FROM pg_policy WHERE polrelid = {mine}"
    )


def _cut(table: Table, kind: str, name: str) -> str:
    if table.database.engine is Engine.MARIADB:
        if kind == "trigger":
            return f"DROP TRIGGER {_back(name)}"
        return f"ALTER TABLE {table.quoted} DROP FOREIGN KEY {_back(name)}"
    if kind == "foreign key":
        return f"ALTER TABLE {table.quoted} DROP CONSTRAINT {_double(name)}"
    return f"DROP {kind.upper()} {_double(name)} ON {table.quoted}"


def _dump(scratch: Scratch, table: Table) -> list[str]:
    if table.database.engine is Engine.MARIADB:
        options = ["--single-transaction", "--hex-blob", "--skip-add-drop-table", "--skip-triggers"]
        return [*scratch.client(program="mariadb-dump"), *options, "--", table.database.name, table.name]
    options = ["--no-owner", "--no-privileges", f"--table={table.quoted}"]
    return [*scratch.client(table.database.name, "pg_dump"), *options]


def _there(database: str, table: str) -> str:
    return f"SELECT 1 FROM information_schema.tables WHERE table_schema = '{database}' AND table_name = '{table}'"  # noqa: S608


def _answers(argv: list[str]) -> bool:
    return bool(run(argv, timeout=60, cwd=Path("/")).strip())


def _back(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _double(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _text(value: str) -> str:
    return _plain(value.replace("\\", "\\\\"))  # MariaDB's
