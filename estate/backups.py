"""What the team decides about its backups."""

from dataclasses import dataclass
from datetime import time, timedelta


@dataclass(frozen=True, slots=True)
class BackupPolicy:
    """When what is saved. Times are local to the estate's time zone."""

    files_at: time
    snapshot_every: timedelta
