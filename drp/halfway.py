"""A return that has frozen the twin and is not over: visitors get 503, or need the twin, for as long as nobody goes on.

Each of its jobs goes on by itself. The next is begun by the command that drives them: where it died, nothing follows.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from backups.site import Site
from drp import job as jobs
from drp import tickets
from drp.incident import FREEZE
from drp.job import Job, JobKind
from effects.clock import now
from estate.problem import Problem

LATE = timedelta(minutes=5)  # that a site is in maintenance for before people are told
GO_ON = "seawall drp return --yes"


@dataclass(frozen=True, slots=True)
class Halfway:
    """One that has not come to its end."""

    job: str
    since: datetime  # of the freeze
    domains: tuple[str, ...]
    handing: bool = False  # those who come to the twin over to production: DNS is left to do

    @property
    def said(self) -> str:
        """In words."""
        said = "DNS leads here, and visitors are handed over," if self.handing else "503"
        return (
            f"{said} since {self.since:%Y-%m-%d %H:%M:%S} UTC for {', '.join(self.domains)}: their return is not over"
        )


def begun() -> Job | None:
    """The return that was begun after the last activation, and has not come to its end."""
    return _begun(jobs.known())


def _begun(known: Sequence[Job]) -> Job | None:
    finished = {job.seal for job in known if job.kind is JobKind.REDIRECT and jobs.closed_well(job.journal)}
    last_activation = max((job.ordered for job in known if job.kind is JobKind.ACTIVATE), default=None)
    open_ones = [job for job in known if job.kind is JobKind.WITHDRAW and job.seal not in finished]
    return next((job for job in reversed(open_ones) if last_activation is None or job.ordered > last_activation), None)


def frozen_at(withdrawn: Job) -> datetime | None:
    """When it began to freeze; from then on it can only go on."""
    return next((entry.at for entry in withdrawn.journal.entries() if entry.step == FREEZE), None)


def halfway() -> Halfway | None:
    """The one that is; None where none is, or nothing was frozen yet."""
    known = jobs.known()
    job = _begun(known)
    since = None if job is None else frozen_at(job)
    if job is None or since is None:
        return None
    handing = any(one.kind is JobKind.REDIRECT and one.seal == job.seal for one in known)
    return Halfway(job.id, since, tuple(move.domain for move in job.plan.moves), handing)


def tell(site: Site) -> Iterator[str]:
    """People, once for each; in words, as long as it is so."""
    found = halfway()
    if found is None or now() - found.since < LATE:
        return
    what = f"{found.said}; where no command carries it on: {GO_ON}"
    yield what
    with suppress(Problem):
        job = jobs.load(found.job)
        topic = tickets.topic(job.plan.source, job.plan.target)
        tickets.send(
            tickets.outbox(), site.estate, site.host.name, "alarm", f"{found.job}.halfway",
            thread=jobs.incident_of(job), topic=topic, what=what, host=site.host.name, at="",
        )  # fmt: skip
