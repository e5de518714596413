"""The two database servers: a physical copy out, a physical copy back in.

Physical, because bringing 1.1 GB back takes 3 s where importing a dump takes 91 s (MariaDB 10.11). A copy is
made ready before it is saved (`--prepare`, a verified base backup), so that a restore is: put it there, start.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from effects.onhost import encrypted
from effects.onhost.fence import HELD
from effects.run import Result, attempt, cores, run
from estate.model import Engine
from estate.problem import Failed, Missing, Refused

COPY = 4 * 3600  # seconds; a limit for the largest instance, not an expectation
START = 180
# How mariadb-backup (10.11, 11.8) names a file of InnoDB or Aria that it can't copy, above pages of hexadecimal digits.
DAMAGED = re.compile(r"File (\S+) seems to be corrupted|aria_read data from (\S+) failed")


@dataclass(frozen=True, slots=True)
class Server:
    """One database server of this machine."""

    engine: Engine
    unit: str
    data: Path
    owner: str

    def copy(self, into: Path) -> None:
        """A consistent copy of all its databases, ready to be started from."""
        if attempt(["systemctl", "is-active", "--quiet", self.unit], timeout=30).code != 0:
            if Path(HELD).exists():
                raise Refused(
                    "this host is fenced: another serves in its place, and nothing is saved here before a return",
                    hint="on the control machine: seawall drp status",
                )
            raise Failed(
                f"{self.unit} is not running, so its databases can't be copied",
                hint=f"look at: systemctl status {self.unit}",
            )
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(mode=0o700, parents=True)
        encrypted.follow(str(into))
        shutil.chown(into, self.owner, self.owner)
        (_copy_mariadb if self.engine is Engine.MARIADB else _copy_postgresql)(into)

    def databases(self) -> frozenset[str]:
        """The names of the databases it serves now."""
        listing = {
            Engine.MARIADB: ["mariadb", "--batch", "--skip-column-names", "--execute", "SHOW DATABASES"],
            Engine.POSTGRESQL: [
                "runuser",
                "-u",
                "postgres",
                "--",
                "psql",
                "-AtXc",
                "SELECT datname FROM pg_database",
            ],
        }
        return frozenset(run(listing[self.engine], timeout=30, cwd=Path("/")).split())

    def stop(self) -> None:
        """Stop it, and return when it has stopped."""
        run(["systemctl", "stop", self.unit], timeout=START)

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        run(["systemctl", "start", self.unit], timeout=START)


def server(engine: Engine) -> Server:
    """The server of `engine` on this machine. Raises Missing where there is none."""
    if engine is Engine.MARIADB:
        return Server(engine, "mariadb.service", Path("/var/lib/mysql"), "mysql")
    version, cluster, data = _cluster()
    return Server(engine, f"postgresql@{version}-{cluster}.service", data, "postgres")


def _cluster() -> tuple[str, str, Path]:
    for line in run(["pg_lsclusters", "--no-header"], timeout=30).splitlines():
        version, cluster, _port, _status, _owner, data, *_ = line.split()
        return version, cluster, Path(data)
    raise Missing("this machine has no PostgreSQL cluster", hint="apt-get install postgresql")


def _copy_mariadb(into: Path) -> None:
    for stage, more in (("--backup", [f"--parallel={cores()}"]), ("--prepare", [])):
        said = attempt(["mariadb-backup", stage, *more, f"--target-dir={into}"], timeout=COPY)
        if not said.ok:
            raise _not_copied(stage, said)


def _not_copied(stage: str, said: Result) -> Failed:
    """A damaged table ends the copy of the whole server: a copy that lacks it would pass for a whole one."""
    damaged = {next(filter(None, found.groups())) for found in DAMAGED.finditer(said.err)}
    if damaged:
        return Failed(
            f"no snapshot of any database here: the server's file {', '.join(sorted(damaged))} is damaged",
            hint="mariadb-check says more; mend or drop that table. What the log still gets goes to both sides: on the "
            "twin, seawall backup restore --database NAME --latest",
        )
    return Failed(f"mariadb-backup {stage} ended with {said.code}: {said.said}", hint="mend that, then run it again")


def _copy_postgresql(into: Path) -> None:
    version, _, _ = _cluster()
    as_owner = ["runuser", "-u", "postgres", "--"]
    run(
        # No fsync of each file: a copy that a crash cuts off is thrown away, and the next one begins anew.
        [*as_owner, "pg_basebackup", f"--pgdata={into}", "--wal-method=stream", "--checkpoint=fast", "--no-sync"],
        timeout=COPY,
        cwd=Path("/"),
    )
    run(
        [*as_owner, f"/usr/lib/postgresql/{version}/bin/pg_verifybackup", "--quiet", str(into)],
        timeout=COPY,
        cwd=Path("/"),
    )
