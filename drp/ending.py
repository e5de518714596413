"""How a job ended, told to people with its journal's head. Nobody waits for it, and no job ends otherwise for it."""

from contextlib import suppress

from backups.site import Site
from drp import gate, tickets
from drp.evidence.anchors import of_journal
from drp.incident import WORDS, taken_up
from drp.job import Job, incident_of
from estate.problem import Problem

LINES = 20  # of what does not hold; the journal has all


def tell(site: Site, job: Job) -> None:
    """Once for each time that it closed; not where it found all as it shall be, nor where people cancelled it."""
    with suppress(Problem, OSError):  # a full disk, a broken chain: whoever follows the job sees the same
        entries = job.journal.entries()
        run, last = taken_up(entries), entries[-1]
        idle = all(entry.event not in ("done", "failed") for entry in run)
        head = of_journal(site.host.name, job.id, entries)
        if last.event != "closed" or idle or head is None or (not last.detail["ok"] and gate.closed(job.directory)):
            return
        failed = [f"{e.step} {e.subject}: {e.detail.get('error')}" for e in run if e.event == "failed"]
        stopped = last.detail.get("stopped")
        tickets.send(
            tickets.outbox(),
            site.estate,
            site.host.name,
            "ended",
            f"{job.id}.ended.{last.number}",
            thread=incident_of(job),
            topic=tickets.topic(job.plan.source, job.plan.target),
            what=WORDS.get(job.kind, job.kind),
            source=job.plan.source,
            target=job.plan.target,
            ok=last.detail["ok"],
            failed=failed[:LINES],
            stopped=", ".join(stopped) if isinstance(stopped, list) else "",
            by=job.by,
            seal=job.seal,
            at=last.at.isoformat(timespec="seconds"),
            head=head.line,
        )
