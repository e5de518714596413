"""What production wrote after the recovery point: after a return it lies aside, and this says what is in it.

Nothing is changed or removed there. It is looked at once, and again where what is kept is no longer the same.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from backups import restore
from backups.engines import server
from backups.orphans import logs, trees
from backups.site import Site
from drp import job as jobs
from drp.job import Job, JobKind, Origins
from effects import files
from effects.run import run
from estate.model import Engine
from estate.points import FILES, Archive, Tail
from estate.problem import Failed, Missing, Problem

MOST = 20_000  # paths that are told, shared by the vhosts; the figures count all
SIZE = 600.0  # seconds to measure a directory


def look(site: Site) -> dict[str, Any]:
    """Of the last return to this host. Raises Missing where there was none."""
    done = [job for job in jobs.known() if job.kind is JobKind.RESTORE]
    if not done:
        raise Missing(f"nothing was returned to {site.host.name}", hint="after one, look again")
    job = done[-1]
    cache, stands = job.directory / "orphans.json", _stands(site, job)
    try:
        known: dict[str, Any] = json.loads(cache.read_text(encoding="utf-8"))
        if known["stands"] == stands:
            return known
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = {"job": job.id, "host": site.host.name, "stands": stands} | _found(site, job)
    if not any(row["fault"] for row in (*found["vhosts"], *found["engines"])):  # a side may answer later
        files.write(cache, json.dumps(found, default=str), mode=0o600)
    return found


def _found(site: Site, job: Job) -> dict[str, Any]:
    came = job.origins or Origins({}, ())
    tails = {tail.engine: tail for tail in came.engines}
    vhosts, engines = [move.domain for move in job.plan.moves], job.plan.engines(site.estate)
    return {
        "vhosts": [{"vhost": one} | _tried(partial(_files, site, job, one, came.files.get(one))) for one in vhosts],
        "engines": [{"engine": one} | _tried(partial(_database, job, tails.get(one), one)) for one in engines],
    }


def _tried(seen: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What can't be read is said, and hides nothing else."""
    try:
        return {"fault": None} | seen()
    except (Problem, OSError, ValueError) as fault:
        return {"fault": _why(fault)}


def _files(site: Site, job: Job, domain: str, archive: Archive | None) -> dict[str, Any]:
    below = restore.kept_below(job.seal)
    if archive is None:
        raise Failed(f"it is not known from which archive {domain} was brought up", hint=f"look below {below}")
    if not below.exists():
        raise _gone(below)
    source = site.estate.hosts[archive.host]
    found = trees.look(site.repository(source, FILES, archive.side), archive, site.estate.vhosts[domain], below)
    most = MOST // len(job.plan.moves)
    told = [*found.added, *found.changed, *found.removed, *found.rights]
    return {
        "archive": archive.name, "taken": archive.taken.isoformat(), "kept": [str(path) for path in found.kept],
        "bytes": found.bytes, "written_bytes": found.written, "newest": found.newest, "added": len(found.added),
        "changed": len(found.changed), "removed": len(found.removed), "rights": len(found.rights),
        "paths": [asdict(one) for one in told[:most]], "more": max(len(told) - most, 0),
    }  # fmt: skip


def _database(job: Job, tail: Tail | None, engine: Engine) -> dict[str, Any]:
    data = _beside(job, engine)
    if not data.exists():
        raise _gone(data)
    size = int(run(["du", "--summarize", "--bytes", str(data)], timeout=SIZE).split()[0])
    where = {"kept": [str(data)], "bytes": size}
    if tail is None:
        return where | {"fault": "up to where in its log it was brought up is not known"}
    try:
        found = logs.look(data, tail)
    except (Problem, OSError) as fault:
        return where | {"position": tail.position, "fault": _why(fault)}
    times = {"first": found.first and found.first.isoformat(), "last": found.last and found.last.isoformat()}
    return where | times | {
        "position": tail.position, "until": tail.until.isoformat(), "transactions": found.transactions,
        "tables": found.tables, "fault": "; ".join(found.faults) or None,
    }  # fmt: skip


def _why(fault: Exception) -> str:
    return fault.what if isinstance(fault, Problem) else str(fault)


def _gone(path: Path) -> Missing:
    return Missing(f"{path} is not there: somebody removed it, or nothing was moved", hint="seawall drp report")


def _beside(job: Job, engine: Engine) -> Path:
    """As backups.restore moved it there; the first was production's own."""
    mine = server(engine)
    return restore.kept_beside(mine, job.seal[:12]) / f"{mine.data.name}.0"


def _stands(site: Site, job: Job) -> dict[str, str]:
    """By path, what lies aside; nothing of what was removed."""
    found = {}
    with suppress(Problem):
        places = [_beside(job, engine) for engine in job.plan.engines(site.estate)]
        for path in (restore.kept_below(job.seal), *places):
            found[str(path)] = files.identity(path) if path.exists() else ""
    return found
