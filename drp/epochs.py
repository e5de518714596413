"""Which epoch an order has. Odd ones are the twin's, even ones production's; a later order's is always higher.

plan epoch E    one more for each order that ended before the plan was made
2E + 1          what an activation raises; taken up again after a return that came to nothing, E counts from there
2E + 2          what a return hands back
"""

from collections.abc import Iterable

from backups import fencing
from drp import job as jobs
from drp.job import Job, JobKind
from effects.onhost.fence import Held
from estate.model import Host


def of_job(job: Job, known: Iterable[Job]) -> int:
    """What that job raises, or hands back; `known` are the jobs of this host."""
    base = job.plan.epoch
    if job.kind is not JobKind.ACTIVATE:
        return 2 * base + 2
    since = (one.plan.epoch for one in known if one.kind is JobKind.WITHDRAW and job.over(one))
    return 2 * max([base, *(epoch + 1 for epoch in since if epoch >= base)]) + 1


def wanted(job: Job, holder: str) -> Held:
    """What the witnesses are to hold."""
    return Held(of_job(job, jobs.known()), job.seal, holder, job.ordered.isoformat(timespec="seconds"))


def next_plan(production: Host) -> int:
    """Of a plan that is made now."""
    here = fencing.mine(production)
    top = max(fencing.heard(production), here.epoch)
    ours = [job for job in jobs.known() if job.seal == here.seal and top == here.epoch]
    return above(jobs.returns(), top, under_way=any(not jobs.ended(job) for job in ours))


def above(returns: int, top: int, *, under_way: bool) -> int:
    """Above `top`, the highest epoch that a witness knows: this host may have been made anew since it was raised.

    Where the order that raised it is still `under_way` here, another does not pass it.
    """
    return max(returns, top // 2 if under_way else (top + 1) // 2)
