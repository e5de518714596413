"""Beginning a job on this host, or continuing the one that was begun: decided here, where the journals are."""

from dataclasses import replace

from backups import paths
from backups.site import Site
from drp import anchoring, cancelling, ending, halfway, leaving, observe, orders
from drp import job as jobs
from drp.engine import carry_out
from drp.job import Job, JobKind
from drp.orders import Signed, require_decided
from drp.plan import Plan
from drp.step import World
from drp.steps import for_job
from effects import files
from effects.clock import now
from estate.model import Role
from estate.orders import Aim
from estate.problem import Refused


def going(site: Site, aim: Aim, seal: str) -> Job | None:
    """The job that was begun and just goes on, without a new order."""
    if aim == "cancel":
        return cancelling.going()
    if aim == "return":
        leaving.require_quiet()
        return _unfinished(site)
    known = _known(seal)
    return None if known is None or _taken_back(known) else _last_word(known)


def wanted(site: Site, aim: Aim, seal: str) -> Plan:
    """What an order would be about, where nothing goes on without."""
    if aim == "cancel":
        return cancelling.plan()
    if aim == "return":
        return observe.plan_return(site)
    if known := _known(seal):
        return known.plan
    try:
        return observe.draft(site, seal)
    except Refused as fault:
        fault.hint += begun_before()  # whoever mistyped its seal must not be sent to approve another plan
        raise


def begun_before() -> str:
    """How the activation that nobody has taken back goes on, as the end of a hint."""
    if (last := _last()) is None:
        return ""
    return f"; {last.id}, ordered by {last.by}, goes on with: seawall drp activate --seal {last.seal[:12]}"


def activation(site: Site, seal: str, signed: Signed | None) -> Job:
    """The job of the plan with that seal. Where it was begun it goes on, without a new order.

    Else the world must still be as planned, and `signed` must order exactly that.
    """
    ordered = now()  # the looking that follows is part of the time without service
    known = _known(seal)
    if known is not None and not _taken_back(known):
        return _last_word(known)
    plan = known.plan if known is not None else observe.drafted(seal, ordered) or observe.plan_with_seal(site, seal)
    by = orders.sufficient(site.estate, signed, plan, ordered)
    if known is None:
        return jobs.ordered(JobKind.ACTIVATE, plan, by, ordered)
    resumed = replace(known, ordered=ordered, signed=by)  # which ends the return that was begun
    resumed.save()
    return resumed


def _known(seal: str) -> Job | None:
    """The activation with that seal that was begun here."""
    mine = [job for job in jobs.known() if job.kind is JobKind.ACTIVATE and job.seal.startswith(seal)]
    return mine[-1] if mine and len(seal) >= observe.SHORTEST else None


def _last() -> Job | None:
    """The last activation that nobody has taken back, or begun to."""
    later = {JobKind.WITHDRAW, *jobs.ENDS}
    last = next((job for job in reversed(jobs.known()) if job.kind in {JobKind.ACTIVATE, *later}), None)
    return last if last is not None and last.kind is JobKind.ACTIVATE else None


def _taken_back(known: Job) -> bool:
    """Whether a return has begun to take it back; it is resumed by a new order, and so ends that return.

    Once DNS was ordered back, an old command out of somebody's shell history must not send visitors to a stale copy.
    """
    later = [job for job in jobs.known() if job.over(known)]
    if any(job.kind in jobs.ENDS for job in later):
        raise Refused(
            f"the plan {known.seal[:12]} was cancelled, or returned from since",
            hint="make a new plan: seawall drp plan",
        )
    return any(job.kind is JobKind.WITHDRAW for job in later)


def _last_word(known: Job) -> Job:
    """The same. Raises Refused where it did not come to its end, and a later activation holds production's fence."""
    if (later := overtaken(known)) and not jobs.closed_well(known.journal):
        raise Refused(
            f"{later.id} was ordered after it, so {known.id} can't go on",
            hint="what is left of it: seawall drp plan" + begun_before(),
        )
    return known


def overtaken(known: Job) -> Job | None:
    """The activation that was ordered last, where that is after it: the fence knows that one alone by now."""
    last = jobs.last_activation()
    return last if last is not None and last.over(known) else None


def withdrawal(site: Site, signed: Signed | None) -> Job:
    """The first job of a return: the one that was begun and not finished, or a new one."""
    if unfinished := _unfinished(site):
        if not leaving.frozen(unfinished):
            leaving.require(site, unfinished.plan)
        return unfinished
    ordered = now()
    plan = observe.plan_return(site)
    by = orders.sufficient(site.estate, signed, plan, ordered)
    leaving.require(site, plan)
    return jobs.ordered(JobKind.WITHDRAW, plan, by, ordered)


def startable(site: Site, job: Job) -> Job:
    """The same job. Raises Refused where it is a return that must not freeze the twin, and has not yet."""
    if job.kind is JobKind.WITHDRAW and not leaving.frozen(job):
        leaving.require(site, job.plan)
        leaving.require_whole(site, job.plan)
    return job


def accept(site: Site, text: str) -> Job:
    """A job that the driver brings from the other host. It replaces what is here until that has closed well; what only
    stands beside is replaced by what is newer.

    What is done to this host must have been ordered by people too: whoever is root on the other can't invent it.
    """
    job = jobs.JOB.validate_json(text)
    require_decided(site.estate, job.signed, "cancel" if job.kind is JobKind.RESUME else "return", job.seal)
    with files.locked(paths.STATE / "begin.lock", what="another order"):
        here = next((known for known in jobs.known() if known.id == job.id), None)
        if here is not None and here.ordered != job.ordered:
            raise Refused(f"this host has another {job.id}", hint=f"look at {here.directory}/job.json on both hosts")
        if here is None or job.kind is JobKind.WARM or not jobs.closed_well(here.journal):
            job.save()
    return job


def _unfinished(site: Site) -> Job | None:
    """The return that was begun and goes on. Where it has frozen nothing yet, and the twin serves more by now, it does
    not: it was ordered for something else."""
    job = halfway.begun()
    return job if job is None or leaving.frozen(job) or not leaving.left_out(site, job.plan) else None


def run(site: Site, job_id: str) -> bool:
    """Carry a job out to its end; what the unit seawall-drp@JOB does. Whether all of it holds."""
    job = jobs.load(job_id)
    with files.locked(jobs.DIRECTORY / "lock", what="another job of the plan"):
        ok = carry_out(for_job(job, site.estate, site.host), World(site, job), job.journal)
    if site.host.role is Role.DRP or not ok:
        ending.tell(site, job)
    if site.host.role is Role.DRP:
        anchoring.soon()
    return ok
