"""Cancelling an activation that has switched no name yet: nobody was sent to the twin, so production's data counts.

After the first name was switched there is something on the twin that production has not, and cancelling is a return.
Which of the two it is stands in the journal, read where no step can begin meanwhile.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from backups.site import Site
from drp import epochs, gate, orders
from drp import job as jobs
from drp.job import Job, JobKind
from drp.orders import Signed
from drp.plan import Move, Plan
from effects.clock import now, wait_until
from effects.run import run
from estate.problem import Failed, Problem, Refused

PATIENCE = 20.0  # seconds for the step that is under way; then it is killed, which a step must bear


def look() -> dict[str, Any]:
    """What cancelling would be about; a return, where names were switched. JSON types only.

    Raises Refused where there is nothing to cancel.
    """
    job = _last()
    return {
        "job": job.id,
        "cancelled": _cancelled(job) is not None,
        "switched": list(jobs.given(job)),
        "vhosts": [move.domain for move in job.plan.moves],
        "done": [f"{e.step} {e.subject}" for e in job.journal.entries() if e.event == "done"],
        "source": job.plan.target,
        "target": job.plan.source,
    }


def going() -> Job | None:
    """The cancelling that was begun and just goes on."""
    return _cancelled(_begun())


def plan() -> Plan:
    """What an order would be about."""
    return _plan(_begun())


def cancellation(site: Site, signed: Signed | None) -> Job:
    """The job that cancels. Once it is there, no step of the activation begins any more, and none is under way."""
    job, at = _begun(), now()
    known = _cancelled(job)
    if known is None:
        plan = _plan(job)
        by = orders.sufficient(site.estate, signed, plan, at)
        with gate.locked(job.directory):
            if switched := jobs.given(job):
                raise Refused(
                    f"names of {', '.join(switched)} were switched meanwhile, so cancelling is a return now",
                    hint="look at what that would do: seawall drp cancel",
                )
            gate.close(job.directory)
            known = jobs.ordered(JobKind.CANCEL, plan, by, at)
    _stop(job)
    return known


def resumption(cancelled: Job) -> Job:
    """What production has to do then."""
    if not jobs.closed_well(cancelled.journal):
        raise Refused(f"{cancelled.id} has not closed well", hint="run the same command again")
    return replace(cancelled, kind=JobKind.RESUME)


def _begun() -> Job:
    """The activation that nobody has returned from, or begun to."""
    last = _last()
    if any(job.kind is JobKind.WITHDRAW and job.over(last) for job in jobs.known()):
        raise Refused(
            "a return is under way",
            hint="it goes on with: seawall drp return; or it ends, and the twin goes on, with the activation's own"
            f" command again: seawall drp activate --seal {last.seal[:12]}",
        )
    return last


def _last() -> Job:
    """The activation that no return has ended."""
    last = jobs.last_activation()
    ended = (job for job in jobs.known() if job.kind is JobKind.REDIRECT and jobs.closed_well(job.journal))
    if last is None or any(job.over(last) for job in ended):
        raise Refused("no activation is under way", hint="look at: seawall drp status")
    return last


def _cancelled(job: Job) -> Job | None:
    return next((one for one in jobs.known() if one.kind is JobKind.CANCEL and one.over(job)), None)


def _plan(job: Job) -> Plan:
    """Its epoch is the one after the activation's, whether that was raised yet or not."""
    moves = tuple(Move(move.domain, (), (), 0.0) for move in job.plan.moves)
    epoch = epochs.of_job(job, jobs.known()) // 2
    return Plan("cancel", job.plan.target, job.plan.source, now(), epoch, moves)


def _stop(job: Job) -> None:
    late = Failed(f"{job.unit} is still at it", hint="run the same command again")
    with suppress(Problem):
        wait_until(lambda: not job.runs(), timeout=PATIENCE, late=late)
    run(["systemctl", "stop", job.unit], timeout=120)
