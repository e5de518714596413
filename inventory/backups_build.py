"""[backup] as the BackupPolicy everything else works with, and back."""

from datetime import timedelta
from typing import Any

from estate.backups import BackupPolicy
from inventory.raw_backups import RawBackup


def backups(raw: RawBackup) -> BackupPolicy:
    """Of a table in which no fault was found."""
    return BackupPolicy(raw.files_at, timedelta(hours=raw.snapshot_every_hours))


def plain_backups(policy: BackupPolicy) -> dict[str, Any]:
    """In the words of the estate file."""
    return {
        "files_at": policy.files_at.strftime("%H:%M"),
        "snapshot_every_hours": int(policy.snapshot_every.total_seconds()) // 3600,
    }
