"""What a plan holds of a replica: apart, for whoever reads plans needs nothing that a replica is promoted with."""

from dataclasses import dataclass
from datetime import datetime

from estate.model import Engine


@dataclass(frozen=True, slots=True)
class Standby:
    """A replica that an activation may go on from."""

    engine: Engine
    position: str | None  # in production's log; None where it does not say
    said: str  # in words
    until: datetime | None = None  # all that production committed before is in it; None: the stream is ahead of it
