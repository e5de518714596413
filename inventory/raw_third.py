"""[third_copy] of the estate file, as it is written."""

from datetime import time
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from inventory import words
from inventory.raw_secret import RawSecret
from inventory.table import Table


class RawThirdCopy(Table):
    """[third_copy]"""

    needs: ClassVar[tuple[str, ...]] = ("endpoint", "bucket", "access_key", "secret_key", "seal", "servers")
    endpoint: Annotated[str, AfterValidator(words.https)] | None = None
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] | None = None
    access_key: RawSecret | None = None
    secret_key: RawSecret | None = None
    seal: RawSecret | None = None
    servers: Annotated[list[str], Field(min_length=1)] | None = None
    at: Annotated[time, BeforeValidator(words.clock)] = time(5)
    locked_days: Annotated[int, Field(ge=1, le=3650)] = 30
    region: str | None = None
    trust: str | None = None
