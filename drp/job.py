"""A job is what one host does of a plan, as a systemd unit that survives whoever started it.

    activate   on the twin         files, databases, serve, prove, ticket, DNS, per vhost
    ahead      on the twin         archives while it serves, so that little is left to move once it does not
    warm       on production       those, brought beside what stands there
    withdraw   on the twin         maintenance, then what was written meanwhile, in an archive or in the streams
    restore    on production       maintenance, files, databases, serve, prove, open
    redirect   on the twin         visitors handed over, ticket, DNS back to production
    cancel     on the twin         of an activation that has switched no name: 503, the epoch is handed back
    resume     on production       it goes on, with what it has

Five of them are a return; the driver starts each when the one before has closed well, and may die in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from backups import paths
from drp.change import Change
from drp.incident import DNS
from drp.orders import Signed
from drp.plan import PLAN, Plan
from effects import files
from effects.journal import Journal, Json
from effects.run import attempt, run
from estate.points import Archive, Tail
from estate.problem import Missing, Refused

DIRECTORY = paths.STATE / "drp"
RUNNING = ("active", "activating", "deactivating")  # systemctl(1), is-active
GIVEN = ("begun", "held", "done")  # of the step that switches a name
T = TypeVar("T")


class JobKind(StrEnum):
    """Which part of which plan."""

    ACTIVATE = "activate"
    AHEAD = "ahead"
    WARM = "warm"
    WITHDRAW = "withdraw"
    RESTORE = "restore"
    REDIRECT = "redirect"
    CANCEL = "cancel"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Origins:
    """What the twin was brought up from. What production wrote after that, its own old data alone has."""

    files: Mapping[str, Archive]  # by domain
    engines: tuple[Tail, ...]  # up to there in production's own log


@dataclass(frozen=True, slots=True)
class Job:
    """One host's part of a sealed plan, and who ordered it."""

    kind: JobKind
    seal: str  # of the plan that was approved
    plan: Plan
    ordered: datetime
    signed: Signed  # by those who decided it
    origins: Origins | None = None  # of a restore; only told, and nothing is done by it

    @property
    def by(self) -> str:
        """Who asked for it, who signed that, and loudly where the rules of the estate were not kept to."""
        order, names = self.signed.order, ", ".join(sorted(self.signed.signatures))
        said = order.by if names == order.by else f"{order.by} (signed by {names})"
        return f"{said} BREAKING THE GLASS: {order.reason}" if order.reason else said

    @property
    def id(self) -> str:
        """Names the directory and the unit."""
        return id_of(self.kind, self.seal)

    @property
    def directory(self) -> Path:
        """Where the job and its journal are kept."""
        return DIRECTORY / self.id

    @property
    def journal(self) -> Journal:
        """What was begun and done."""
        return Journal(self.directory / "journal.jsonl")

    def over(self, other: "Job") -> bool:
        """Whether it was ordered after `other`."""
        return self.ordered > other.ordered

    def save(self) -> None:
        """Keep it, before anything is done."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(self.directory / "job.json", JOB.dump_json(self, indent=1).decode(), mode=0o600)

    @property
    def unit(self) -> str:
        """That carries it out."""
        return f"seawall-drp@{self.id}.service"

    def start(self) -> None:
        """Hand it to systemd; where it is running already, nothing happens."""
        run(["systemctl", "start", "--no-block", self.unit], timeout=30)

    def runs(self) -> bool:
        """Whether it is carried out at this moment, or is about to be."""
        return attempt(["systemctl", "is-active", self.unit], timeout=30).out.strip() in RUNNING


def id_of(kind: str, seal: str) -> str:
    """Of the job of that kind for that plan."""
    return f"{kind}-{seal[:12]}"


def keep(job: Job, name: str, shape: TypeAdapter[T], what: T) -> None:
    """Remember something beside a job on this host, until it is kept anew."""
    files.write(job.directory / f"{name}.json", shape.dump_json(what).decode(), mode=0o600)


def kept(job: Job, name: str, shape: TypeAdapter[T]) -> T | None:
    """As it was kept; None where it was not, or can't be read."""
    try:
        return shape.validate_json((job.directory / f"{name}.json").read_bytes())
    except (OSError, ValueError):
        return None


JOB = TypeAdapter(Job)
ENDS = (JobKind.REDIRECT, JobKind.CANCEL)  # what an activation is over with


def ordered(kind: JobKind, plan: Plan, signed: Signed, at: datetime) -> Job:
    """A new one, kept. Raises Refused where there is one of that kind for that plan."""
    job = Job(kind, plan.seal, plan, at, signed)
    with files.locked(paths.STATE / "begin.lock", what="another order"):
        if job.directory.exists():
            raise Refused(f"{job.id} was ordered before", hint="look at: seawall drp status")
        job.save()
    return job


def load(job_id: str) -> Job:
    """The job of that id on this host. Raises Missing."""
    try:
        return JOB.validate_json((DIRECTORY / job_id / "job.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Missing(f"this host has no job {job_id}", hint="seawall drp status shows what was begun") from None


def known() -> tuple[Job, ...]:
    """All jobs of this host, oldest order first."""
    found = [load(path.parent.name) for path in DIRECTORY.glob("*/job.json")]
    return tuple(sorted(found, key=lambda job: job.ordered))


def last_activation() -> Job | None:
    """The one that was ordered last, whatever became of it."""
    return next((job for job in reversed(known()) if job.kind is JobKind.ACTIVATE), None)


def returns() -> int:
    """How many returns were ordered here, however they ended."""
    return sum(job.kind is JobKind.WITHDRAW for job in known())


def incident_of(job: Job) -> str:
    """The activation that a job is part of, by its id: all until DNS was ordered back is one incident."""
    first = ""
    for one in (*(known_one for known_one in known() if not known_one.over(job)), job):
        if one.kind is JobKind.ACTIVATE:
            first = first or one.id
        if one.kind in ENDS and one.seal != job.seal:
            first = ""
    return first or job.id


def given(activation: Job) -> tuple[str, ...]:
    """Domains whose names may lead to the twin since then: who began to switch one can't know how far that came."""
    steps = [entry for entry in activation.journal.entries() if entry.step == DNS and entry.event in GIVEN]
    return tuple(dict.fromkeys(entry.subject for entry in steps))


def switched() -> Mapping[str, tuple[Change, ...]]:
    """By domain that was given to the twin, what was changed in DNS for that; since the last return that came to its
    end."""
    found: dict[str, tuple[Change, ...]] = {}
    for job in known():
        if job.kind is JobKind.ACTIVATE:
            mine = given(job)
            found |= {move.domain: move.changes for move in job.plan.moves if move.domain in mine}
        if job.kind is JobKind.REDIRECT and closed_well(job.journal):
            for move in job.plan.moves:
                found.pop(move.domain, None)
    return found


def ended(job: Job) -> bool:
    """Whether it came to an end, well or not, since it was ordered last."""
    return any(entry.event == "closed" and entry.at >= job.ordered for entry in job.journal.entries())


def closed_well(journal: Journal) -> bool:
    """Whether the last word on it is that all of it holds."""
    entries = journal.entries()
    return bool(entries) and entries[-1].event == "closed" and entries[-1].detail.get("ok") is True


def as_dict(plan: Plan) -> Mapping[str, Json]:
    """JSON types only, for the journal."""
    plain: Mapping[str, Json] = PLAN.dump_python(plan, mode="json")
    return plain
