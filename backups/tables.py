"""What a database holds, table by table, so that two of its states can be compared. The engines' own words for it.

MariaDB: `CHECKSUM TABLE` reads every row. PostgreSQL has none: the sum of a hash of each row as text, which no order of
rows changes. `CHECK TABLE` and pg_amcheck look at pages and indexes. Names of tables are a client's: those with control
characters, which would end a line in what the engines' clients read and write, are left out. So are his functions,
operators and casts, which would run here with all rights: only PostgreSQL's own are found, and none by a cast.

A server that visitors wait for is asked within bounds, and for those tables alone whose rows are nobody else's and come
back with a copy: of InnoDB; of PostgreSQL logged ones, neither partitioned nor inherited from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from effects.run import attempt, run
from estate.model import Engine

CHECK = 4 * 3600.0  # seconds; a limit, not an expectation
ROWS, SUM = "rows of ", "sum of "  # and the table's name
MARIADB = ("mariadb", "--batch", "--skip-column-names", "--raw", "--default-character-set=utf8mb4")
LARGEST = 1 << 30  # bytes of a table that is read on a server that serves
GRACE = 10.0  # seconds beyond a server's own limit
PATIENCE = 2  # seconds that such a reading waits for somebody who alters a table
AS_TEXT = (
    "SET timezone = 'UTC'; SET datestyle = ISO; SET intervalstyle = postgres; SET extra_float_digits = 1;"
    "SET bytea_output = hex; SET client_encoding = 'UTF8'; SET search_path = pg_catalog;"
)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a reading may cost."""

    seconds: float = CHECK
    serving: bool = False


Evidence = Mapping[str, str | int | float | None]  # what was seen of one thing, in words and figures
FREE = Bound()
NAME, CLASSES = "format('%I.%I', n.nspname, c.relname)", "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
OURS = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname || c.relname !~ '[[:cntrl:]]'"
KIND = {
    False: "c.relkind IN ('r', 'p')",
    True: "c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relhassubclass"
    f" AND pg_total_relation_size(c.oid) <= {LARGEST}",
}


def as_postgres(*argv: str) -> list[str]:
    """A command of the database's owner."""
    return ["runuser", "-u", "postgres", "--", *argv]


def _sql(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _lines(said: str) -> list[list[str]]:
    return [line.split("\t") for line in said.split("\n") if line]  # names may have other ends of lines in them


def mariadb(database: str, bound: Bound = FREE) -> Evidence:
    """Rows of each table, and one checksum over all of them."""
    owned = f"table_type = 'BASE TABLE' AND table_schema = {_sql(database)} AND table_name NOT REGEXP '[[:cntrl:]]'"
    if bound.serving:
        owned += f" AND engine = 'InnoDB' AND data_length + index_length <= {LARGEST}"
    listing = f"SELECT table_name FROM information_schema.tables WHERE {owned} ORDER BY 1"  # noqa: S608 - quoted
    names = [row[0] for row in _lines(in_mariadb(listing, bound))]
    quoted = [f"`{database}`.`{name.replace('`', '``')}`" for name in names]
    count = "".join(f"SELECT COUNT(*) FROM {name};" for name in quoted)  # noqa: S608 - quoted
    found = _lines(in_mariadb(f"{count}CHECKSUM TABLE {', '.join(quoted)}", bound)) if names else []
    counts, sums = found[: len(names)], found[len(names) :]
    return _evidence(names, [int(row[0]) for row in counts], [row[-1] for row in sums])


def in_mariadb(statement: str, bound: Bound = FREE) -> str:
    """What it answers, a line a row."""
    limits = f"SET max_statement_time = {bound.seconds:.3f}, lock_wait_timeout = {PATIENCE};\n" if bound.serving else ""
    return run([*MARIADB], stdin=f"{limits}{statement};\n", timeout=bound.seconds + GRACE)


def postgresql(database: str, bound: Bound = FREE) -> Evidence:
    """Likewise."""
    listing = f"SELECT {NAME} FROM {CLASSES} WHERE {OURS} AND {KIND[bound.serving]} ORDER BY 1"  # noqa: S608 - constants
    names = [row[0] for row in _lines(in_postgresql(database, listing, bound))]
    look = "SELECT count(*), coalesce(sum(hashtext(textin(record_out(t)))::bigint), 0) FROM {} AS t;"
    rows = _lines(in_postgresql(database, "".join(look.format(name) for name in names), bound)) if names else []
    return _evidence(names, [int(row[0]) for row in rows], [row[1] for row in rows])


def in_postgresql(database: str, statement: str, bound: Bound = FREE) -> str:
    """Likewise. Instants and numbers are written in the same way on every server."""
    limits = f"SET statement_timeout = {bound.seconds * 1000:.0f}; SET lock_timeout = '{PATIENCE}s';"
    before = f"{AS_TEXT}{limits if bound.serving else ''}"
    psql = as_postgres("psql", "-X", "-A", "-t", "-q", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-")
    return run(psql, stdin=f"{before}\n{statement};\n", timeout=bound.seconds + GRACE, cwd=Path("/"))


def _evidence(names: Sequence[str], rows: Sequence[int], sums: Sequence[str]) -> Evidence:
    each = {f"{ROWS}{name}": number for name, number in zip(names, rows, strict=True)}
    # MariaDB says NULL for a table that it could not open in time: that is no checksum.
    sums_of = {f"{SUM}{name}": number for name, number in zip(names, sums, strict=True) if number != "NULL"}
    return {"tables": len(names), "rows": sum(rows), **each, **sums_of}


class Reading(Protocol):
    """Rows and a checksum of each table of a database."""

    def __call__(self, database: str, bound: Bound = FREE) -> Evidence: ...


HOLDS: dict[Engine, Reading] = {Engine.MARIADB: mariadb, Engine.POSTGRESQL: postgresql}


def newest(engine: Engine, database: str, query: str) -> str | None:
    """What the estate's own question for the newest business row answers: one instant, or nothing."""
    if engine is Engine.MARIADB:
        said = run([*MARIADB, database], stdin=f"SET time_zone = '+00:00';\n{query};\n", timeout=CHECK)
    else:
        said = in_postgresql(database, f"RESET search_path; {query}")
    return next((row[0] for row in _lines(said) if row[0] not in ("", "NULL")), None)


def checked(engine: Engine, databases: Sequence[str]) -> list[str]:
    """What the engine's own check finds against its pages, rows and indexes; nothing where all is well."""
    if engine is Engine.MARIADB:
        said = attempt(["mariadb-check", "--check", "--silent", "--all-databases"], timeout=CHECK)
        return [line for line in said.out.splitlines() if line.strip()] or ([] if said.ok else [said.said])
    version = run(["pg_lsclusters", "--no-header"], timeout=30).split()[0]
    found = []
    for name in databases:
        check = [
            f"/usr/lib/postgresql/{version}/bin/pg_amcheck",
            "--install-missing",
            "--no-strict-names",
            f"--database={name}",
        ]
        said = attempt(as_postgres(*check), timeout=CHECK)
        if not said.ok:
            found.append(f"{name}: {said.said}")
    return found
