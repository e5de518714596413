"""`seawall host order` and those that begin or continue a job."""

import sys
from datetime import timedelta

import click

from backups.site import Site
from drp import begin, cancelling, orders, returning
from drp import job as jobs
from drp import notes as noted
from effects.clock import now
from estate.orders import Aim
from estate.problem import BadEstate
from seawall.options import print_json


@click.command()
@click.argument("aim", type=click.Choice(["activate", "return", "cancel"]))
@click.option("--seal", default="")
@click.option("--by", default="")
@click.option("--hours", type=float, required=True)
@click.option("--reason", default="")
def order(aim: Aim, seal: str, by: str, hours: float, reason: str) -> None:
    """The text of an order for people to sign; or the job that goes on without one."""
    site = Site.here()
    if going := begin.going(site, aim, seal):
        print_json({"job": going.id})
        return
    if not by and aim == "activate":  # before seconds of looking
        raise _nobody(site)
    found = begin.wanted(site, aim, seal)
    if not by:
        raise _nobody(site)
    text = orders.draft(site.estate, found, by, now(), valid=timedelta(hours=hours), reason=reason)
    noted.note(noted.DRAFTED, {"aim": aim, "seal": found.seal, "by": by})
    print_json({"order": text})


def _nobody(site: Site) -> BadEstate:
    names = ", ".join(site.estate.drp.approvers)
    return BadEstate("who orders it?", hint=f"--by NAME, one of: {names}; or --order FILE" + begin.begun_before())


@click.command(name="begin")
@click.argument("kind", type=click.Choice(["activate", "withdraw", "cancel"]))
@click.option("--seal", default="")
def begin_command(kind: str, seal: str) -> None:
    """Begin the job that the order on standard input is for, or find the one that was begun."""
    site, text = Site.here(), sys.stdin.read()
    signed = orders.SIGNED.validate_json(text) if text.strip() else None
    if kind == "cancel":
        job = cancelling.cancellation(site, signed)
    else:
        job = begin.activation(site, seal, signed) if kind == "activate" else begin.withdrawal(site, signed)
    _begin(job, at_once=job.kind is not jobs.JobKind.WITHDRAW)


@click.command()
@click.argument("withdrawn")
def ahead(withdrawn: str) -> None:
    """Begin the job that comes before it; none where it has frozen something already."""
    if job := returning.ahead(jobs.load(withdrawn)):
        _begin(job)
    else:
        print_json({"job": None})


@click.command()
@click.argument("withdrawn")
def warming(withdrawn: str) -> None:
    """The job that production has to do before it."""
    job = returning.warming(Site.here(), jobs.load(withdrawn))
    print_json(jobs.JOB.dump_python(job, mode="json"))


@click.command()
@click.argument("withdrawn")
def restoration(withdrawn: str) -> None:
    """The job that production has to do in a return."""
    job = returning.restoration(Site.here(), jobs.load(withdrawn))
    print_json(jobs.JOB.dump_python(job, mode="json"))


@click.command()
def accept() -> None:
    """Take a job over from standard input, and begin it."""
    _begin(begin.accept(Site.here(), sys.stdin.read()))


@click.command()
@click.argument("withdrawn")
def redirect(withdrawn: str) -> None:
    """Begin the last job of a return."""
    _begin(returning.redirection(jobs.load(withdrawn)))


@click.command()
def cancellation() -> None:
    """What there is to cancel, and whether that is a return by now."""
    print_json(cancelling.look())


@click.command()
@click.argument("cancelled")
def resumption(cancelled: str) -> None:
    """The job that production has to do then."""
    print_json(jobs.JOB.dump_python(cancelling.resumption(jobs.load(cancelled)), mode="json"))


@click.command()
@click.argument("job_id")
def start(job_id: str) -> None:
    """Begin a job that was ordered, or continue it."""
    _begin(begin.startable(Site.here(), jobs.load(job_id)))


def _begin(job: jobs.Job, *, at_once: bool = True) -> None:
    """Hand it to systemd, in the same breath as it was ordered: visitors wait. Says how many entries there were before.

    What closed well is not begun again where it is a restore (production serves from it by now), or an activation that
    another one came after.
    """
    entries = job.journal.entries()
    overtaken = job.kind is jobs.JobKind.ACTIVATE and begin.overtaken(job)
    over = (job.kind is jobs.JobKind.RESTORE or overtaken) and jobs.closed_well(job.journal)
    if at_once and not over:
        job.start()
    print_json({"job": job.id, "entries": len(entries), "closed": dict(entries[-1].detail) if over else None})
