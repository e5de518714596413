"""[backup] as the BackupPolicy everything else works with, and back."""

from datetime import timedelta
from typing import Any

from estate.backups import BackupPolicy
from inventory.raw_backups import RawBackup
from inventory.raw_secret import plain_secret
from inventory.vault_build import plain_vault, vault

SAME = ("files_at", "files_to", "upload_limit_kib", "spool_mb", "keep_free_percent", "stream_keep_mb", "metrics",
        "count_seconds", "replicate")  # fmt: skip
DEFAULT = RawBackup()


def backups(raw: RawBackup) -> BackupPolicy:
    """Of a table in which no fault was found."""
    return BackupPolicy(
        snapshot_every=timedelta(hours=raw.snapshot_every_hours),
        files_every=timedelta(hours=raw.files_every_hours),
        heartbeat=None if raw.heartbeat is None else raw.heartbeat.secret(),
        notify=None if raw.notify is None else raw.notify.secret(),
        vault=vault(raw.vault, raw.retention),
        **{name: getattr(raw, name) for name in SAME},
    )


def plain_backups(policy: BackupPolicy) -> dict[str, Any]:
    """In the words of the estate file; what is as it is by itself is left out, but not the times."""
    told = {name: getattr(policy, name) for name in SAME[1:] if getattr(policy, name) != getattr(DEFAULT, name)}
    hours = {"snapshot": _hours(policy.snapshot_every), "files": _hours(policy.files_every)}
    return {
        "files_at": policy.files_at.strftime("%H:%M"),
        **{f"{name}_every_hours": value for name, value in hours.items()},
        **{name: str(value) if name == "files_to" else value for name, value in told.items()},
        **{
            name: plain_secret(value)
            for name in ("heartbeat", "notify")
            if (value := getattr(policy, name)) is not None
        },
        **plain_vault(policy.vault),
    }


def _hours(every: timedelta) -> int:
    return int(every.total_seconds()) // 3600
