"""A return, job by job: each is worked out on the twin, from what the ones before it have left.

    ahead      twin         saves what is there, while it serves
    warm       production   brings that beside what it has
    withdraw   twin         freezes, saves what was written since, hands the epoch back
    restore    production   brings that on, swaps, opens
    redirect   twin         hands visitors over, then DNS

Only withdraw is ordered by people; the others are what that order takes. Until it has frozen anything, the first two
are done anew each time: the older the copy ahead, the longer the freeze.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from backups.site import Site
from drp import job as jobs
from drp import leaving, observe, origins, streamed, web
from drp.job import Job, JobKind
from drp.plan import Plan
from effects.clock import now
from estate.model import Engine
from estate.points import Archive, recovery_point
from estate.problem import Missing, Problem, Refused


def ahead(withdrawn: Job) -> Job | None:
    """What is saved while the twin serves; None where it does not any more. One that is under way is gone on with: what
    it has saved by now is older than a new one would take."""
    if leaving.frozen(withdrawn):
        return None
    job = replace(withdrawn, kind=JobKind.AHEAD, ordered=now())
    if job.runs():
        return jobs.load(job.id)
    job.save()
    return job


def warming(site: Site, withdrawn: Job) -> Job:
    """What production brings beside what it has: the copies ahead."""
    since = jobs.load(replace(withdrawn, kind=JobKind.AHEAD).id).ordered.replace(microsecond=0)
    found, faults = site.archives(site.host, observe.KINDS)
    usable = [archive for archive in found if archive.taken >= since]
    plan = _from(site, withdrawn.plan, usable, faults)
    streamed.keep_warm(withdrawn, (archive for move in plan.moves for archive in move.archives))
    origins.keep(site, withdrawn)
    return replace(withdrawn, kind=JobKind.WARM, plan=plan)


def restoration(site: Site, withdrawn: Job) -> Job:
    """What production has to do: the plan of the return, with what was saved at the write freeze, and streamed until
    then."""
    if not jobs.closed_well(withdrawn.journal):
        raise Refused(
            f"{withdrawn.id} has not closed well, so the last copy is not safe",
            hint="run the same command again",
        )
    frozen = _frozen(site, withdrawn.plan)
    since = web.still_since()
    known = {engine: tail for engine in Engine if (tail := streamed.known(withdrawn, engine, since))}
    whole = {tail.archive for tail in known.values()}
    # A copy ahead of the freeze is not enough without its stream, and with it nothing else is looked for.
    usable = [archive for archive in streamed.warm(withdrawn) if archive.id in whole]
    usable += streamed.saved(withdrawn, frozen)
    there = {archive.kind for archive in usable}
    missing = tuple(kind for kind in withdrawn.plan.kinds(site.estate) if kind not in there)
    found, faults = site.archives(site.host, missing) if missing else ((), ())
    usable += [archive for archive in found if archive.taken > frozen]
    plan = _from(site, withdrawn.plan, usable, faults)
    moves = tuple(
        replace(move, tails=tuple(t for t in known.values() if t.archive in {a.id for a in move.archives}))
        for move in plan.moves
    )
    plan, came = replace(plan, moves=moves), origins.kept(withdrawn)
    return replace(withdrawn, kind=JobKind.RESTORE, plan=plan, origins=came)


def redirection(withdrawn: Job) -> Job:
    """The last job of a return: DNS. Its plan is the one that was approved."""
    known = [job for job in jobs.known() if job.kind is JobKind.REDIRECT and job.seal == withdrawn.seal]
    return known[-1] if known else jobs.ordered(JobKind.REDIRECT, withdrawn.plan, withdrawn.signed, now())


def _from(site: Site, plan: Plan, usable: Collection[Archive], faults: Collection[Problem]) -> Plan:
    """The same plan, from these archives."""
    estate = site.estate
    moves = tuple(
        replace(move, archives=recovery_point(estate, estate.vhosts[move.domain], tuple(usable))) for move in plan.moves
    )
    if not (hopeless := [move.domain for move in moves if not move.archives]):
        return replace(plan, moves=moves)
    if faults:
        raise Missing(
            f"the last copy of {site.host.name} can't be read: {'; '.join(fault.what for fault in faults)}",
            hint="bring the backup server back, then run the same command again",
        )
    raise Missing(
        f"neither side has a last copy of {site.host.name} for {', '.join(hopeless)}",
        hint="run the same command again: it takes another one",
    )


def _frozen(site: Site, plan: Plan) -> datetime:
    vhosts = tuple(site.estate.vhosts[move.domain] for move in plan.moves)
    if not all(web.in_maintenance(vhost) for vhost in vhosts):
        raise Refused(
            f"{site.host.name} takes writes again, so the last copy is not the last",
            hint="run the same command again",
        )
    return web.frozen_at(vhosts)
