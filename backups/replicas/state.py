"""What is known of a replica beside its data: from which snapshot it was seeded, and whether an activation has it."""

from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from backups.replicas.place import REPLICAS, Replica
from backups.streams.frames import Position
from effects import files
from estate.model import Engine
from estate.problem import Failed


@dataclass(frozen=True, slots=True)
class State:
    """Written when it was seeded, and kept as long as its data is."""

    archive: str  # the snapshot's id
    chain: str  # of production's log, which it follows
    begun: Position  # the snapshot's place in it
    directory: str  # its data, by inode and time of birth
    seeded: datetime
    frozen: Position | None = None  # where an activation stopped it
    order: str = ""  # which one
    spoiled: bool = False  # an activation has written in it, so that `frozen` does not tell where it is
    heard: datetime | None = None  # all that production committed before is in it, as it was last seen to follow

    def save(self, engine: Engine) -> None:
        """On the disk when it returns."""
        REPLICAS.mkdir(mode=0o711, parents=True, exist_ok=True)
        files.write(REPLICAS / f"{engine}.json", STATE.dump_json(self).decode(), mode=0o600)

    def stopped(self, engine: Engine, at: Position, order: str) -> "State":
        """The same, and frozen there for that order."""
        found = replace(self, frozen=at, order=order)
        found.save(engine)
        return found

    def followed(self, engine: Engine, until: datetime) -> "State":
        """The same, and it has all that was committed before; what it has it keeps."""
        found = replace(self, heard=max(until, self.heard or until))
        found.save(engine)
        return found

    def touched(self, engine: Engine) -> None:
        """From now on nobody may believe what is said of its place."""
        replace(self, spoiled=True).save(engine)


STATE = TypeAdapter(State)


def known(replica: Replica) -> State | None:
    """Of the data that stands there; None where nothing was seeded, or it was moved away."""
    try:
        found = STATE.validate_json((REPLICAS / f"{replica.engine}.json").read_bytes())
        return found if found.directory == files.identity(replica.data) else None
    except (OSError, Failed, ValidationError):
        return None


def forget(engine: Engine) -> None:
    """It is to be seeded anew, whatever it was kept for."""
    (REPLICAS / f"{engine}.json").unlink(missing_ok=True)
