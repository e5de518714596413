"""[backup.vault] and [backup.retention] as the VaultPolicy everything else works with, and back."""

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from estate.vault import GB, Keep, VaultPolicy
from inventory.raw_vault import RawKeep, RawRetention, RawVault

USUAL = VaultPolicy()


def vault(raw: RawVault, retention: RawRetention) -> VaultPolicy:
    """Of tables in which no fault was found."""
    quotas = {"files": raw.quota_files_gb, "databases": raw.quota_databases_gb}
    return VaultPolicy(
        files=_keep(retention.files, USUAL.files),
        databases=_keep(retention.databases, USUAL.databases),
        delay=timedelta(days=raw.delay_days),
        check=timedelta(minutes=raw.check_minutes),
        most_a_day=raw.most_a_day,
        quotas={kind: size * GB for kind, size in quotas.items() if size is not None},
    )


def plain_vault(policy: VaultPolicy) -> dict[str, Any]:
    """In the words of the estate file: its two tables."""
    table = {
        "delay_days": policy.delay.days,
        "check_minutes": int(policy.check.total_seconds()) // 60,
        "most_a_day": policy.most_a_day,
    }
    quotas = {f"quota_{kind}_gb": size // GB for kind, size in policy.quotas.items()}
    return {
        "vault": table | quotas,
        "retention": {"files": _plain(policy.files), "databases": _plain(policy.databases)},
    }


def _keep(raw: RawKeep, usual: Keep) -> Keep:
    told: dict[str, Any] = raw.model_dump(exclude_none=True)
    if "within_days" in told:
        told["within"] = timedelta(days=told.pop("within_days"))
    return replace(usual, **told)


def _plain(keep: Keep) -> dict[str, int]:
    counts = asdict(keep)
    return {"within_days": counts.pop("within").days, **counts}
