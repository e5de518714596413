"""How a job ended, told to people where not all of it holds. Nobody waits for it, and no job ends otherwise for it."""

from contextlib import suppress

from backups.site import Site
from drp import gate, tickets
from drp.job import Job, incident_of
from estate.problem import Problem

LINES = 20  # of what does not hold; the journal has all


def tell(site: Site, job: Job) -> None:
    """Once for each time that it closed without holding; not where people cancelled it."""
    entries = job.journal.entries()
    if not entries or entries[-1].event != "closed" or gate.closed(job.directory):
        return
    last = entries[-1]
    since = max((n for n, entry in enumerate(entries) if entry.event == "opened"), default=0)
    failed = [f"{e.step} {e.subject}: {e.detail.get('error')}" for e in entries[since:] if e.event == "failed"]
    stopped = last.detail.get("stopped")
    with suppress(Problem):  # a full disk: whoever follows the job sees the same
        tickets.send(
            tickets.outbox(),
            site.estate,
            site.host.name,
            "failed",
            f"{job.id}.ended.{last.number}",
            thread=incident_of(job),
            topic=tickets.topic(job.plan.source, job.plan.target),
            job=job.id,
            failed=failed[:LINES],
            stopped=", ".join(stopped) if isinstance(stopped, list) else "",
            by=job.by,
            seal=job.seal,
            at=last.at.isoformat(timespec="seconds"),
        )
