"""How the replicas of a twin stand, for people and for a monitor."""

from dataclasses import dataclass

from backups.replicas import state, tending
from backups.replicas.place import Replica
from estate.model import Engine, Estate, Host
from estate.problem import Problem

LATE = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Followed:
    """One replica, as it is now."""

    engine: Engine
    runs: bool
    position: str | None  # in production's log, FILE:OFFSET: all before it is here
    behind: float | None  # seconds; None where production is not heard
    why: str  # it does not follow; empty where it does
    rests: bool  # and should not: this host serves, or an activation has it

    @property
    def trouble(self) -> bool:
        """Whether somebody should look."""
        return not self.rests and (bool(self.why) or self.behind is None or self.behind > LATE)

    @property
    def line(self) -> str:
        """In words."""
        at = f" at {self.position}" if self.position else ""
        if self.why:
            return f"replica of {self.engine}: does not follow{at}: {self.why}"
        return f"replica of {self.engine}: follows{at}, {self.behind or 0:.1f} s behind"


def replicas(estate: Estate, client: Host) -> tuple[Followed, ...]:
    """Of each engine of `client`, on its twin; none where the estate wants none."""
    engines = estate.engines_on(client) if estate.backup.replicate else ()
    return tuple(map(_followed, engines))


def _followed(engine: Engine) -> Followed:
    try:
        replica = Replica.of(engine)
        known, serving = state.known(replica), tending.away()
        if known is not None and known.frozen is not None:
            return Followed(engine, replica.runs(), str(known.frozen), None, "an activation has stopped it", rests=True)
        if serving:
            return Followed(engine, replica.runs(), None, None, "this host serves, or is about to", rests=True)
        if known is None:
            return Followed(engine, runs=False, position=None, behind=None, why="it is not seeded yet", rests=False)
        seen = tending.look(replica)
        position = str(seen.position) if seen.position else None
        return Followed(engine, replica.runs(), position, seen.behind, seen.why, rests=False)
    except Problem as fault:
        return Followed(engine, runs=False, position=None, behind=None, why=fault.what, rests=False)
