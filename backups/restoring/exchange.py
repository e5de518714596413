"""A database in the place of the one that serves: loaded beside, counted against it, exchanged by renames.

Nothing is dropped: what served is kept under another name in the same server, and no other database is touched. What
was begun is written down first, so that a run that died is finished by the next one.
"""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType

from backups import paths
from backups.engines import Server
from backups.restoring import in_mariadb, in_postgresql
from backups.restoring.dumps import LONGEST, restored_name
from backups.tables import HOLDS, ROWS, SUM, Evidence
from effects import files
from estate.model import Engine
from estate.problem import Failed, Refused

BEGUN = paths.STATE / "exchanges"
LOADING, GOING = "loading", "exchanging"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Change:
    """One table that is not now what it was. None: it is not there."""

    table: str
    rows_now: int | None
    rows_then: int | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is, or was, under way for one database: its place beside, and the name that what served is kept under."""

    server: Server
    database: str
    kept: str
    dump: str

    @property
    def stage(self) -> str:
        """What is loaded, until it takes its place."""
        return restored_name(self.database)

    @property
    def folder(self) -> Path:
        """What belongs to it in files; it outlives a run that died."""
        return BEGUN / self.server.engine / self.database

    def begin(self) -> None:
        """From now on a database of the stage's name is ours."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._note(LOADING)

    def go(self) -> None:
        """From now on what stands there takes its place, whoever dies."""
        self._note(GOING)

    def end(self) -> None:
        """Nothing is under way any more."""
        shutil.rmtree(self.folder)

    def _note(self, phase: str) -> None:
        row = {"phase": phase, "kept": self.kept, "dump": self.dump}
        files.write(self.folder / "begun.json", json.dumps(row), mode=0o600)


def kept_name(database: str, now: datetime) -> str:
    """`shop_kept_20261122_031400`."""
    stamp = now.strftime("_kept_%Y%m%d_%H%M%S")
    return f"{database[: LONGEST - len(stamp)]}{stamp}"


def unfinished(server: Server, database: str) -> tuple[str, Exchange] | None:
    """What a run that died has left, and how far it was."""
    with suppress(FileNotFoundError):
        row = json.loads((BEGUN / server.engine / database / "begun.json").read_text(encoding="utf-8"))
        return row["phase"], Exchange(server, database, row["kept"], row["dump"])
    return None


def load(this: Exchange, dump: Path) -> list[Change]:
    """The dump beside what serves, and what of that would be lost. Raises Refused for a database that is not ours."""
    mine = _engine(this.server)
    if unfinished(this.server, this.database) is None and this.stage in this.server.databases():
        raise Refused(
            f"there is a database {this.stage}, which a restore has not made",
            hint="rename it, then run the same command again",
        )
    if (free := shutil.disk_usage(this.server.data).free) < (wanted := 2 * dump.stat().st_size):
        raise Refused(
            f"{this.server.data} has {free / 1e6:.0f} MB free, and {wanted / 1e6:.0f} MB are wanted",
            hint="make room there, then run the same command again",
        )
    this.begin()
    mine.drop(this.stage)
    mine.load(this.stage, dump)
    then = HOLDS[this.server.engine](this.stage)
    if not then["tables"]:
        raise Refused(f"{dump} has no table of {this.database} in it", hint="compare its name with the database's")
    live = this.database in this.server.databases()
    return changes(HOLDS[this.server.engine](this.database) if live else {}, then)


def changes(now: Evidence, then: Evidence) -> list[Change]:
    """Tables that differ in rows or content, by name. Of both it takes what `backups.tables` counts."""
    tables = sorted({key.removeprefix(ROWS) for key in (*now, *then) if key.startswith(ROWS)})
    return [
        Change(table, _rows(now, table), _rows(then, table))
        for table in tables
        if any(now.get(f"{word}{table}") != then.get(f"{word}{table}") for word in (ROWS, SUM))
    ]


def _rows(found: Evidence, table: str) -> int | None:
    rows = found.get(f"{ROWS}{table}")
    return rows if isinstance(rows, int) else None


def forget(this: Exchange) -> None:
    """What was loaded goes; nothing where a database of that name is not ours."""
    if unfinished(this.server, this.database) is not None:
        _engine(this.server).drop(this.stage)
        this.end()


def finish(this: Exchange) -> None:
    """Let the loaded one take its place. Safe to repeat after a crash anywhere. Raises Failed where it is not there."""
    this.go()
    _engine(this.server).exchange(this.database, this.stage, this.kept, this.folder, Path(this.dump))
    there = this.server.databases()
    if this.database not in there or this.stage in there:
        raise Failed(f"{this.database} did not take its place", hint="run the same command again")
    this.end()


def _engine(server: Server) -> ModuleType:
    return in_mariadb if server.engine is Engine.MARIADB else in_postgresql


def document(found: list[Change]) -> list[dict[str, object]]:
    """For people who pipe."""
    return [asdict(one) for one in found]
