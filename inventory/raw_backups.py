"""[backup] of the estate file, as it is written."""

from datetime import time
from typing import Annotated, Literal

from pydantic import BeforeValidator

from inventory import words
from inventory.table import Table


class RawBackup(Table):
    """[backup]"""

    files_at: Annotated[time, BeforeValidator(words.clock)] = time(2, 30)
    snapshot_every_hours: Literal[1, 2, 3, 4, 6, 8, 12, 24] = 2
