"""A database server of its own on a copy that nobody serves: no network, its own socket, the server's user.

It is a systemd unit with a fixed name. So a run that was killed leaves nothing behind that the next one does not find.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backups.engines import Server
from effects.clock import wait_until
from effects.run import Result, attempt, run
from estate.model import Engine
from estate.problem import Failed

LONGEST = "12h"
READY = 4 * 3600.0  # seconds; PostgreSQL replays while it starts
STOP = 600.0
# Whoever was root on production wrote what is replayed here: a statement in it may read and write files as the server's
# user, who owns the data that serves, too.
CLOSED = ("ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "NoNewPrivileges=yes", "CapabilityBoundingSet=",
          "ProtectProc=invisible", "RestrictAddressFamilies=AF_UNIX", "InaccessiblePaths=-/etc/seawall")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scratch:
    """The server that `server` would be, on `data`. `room` is a directory of its own for sockets."""

    server: Server
    data: Path
    room: Path

    @property
    def unit(self) -> str:
        """Its name in systemd."""
        return f"seawall-instant-{self.server.engine}.service"

    def start(self, *options: str) -> None:
        """Start it, and return when it takes connections and writes. Raises Failed with what it said."""
        self.stop()
        attempt(["systemctl", "reset-failed", self.unit], timeout=30)
        properties = [f"User={self.server.owner}", f"Group={self.server.owner}", "PrivateNetwork=yes",
                      f"RuntimeMaxSec={LONGEST}", "KillSignal=SIGINT" if self._wal else "KillSignal=SIGTERM",
                      f"TimeoutStopSec={STOP:g}", "Nice=5", *CLOSED,
                      f"ReadWritePaths={self.data} {self.room}"]  # fmt: skip
        run(
            ["systemd-run", "--quiet", "--collect", f"--unit={self.unit}",
             *(f"--property={one}" for one in properties), *self._argv(), *options],
            timeout=60,
        )  # fmt: skip
        late = Failed(f"{self.unit} did not come to its end", hint=f"journalctl -u {self.unit}")
        wait_until(self._answers, timeout=READY, late=late, every=0.1)

    def stop(self) -> None:
        """Stop it; what it has is on the disk then."""
        attempt(["systemctl", "stop", self.unit], timeout=STOP + 60)

    def ask(self, statement: str, database: str = "") -> str:
        """Its answer, a row a line, columns apart by tabs."""
        return run([*self.client(database), *self.words(statement)], timeout=READY, cwd=Path("/"))

    def words(self, statement: str) -> list[str]:
        """How its client is given a statement."""
        return ["-AtXc", statement] if self._wal else ["--batch", "--skip-column-names", "--execute", statement]

    def client(self, database: str = "", program: str = "") -> list[str]:
        """A client program of it."""
        if self._wal:
            where = ["-h", str(self.room), *(["-d", database] if database else ["-d", "postgres"])]
            become = [
                "setpriv",
                "--reuid=postgres",
                "--regid=postgres",
                "--init-groups",
                "--",
            ]  # PAM would log each look
            return [*become, program or "psql", *where]
        return [program or "mariadb", f"--socket={self.room}/socket", *([database] if database else [])]

    @property
    def _wal(self) -> bool:
        return self.server.engine is Engine.POSTGRESQL

    def _argv(self) -> Sequence[str]:
        if not self._wal:
            return ("/usr/sbin/mariadbd", f"--datadir={self.data}", f"--socket={self.room}/socket",
                    f"--pid-file={self.room}/pid", "--skip-networking", "--skip-log-bin", "--skip-slave-start",
                    "--event-scheduler=OFF", "--innodb-flush-log-at-trx-commit=0",
                    "--gtid-strict-mode=OFF")  # fmt: skip
        version = (self.data / "PG_VERSION").read_text(encoding="utf-8").strip()
        (self.room / "pg_hba.conf").write_text("local all all peer\n", encoding="utf-8")
        (self.room / "postgresql.conf").write_text("", encoding="utf-8")
        (self.room / "pg_ident.conf").write_text("", encoding="utf-8")
        settings = {
            "config_file": self.room / "postgresql.conf", "hba_file": self.room / "pg_hba.conf",
            "ident_file": self.room / "pg_ident.conf", "unix_socket_directories": self.room, "listen_addresses": "",
            "hot_standby": "off", "archive_mode": "off", "shared_preload_libraries": "", "max_wal_senders": "0",
            "data_directory": self.data,
        }  # fmt: skip
        return (f"/usr/lib/postgresql/{version}/bin/postgres", "-D", str(self.data),
                *(part for key, value in settings.items() for part in ("-c", f"{key}={value}")))  # fmt: skip

    def _answers(self) -> bool:
        state = attempt(["systemctl", "is-active", self.unit], timeout=30).out.strip()
        if state not in ("active", "activating"):
            said = attempt(["journalctl", "--no-pager", "-qn", "15", "-o", "cat", "-u", self.unit], timeout=30).out
            raise Failed(f"{self.unit} ended: {said.strip()[-700:]}", hint=f"journalctl -u {self.unit}")
        return self._tried().ok

    def _tried(self) -> Result:
        if self._wal:
            probe = "DO $$ BEGIN IF pg_is_in_recovery() THEN RAISE EXCEPTION 'recovering'; END IF; END $$"
            return attempt([*self.client(), "-XqAtc", probe], timeout=30, cwd=Path("/"))
        return attempt([*self.client(), "--execute", "SELECT 1"], timeout=30)
