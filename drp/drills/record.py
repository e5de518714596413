"""What is kept of a drill: /var/lib/seawall/drills/ID/journal.jsonl on the twin, a hash chain, closed by its outcome.

A drill that was killed, or stopped by an activation, has no last entry: it was interrupted, and says nothing.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from backups import paths
from backups.proof.orders import Closed, Moment
from drp.drills.judge import Outcome
from effects.journal import Entry, Journal
from estate.points import STAMP
from estate.problem import Missing, Untrusted

DRILLS = paths.STATE / "drills"
KEPT = 60  # drills: two months of nights
KIND = "drill-"  # with which the name of each begins
OPENED, SAID, PHASE, CLOSED = "opened", "said", "done", "closed"


@dataclass(frozen=True, slots=True)
class Drill:
    """What came of it."""

    id: str
    host: str  # the twin
    client: str  # the production host that was brought up
    at: datetime  # when it began
    seconds: float  # all of it, with what only a proof does
    seal: str  # of the plan that an activation would have carried out
    vhosts: tuple[Outcome, ...]  # in the order of recovery
    moments: tuple[Moment, ...]
    dns: tuple[str, ...]  # what would have been switched
    tickets: tuple[str, ...]  # what people would have been told
    differs: tuple[str, ...]  # from an activation
    faults: tuple[str, ...] = ()  # that are no vhost's
    silent: tuple[str, ...] = ()  # what did not answer when it was planned
    closed: Closed | None = None  # how closed the room was; None: it was never entered
    head: str = field(default="", compare=False)  # the journal's

    @property
    def ok(self) -> bool:
        """Whether every vhost came back, and nothing got out."""
        return bool(self.vhosts) and not self.faults and all(one.ok for one in self.vhosts)

    @property
    def failed(self) -> tuple[str, ...]:
        """Domains of those that did not come back whole."""
        return tuple(one.domain for one in self.vhosts if not one.ok)


DRILL = TypeAdapter(Drill)


def fresh(at: datetime) -> str:
    """The name of one that begins now."""
    return KIND + at.astimezone(UTC).strftime(STAMP)


def job(name: str) -> str:
    """As heads and reports name its journal: a head has no colons."""
    return name.replace(":", "")


def journal(name: str) -> Journal:
    """Of the drill of that name."""
    return Journal(DRILLS / name / "journal.jsonl")


def plain(drill: Drill) -> dict[str, Any]:
    """For a journal, and for whoever asks: with what follows from it."""
    found: dict[str, Any] = DRILL.dump_python(drill, mode="json")
    return found | {"ok": drill.ok, "failed": list(drill.failed)}


def of(entries: Sequence[Entry]) -> Drill | None:
    """Out of its journal; None where it was interrupted, or is under way."""
    if not entries or entries[-1].event != CLOSED:
        return None
    return from_plain({**entries[-1].detail, "head": entries[-1].digest})


def from_plain(row: Mapping[str, Any]) -> Drill:
    """As it was before `plain`. Raises ValidationError."""
    return DRILL.validate_python({k: v for k, v in row.items() if k not in ("ok", "failed")})


def names() -> tuple[str, ...]:
    """Of all drills that are kept, oldest first."""
    return tuple(sorted(path.parent.name for path in DRILLS.glob(f"{KIND}*/journal.jsonl")))


def drills() -> tuple[Drill, ...]:
    """Those that came to their end, oldest first. One whose record was changed or torn says nothing."""
    found = []
    for name in names():
        try:
            found.append(of(journal(name).entries()))
        except (Untrusted, ValidationError):
            continue
    return tuple(one for one in found if one is not None)


def load(name: str) -> Drill:
    """Raises Missing where there is none of that name or it did not come to its end, Untrusted where it was changed."""
    found = of(journal(name).entries()) if name in names() else None
    if found is None:
        raise Missing(f"no drill {name!r} has come to its end here", hint="look at: seawall drp drill --list")
    return found


def until(name: str) -> tuple[Drill, ...]:
    """That drill, or the last where nothing is named, after those before it. Raises as `load`."""
    known = drills()
    if not known and not name:
        raise Missing("there was no drill yet", hint="seawall drp drill --now")
    wanted = load(name) if name else known[-1]
    return (*(one for one in known if one.at < wanted.at), wanted)


def forget(kept: int = KEPT) -> None:
    """Remove the oldest, so that no more than that many are left."""
    for name in names()[:-kept]:
        shutil.rmtree(Path(DRILLS, name), ignore_errors=True)
