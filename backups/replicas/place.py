"""Where a replica lives on a twin: data, a directory for its sockets, and a unit of its own. It serves nobody.

Whoever is root on production decides what it is fed. So it runs as the database server's user with everything else
closed: a network namespace in which there is one socket, behind which ssh goes to production; no other data, no secret,
no capability; nothing that production's configuration would run (events, hooks, plugins) is on.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backups import paths
from backups.engines import Server, server
from backups.streams.scratch import CLOSED, Scratch
from effects.clock import wait_until
from effects.onhost import encrypted
from effects.run import attempt, run
from estate.model import Engine
from estate.problem import Failed

REPLICAS = paths.STATE / "replicas"
READY = 600.0  # seconds: a copy of a busy server recovers first
STOP = 300.0
MEMORY = "1G"
ACCOUNT = "replica-twin"  # as playbooks/followed.py makes it
TMP = "tmp"  # in the room
LOG = "log"  # in the room: WAL out of the stream, until production is reached


@dataclass(frozen=True, slots=True)
class Replica:
    """The replica of one engine on this host."""

    server: Server

    @classmethod
    def of(cls, engine: Engine) -> "Replica":
        """Of the server that would serve here. Raises Missing where there is none."""
        return cls(server(engine))

    @property
    def engine(self) -> Engine:
        return self.server.engine

    @property
    def data(self) -> Path:
        """Beside what the server serves from, so that it takes its place by a rename."""
        return self.server.data.with_name(f"{self.server.data.name}.seawall-replica")

    @property
    def room(self) -> Path:
        """For sockets; closed to all but root and the server's user."""
        return REPLICAS / self.engine

    @property
    def unit(self) -> str:
        return f"seawall-replica-{self.engine}.service"

    @property
    def scratch(self) -> Scratch:
        """Its clients while it runs; and, when it does not, a server that writes on the same data."""
        return Scratch(self.server, self.data, self.room)

    def runs(self) -> bool:
        """Whether its unit is active."""
        return attempt(["systemctl", "is-active", "--quiet", self.unit], timeout=30).ok

    def start(self, argv: Sequence[str]) -> None:
        """Start it, and return when it answers. Raises Failed with what it said."""
        self.furnish()
        attempt(["systemctl", "reset-failed", self.unit], timeout=30)
        properties = [f"User={self.server.owner}", f"Group={self.server.owner}", "PrivateNetwork=yes",
                      f"JoinsNamespaceOf={self._link}", f"TimeoutStopSec={STOP:g}", f"MemoryHigh={MEMORY}",
                      "Nice=5", "LimitNOFILE=32768", "CPUWeight=50", "IOWeight=50", "OOMScoreAdjust=500", *CLOSED,
                      "RestrictAddressFamilies=AF_UNIX AF_INET", f"InaccessiblePaths=-{self.server.data} -/srv",
                      f"KillSignal={'SIGINT' if self.engine is Engine.POSTGRESQL else 'SIGTERM'}",
                      f"ReadWritePaths={self.data} {self.room}"]  # fmt: skip
        run(["systemd-run", "--quiet", "--collect", f"--unit={self.unit}",
             f"--description=Seawall: replica of {self.engine}",
             *(f"--property={one}" for one in properties), *argv], timeout=60)  # fmt: skip
        late = Failed(f"{self.unit} does not answer", hint=f"journalctl -u {self.unit}")
        wait_until(self._answers, timeout=READY, late=late, every=0.2)

    def stop(self) -> None:
        """Stop it; what it has is on the disk then."""
        attempt(["systemctl", "stop", self.unit], timeout=STOP + 60)

    def connect(self, *, on: bool) -> None:
        """Open or cut the way to production: the socket, and what was let through it."""
        if on:
            run(["systemctl", "start", self._link], timeout=30)
        else:
            through = self._link.replace(".socket", "@*.service")
            run(["systemctl", "stop", self._link, through], timeout=30)

    def furnish(self) -> None:
        """Its room."""
        REPLICAS.mkdir(mode=0o711, parents=True, exist_ok=True)
        if not self.room.exists():
            self.room.mkdir(mode=0o700)
            encrypted.follow(str(self.room))
        (self.room / TMP).mkdir(mode=0o700, exist_ok=True)  # a private /tmp would be its socket's too: read-only
        for path in (self.room, self.room / TMP):
            shutil.chown(path, self.server.owner, self.server.owner)

    @property
    def _link(self) -> str:
        return f"seawall-replica-{self.engine}-link.socket"

    def said(self) -> str:
        """The end of its log, since it was last started."""
        argv = ["journalctl", "--no-pager", "-q", "-n", "30", "-o", "cat", "-u", self.unit]
        return attempt(argv, timeout=30).out.strip()

    def _answers(self) -> bool:
        if not self.runs():
            raise Failed(f"{self.unit} ended: {self.said()[-600:]}", hint=f"journalctl -u {self.unit}")
        asked = self.scratch.words("SELECT 1")
        return attempt([*self.scratch.client(), *asked], timeout=30, cwd=Path("/")).ok
