"""What clients were promised for the worst night."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Promise:
    """None: nothing was."""

    rpo: timedelta | None = None  # work lost at most
    rto: timedelta | None = None  # from the order until visitors are served

    def filled(self, other: "Promise") -> "Promise":
        """What is promised here, else what `other` says."""
        return Promise(self.rpo or other.rpo, self.rto or other.rto)
