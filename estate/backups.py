"""What the team decides about its backups."""

from dataclasses import dataclass, field
from datetime import time, timedelta
from enum import StrEnum

from estate.secret import Secret
from estate.vault import VaultPolicy


class Target(StrEnum):
    """Which sides an archive of files is due on."""

    ALTERNATE = "alternate"  # the side that the day belongs to
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Freshness:
    """How the newest business row of a database is found, and how old it may be in a copy that is whole."""

    query: str  # SQL that answers one instant, in UTC or with its zone, or seconds of Unix time
    max_age: timedelta  # when the copy is taken


@dataclass(frozen=True, slots=True)
class BackupPolicy:
    """When what is saved, and what it may use. Times of day are local to the estate's time zone."""

    files_at: time
    snapshot_every: timedelta
    files_every: timedelta = timedelta(days=1)  # a divisor of a day; below a day, `files_at` says the minute
    files_to: Target = Target.ALTERNATE
    upload_limit_kib: int | None = None  # KiB a second, of all transfers of a host together; None: as fast as it goes
    spool_mb: int = 4096  # what snapshots may take of production's disk while both sides are down; 0: none is kept
    keep_free_percent: int = 10  # of production's disk, which nothing of ours ever goes below
    metrics: str | None = None  # a directory that node_exporter reads *.prom from
    heartbeat: Secret | None = None  # the URL of a dead-man's switch; {host} and {kind} in it are filled in
    notify: Secret | None = None  # URLs as apprise takes them, one a line
    stream_keep_mb: int = 4096  # of a server's log that production keeps at most for a side that is down
    count_seconds: int = 60  # that a snapshot may read a server's tables, for its proof to be held against; 0: none
    replicate: bool = True  # whether a twin follows its production host's database servers
    vault: VaultPolicy = field(default_factory=VaultPolicy)
