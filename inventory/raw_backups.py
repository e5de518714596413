"""[backup] of the estate file, as it is written."""

from datetime import time
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from estate.backups import Target
from inventory import words
from inventory.raw_placement import RawPair
from inventory.raw_secret import RawSecret
from inventory.raw_vault import RawRetention, RawVault
from inventory.table import Table

Label = Annotated[str, AfterValidator(words.label)]
Hours = Literal[1, 2, 3, 4, 6, 8, 12, 24]


class RawBackup(Table):
    """[backup]"""

    files_at: Annotated[time, BeforeValidator(words.clock)] = time(2, 30)
    files_every_hours: Hours = 24
    files_to: Annotated[Target, BeforeValidator(words.one_of(Target))] = Target.ALTERNATE
    snapshot_every_hours: Hours = 2
    upload_limit_kib: Annotated[int, Field(ge=1)] | None = None
    spool_mb: Annotated[int, Field(ge=0)] = 4096
    keep_free_percent: Annotated[int, Field(ge=1, le=90)] = 10
    stream_keep_mb: Annotated[int, Field(ge=256, le=1_000_000)] = 4096
    count_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    replicate: bool = True
    metrics: Annotated[str, AfterValidator(words.absolute)] | None = None
    heartbeat: RawSecret | None = None
    notify: RawSecret | None = None
    pairs: dict[Label, RawPair] = {}
    retention: RawRetention = RawRetention()
    vault: RawVault = RawVault()
