"""[escrow] of the estate file, as it is written."""

from typing import Annotated

from pydantic import AfterValidator, Field

from estate.escrow import public_key
from inventory import words
from inventory.raw_secret import RawSecret
from inventory.table import Table


def _public(value: str) -> str:
    public_key(value)
    return value


class RawEscrow(Table):
    """[escrow]"""

    recipients: dict[Annotated[str, AfterValidator(words.person)], Annotated[str, AfterValidator(_public)]] = {}
    needed: Annotated[int, Field(ge=1, le=255)] = 1
    passphrase: RawSecret | None = None
