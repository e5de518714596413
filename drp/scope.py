"""What was asked for, of all that could be brought back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from estate.model import Vhost
from estate.problem import BadEstate, Refused


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything from the newest recovery points, where nothing is said."""

    vhosts: tuple[str, ...] = ()  # domains; none: all
    at: datetime | None = None  # as things were then
    proven: bool = False  # from the newest recovery points that came up whole

    def of(self, waiting: Sequence[Vhost], known: Sequence[str]) -> list[Vhost]:
        """Those of `waiting` that are meant. Raises BadEstate where one is none of `known`, Refused where one does not
        wait."""
        self.require_known(known)
        there = [vhost for vhost in waiting if not self.vhosts or vhost.domain in self.vhosts]
        if served := set(self.vhosts) - {vhost.domain for vhost in there}:
            raise Refused(f"served already: {', '.join(sorted(served))}", hint="leave them out; seawall drp status")
        return there

    def require_known(self, known: Sequence[str]) -> None:
        """Raise BadEstate where a domain is none of `known`."""
        if unknown := [name for name in self.vhosts if name not in known]:
            raise BadEstate(
                f"no vhost is called {', '.join(unknown)}", hint=f"those of this host are: {', '.join(known)}"
            )


EVERYTHING = Scope()
