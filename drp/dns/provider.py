"""What can be asked of whoever holds a zone: a name server of the estate, or a company behind an API."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from drp.change import Change
from estate.problem import Problem


class Provider(Protocol):
    """Of some of the estate's zones. Zones are named as in the estate; what is asked of one keeps no other from it."""

    def switch_all(self, by_zone: Mapping[str, Sequence[Change]]) -> Mapping[str, Problem | None]:
        """Make all changes of each zone at once; why not, or None. May be run again after any failure.

        Refused where a record is neither as it was nor as it shall be: a conflict for a human, and nothing is changed.
        """
