"""A database taken out of a scratch server: into a file, or beside the others in the server that serves here.

A file is for the server's own client. PostgreSQL's knows the name of its database, so there it is dumped as
`NAME_restored`: who loads it with `--create` gets owner, rights and settings too, and never over what serves.
"""

from pathlib import Path

from backups.engines import Server
from backups.streams.scratch import Scratch
from effects import files
from effects.run import attempt, run
from estate.model import Engine
from estate.problem import Refused

LIMIT = 4 * 3600.0  # seconds; a limit, not an expectation
WHOLE = ("--single-transaction", "--routines", "--triggers", "--events", "--hex-blob")
POSTGRES = ("runuser", "-u", "postgres", "--")
LONGEST = 63  # characters of a database's name


def restored_name(database: str) -> str:
    """What a database is called until it is put in its place."""
    return f"{database[: LONGEST - len('_restored')]}_restored"


def to_file(scratch: Scratch, database: str, target: Path) -> None:
    """A dump of one database; whole, or not there."""
    if scratch.server.engine is Engine.POSTGRESQL:
        name = restored_name(database)
        scratch.ask(f'ALTER DATABASE "{database}" RENAME TO "{name}"')
        database = name
    written(_dump(scratch, database), target)


def written(dump: list[str], target: Path) -> None:
    """What `dump` says, in a file that is whole or not there, closed to others."""
    stage = target.with_name(f".{target.name}.seawall")
    run(["bash", "-o", "pipefail", "-c", 'umask 077; out="$1"; shift; "$@" > "$out"', "dump", str(stage), *dump],
        timeout=LIMIT, cwd=Path("/"))  # fmt: skip
    run(["sync", str(stage)], timeout=600)
    stage.rename(target)
    files.sync_directory(target.parent)


def beside(scratch: Scratch, database: str, name: str) -> None:
    """The database under another name in the server that serves here. Raises Refused where that name is taken."""
    load = ["pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "-d", name]
    into_new(scratch.server, name, _dump(scratch, database), [*POSTGRES, *load])


def into_new(mine: Server, name: str, dump: list[str], load: list[str]) -> None:
    """A new database that holds what `dump` says; `load` is how PostgreSQL's is read. Refused where it is there."""
    if name in mine.databases():
        raise Refused(
            f"there is a database {name} already, and it is not touched", hint="choose another name with --into"
        )
    if mine.engine is Engine.MARIADB:
        make, unmake = (["mariadb", "--execute", f"{word} DATABASE `{name}`"] for word in ("CREATE", "DROP"))
        load = ["mariadb", "--binary-mode", name]
    else:
        make, unmake = [*POSTGRES, "createdb", "--template=template0", name], [*POSTGRES, "dropdb", name]
    run(make, timeout=60, cwd=Path("/"))
    try:
        pipe(dump, load)
    except BaseException:
        attempt(unmake, timeout=60, cwd=Path("/"))  # half a database passes for a whole one
        raise


def pipe(dump: list[str], take: list[str]) -> None:
    """What the one says, the other reads. Raises Failed where either does not come to its end."""
    run(["bash", "-o", "pipefail", "-c", 'n="$1"; shift; "${@:1:n}" | "${@:n+1}"', "beside", str(len(dump)), *dump,
         *take], timeout=LIMIT, cwd=Path("/"))  # fmt: skip


def _dump(scratch: Scratch, database: str) -> list[str]:
    if scratch.server.engine is Engine.MARIADB:
        return [*scratch.client(program="mariadb-dump"), *WHOLE, database]
    return [*scratch.client(database, "pg_dump"), "--format=custom"]
