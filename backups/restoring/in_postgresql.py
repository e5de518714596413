"""Exchanging databases in PostgreSQL: two renames in one transaction, with nobody connected to either."""

from pathlib import Path

from backups.restoring.dumps import LIMIT, POSTGRES, pipe
from effects.run import Result, attempt, run
from estate.problem import Failed

TRIES = 20  # an application connects again at once


def drop(stage: str) -> None:
    """Take a database away that was loaded, and never served."""
    run([*POSTGRES, "dropdb", "--if-exists", "--force", stage], timeout=600, cwd=Path("/"))


def load(stage: str, dump: Path) -> None:
    """With owner, rights and settings as they were. The dump names `stage` itself: `dumps.to_file` saw to that."""
    named = run(["bash", "-c", 'pg_restore --list < "$1"', "list", str(dump)], timeout=LIMIT, cwd=Path("/"))
    if f"dbname: {stage}\n" not in named:
        raise Failed(f"{dump} is no dump of {stage}", hint="make one with: seawall backup restore --database … --dump")
    pipe(["cat", str(dump)], [*POSTGRES, "pg_restore", "--create", "--exit-on-error", "-d", "postgres"])


def exchange(database: str, stage: str, kept: str, _folder: Path, _dump: Path) -> None:
    """Both renames, or none. While the first waits nobody gets in; who was connected is sent away."""
    there = _names()
    if stage not in there:
        return  # a run that died had come so far
    renames = [f'ALTER DATABASE "{stage}" RENAME TO "{database}"']
    if database in there:
        renames.insert(0, f'ALTER DATABASE "{database}" RENAME TO "{kept}"')
    away = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "  # noqa: S608 - the estate's names
        f"WHERE datname IN ('{database}', '{stage}') AND pid <> pg_backend_pid()"
    )
    said: Result | None = None
    for _ in range(TRIES):
        said = attempt([*POSTGRES, "psql", "-qAtXv", "ON_ERROR_STOP=1", "-d", "postgres", "-f", "-"], timeout=120,
                       cwd=Path("/"), stdin=f"{away};\nBEGIN;\n{';'.join(renames)};\nCOMMIT;\n")  # fmt: skip
        if said.ok:
            return
    raise Failed(
        f"{database} can't be renamed: {said.said if said else ''}",
        hint="see who holds it: SELECT * FROM pg_stat_activity, pg_prepared_xacts; then run the same command again",
    )


def _names() -> set[str]:
    said = run([*POSTGRES, "psql", "-AtXc", "SELECT datname FROM pg_database"], timeout=60, cwd=Path("/"))
    return set(said.splitlines())
