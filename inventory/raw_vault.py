"""[backup.vault] and [backup.retention] of the estate file, as they are written."""

from typing import Annotated

from pydantic import Field

from inventory.table import Table

Count = Annotated[int, Field(ge=0, le=10_000)]


class RawKeep(Table):
    """[backup.retention.CLASS]; what is not said is the class's own default."""

    within_days: Count | None = None
    daily: Count | None = None
    weekly: Count | None = None
    monthly: Count | None = None
    yearly: Count | None = None
    at_least: Annotated[int, Field(ge=1, le=10_000)] | None = None


class RawRetention(Table):
    """[backup.retention]"""

    files: RawKeep = RawKeep()
    databases: RawKeep = RawKeep()


class RawVault(Table):
    """[backup.vault]"""

    delay_days: Annotated[int, Field(ge=1, le=3650)] = 7
    check_minutes: Annotated[int, Field(ge=1, le=1440)] = 5
    most_a_day: Annotated[int, Field(ge=2, le=10_000)] = 60
    quota_files_gb: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    quota_databases_gb: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
