"""Carrying a job out: prove, journal, act, prove, journal. Whoever kills this, the next run continues."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from drp.course import Course
from drp.flow import Flow
from drp.job import as_dict
from drp.step import Step, World
from effects.journal import Journal

Act = Step | Flow


def carry_out(acts: Sequence[Act], world: World, journal: Journal) -> bool:
    """Whether all of it holds. A step that fails stops its own vhosts and no other."""
    _open(world, journal)
    course = Course(world, journal)
    with ThreadPoolExecutor(max_workers=1) as pool:
        beside: list[Future[None]] = []  # steps with a lane: nobody waits for them but the end
        for act in acts:
            if isinstance(act, Flow):
                act.run(course)
            elif act.lane and not course.idle(act):
                beside.append(pool.submit(course.hold, act))
            elif not course.idle(act):
                course.hold(act)
        for one in beside:
            one.result()
    return course.close()


def _open(world: World, journal: Journal) -> None:
    job = world.job
    about = {
        "by": job.by,
        "kind": job.kind,
        "host": world.site.host.name,
        "seal": job.seal,
        "ordered": job.ordered.isoformat(),
    }
    plan = as_dict(job.plan)
    journal.write("opened", **about, plan=plan, order=job.signed.text, signatures=dict(job.signed.signatures))
