"""What a database holds, table by table, so that two of its states can be compared. The engines' own words for it.

MariaDB: `CHECKSUM TABLE` reads every row. PostgreSQL has none: the sum of a hash of each row as text, which no order of
rows changes. `CHECK TABLE` and pg_amcheck look at pages and indexes. Names of tables are a client's: those with control
characters, which would end a line in what the engines' clients read and write, are left out.
"""

from collections.abc import Callable, Sequence

from backups.proof.record import Evidence
from effects.run import attempt, run
from estate.model import Engine

CHECK = 4 * 3600.0  # seconds; a limit, not an expectation
MARIADB = ("mariadb", "--batch", "--skip-column-names")


def as_postgres(*argv: str) -> list[str]:
    """A command of the database's owner."""
    return ["runuser", "-u", "postgres", "--", *argv]


def _sql(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _lines(said: str) -> list[list[str]]:
    return [line.split("\t") for line in said.splitlines() if line]


def mariadb(database: str) -> Evidence:
    """Rows of each table, and one checksum over all of them."""
    owned = f"table_type = 'BASE TABLE' AND table_schema = {_sql(database)} AND table_name NOT REGEXP '[[:cntrl:]]'"
    listing = f"SELECT table_name FROM information_schema.tables WHERE {owned} ORDER BY 1"  # noqa: S608 - quoted
    names = [row[0] for row in _lines(_mariadb(listing))]
    quoted = [f"`{database}`.`{name.replace('`', '``')}`" for name in names]
    count = "".join(f"SELECT COUNT(*) FROM {name};" for name in quoted)  # noqa: S608 - quoted
    counts = _lines(_mariadb(count)) if names else []
    sums = _lines(_mariadb(f"CHECKSUM TABLE {', '.join(quoted)}")) if names else []
    return _evidence(names, [int(row[0]) for row in counts], [row[-1] for row in sums])


def _mariadb(statement: str) -> str:
    return run([*MARIADB], stdin=f"{statement};\n", timeout=CHECK)


def postgresql(database: str) -> Evidence:
    """Likewise."""
    ours = "schemaname NOT IN ('pg_catalog', 'information_schema') AND schemaname || tablename !~ '[[:cntrl:]]'"
    listing = f"SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE {ours} ORDER BY 1"  # noqa: S608
    names = [row[0] for row in _lines(_postgresql(database, listing))]
    look = "SELECT count(*), coalesce(sum(hashtext(t::text)::bigint), 0) FROM {} AS t;"
    rows = _lines(_postgresql(database, "".join(look.format(name) for name in names))) if names else []
    return _evidence(names, [int(row[0]) for row in rows], [row[1] for row in rows])


def _postgresql(database: str, statement: str) -> str:
    psql = as_postgres("psql", "-X", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-")
    return run(psql, stdin=f"{statement};\n", timeout=CHECK)


def _evidence(names: Sequence[str], rows: Sequence[int], sums: Sequence[str]) -> Evidence:
    each = {f"rows of {name}": number for name, number in zip(names, rows, strict=True)}
    sums_of = {f"sum of {name}": number for name, number in zip(names, sums, strict=True)}
    return {"tables": len(names), "rows": sum(rows), **each, **sums_of}


HOLDS: dict[Engine, Callable[[str], Evidence]] = {Engine.MARIADB: mariadb, Engine.POSTGRESQL: postgresql}


def newest(engine: Engine, database: str, query: str) -> str | None:
    """What the estate's own question for the newest business row answers: one instant, or nothing."""
    if engine is Engine.MARIADB:
        said = run([*MARIADB, database], stdin=f"SET time_zone = '+00:00';\n{query};\n", timeout=CHECK)
    else:
        said = _postgresql(database, f"SET timezone = 'UTC';\n{query}").removeprefix("SET\n")
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
