"""How the replicas of a twin stand, for people and for a monitor."""

from dataclasses import dataclass, replace

from backups.replicas import state, tending
from backups.replicas.look import PROMISE, lacks
from backups.replicas.place import Replica
from backups.replicas.promoting import WITHOUT
from estate.model import Engine, Estate, Host
from estate.problem import Problem


@dataclass(frozen=True, slots=True)
class Followed:
    """One replica, as it is now."""

    engine: Engine
    runs: bool
    position: str | None  # in production's log, FILE:OFFSET: all before it is here
    behind: float | None  # seconds; None where production is not heard
    why: str  # it does not follow; empty where it does
    rests: bool  # and should not: this host serves, or an activation has it
    refused: bool = False  # the operator said that activations leave it out

    @property
    def lacks(self) -> float | None:
        """Seconds of work at most, for an activation that goes on from it; None where none would, or nobody knows."""
        good = not (self.why or self.rests or self.refused)
        return lacks(self.engine, self.behind) if good and self.behind is not None else None

    @property
    def trouble(self) -> bool:
        """Whether somebody should look."""
        return not self.rests and (self.lacks is None or self.lacks > PROMISE)

    @property
    def state(self) -> str:
        """In a word or two, beside both sides."""
        if self.rests:
            return "rests"
        if self.why or self.behind is None:
            return "does not follow"
        return f"{self.behind:.1f} s behind" + (" refused" if self.refused else "")

    @property
    def line(self) -> str:
        """In words."""
        at = f" at {self.position}" if self.position else ""
        no = f"; activations leave it out, for {WITHOUT} is there" if self.refused else ""
        if self.why:
            return f"replica of {self.engine}: does not follow{at}: {self.why}{no}"
        late = "nobody knows how far" if self.behind is None else f"{self.behind:.1f} s"
        return f"replica of {self.engine}: follows{at}, {late} behind{no}"


def replicas(estate: Estate, client: Host) -> tuple[Followed, ...]:
    """Of each engine of `client`, on its twin; none where the estate wants none."""
    engines = estate.engines_on(client) if estate.backup.replicate else ()
    refused = WITHOUT.exists()
    return tuple(replace(_followed(client, engine), refused=refused) for engine in engines)


def _followed(client: Host, engine: Engine) -> Followed:
    try:
        replica = Replica.of(engine)
        known, serving = state.known(replica), tending.away(client)
        if known is not None and known.frozen is not None:
            return Followed(engine, replica.runs(), str(known.frozen), None, "an activation has stopped it", rests=True)
        if serving:
            return Followed(engine, replica.runs(), None, None, "this host serves, or is about to", rests=True)
        if known is None:
            return Followed(engine, runs=False, position=None, behind=None, why="it is not seeded yet", rests=False)
        seen = tending.look(replica)
        position = str(seen.position) if seen.position else None
        left = tending.chain_of(client, engine) not in ("", known.chain)
        why = "production has begun a new log" if left else seen.why
        return Followed(engine, replica.runs(), position, seen.behind, why, rests=False)
    except Problem as fault:
        return Followed(engine, runs=False, position=None, behind=None, why=fault.what, rests=False)
