"""From what the twin was brought up: worked out there from what stands, so that the same comes out however often it is
asked.

It is only told, and never stands in the way of a return: it is looked for while visitors are served, and what is not
known is left out.
"""

from collections.abc import Iterator
from contextlib import suppress

from pydantic import TypeAdapter

from backups.engines import server
from backups.mark import Mark
from backups.site import Site
from backups.streams.instant import noted
from drp import job as jobs
from drp.job import Job, JobKind, Origins
from estate.model import Engine
from estate.points import FILES, Archive, Tail
from estate.problem import Problem

KEPT = "origins"
ORIGINS = TypeAdapter(Origins)


def keep(site: Site, withdrawn: Job) -> None:
    """Remember it: after the freeze nobody has time for that."""
    with suppress(Problem, OSError, ValueError):
        jobs.keep(withdrawn, KEPT, ORIGINS, of(site, withdrawn))


def kept(withdrawn: Job) -> Origins | None:
    """As it was kept."""
    return jobs.kept(withdrawn, KEPT, ORIGINS)


def of(site: Site, withdrawn: Job) -> Origins:
    """Of the incident that this return ends."""
    mine = jobs.incident_of(withdrawn)
    archives: dict[tuple[str, str], Archive] = {}  # by step and subject: who was brought again was brought by the last
    for job in jobs.known():
        if job.kind is JobKind.ACTIVATE and not job.over(withdrawn) and jobs.incident_of(job) == mine:
            archives |= dict(_brought(job))
    trees = {subject: archive for (step, subject), archive in archives.items() if step == FILES}
    bases = [archive for (step, _), archive in archives.items() if step != FILES]
    return Origins(trees, tuple(tail for archive in bases if (tail := _reached(site, archive))))


def _brought(job: Job) -> Iterator[tuple[tuple[str, str], Archive]]:
    """Only where the step held: a site that failed was never served from it."""
    held = {(entry.step, entry.subject) for entry in job.journal.entries() if entry.event in ("done", "held")}
    for move in job.plan.moves:
        for archive in move.archives:
            step = (FILES, move.domain) if archive.kind == FILES else ("database", str(archive.kind))
            if step in held:
                yield step, archive


def _reached(site: Site, archive: Archive) -> Tail | None:
    """Up to where in production's log: as the mark of what serves says, or as far as the snapshot goes."""
    with suppress(Problem, OSError):
        engine = Engine(archive.kind)
        mark = Mark(engine)
        beyond = mark.beyond if mark.holds(archive, server(engine).data) else None
        note = noted(site, site.estate.hosts[archive.host], archive)
        if note is not None:
            end = beyond.end if beyond and beyond.end else str(note.position)
            return Tail(archive.id, engine, note.chain, end, beyond.until if beyond else note.at)
    return None
