"""`seawall host`: what a managed host answers when the driver asks. JSON in, JSON out, not for typing."""

import sys
from typing import Any

import click

from backups.site import Site
from drp import begin, observe
from drp import job as jobs
from drp.plan import PLAN, Plan
from drp.status import status as current
from effects.run import attempt
from seawall.options import print_json


@click.group(name="host")
def command() -> None:
    """What a managed host answers to the control machine; JSON in, JSON out."""


@command.command()
def status() -> None:
    """Recovery points, DNS and jobs, as this host sees them."""
    print_json(current(Site.here()))


@command.command()
@click.option("--return", "back", is_flag=True)
@click.option("--proven", is_flag=True)
def plan(back: bool, proven: bool) -> None:
    """The plan of an activation, or of a return."""
    site = Site.here()
    print_json(_told(observe.plan_return(site) if back else observe.plan_activation(site, proven=proven)))


def _told(plan: Plan) -> dict[str, Any]:
    losses = {move.domain: move.loss(plan.made).total_seconds() for move in plan.moves if move.archives}
    parts = {
        move.domain: {str(kind): (plan.made - at).total_seconds() for kind, at in move.points().items()}
        for move in plan.moves
    }
    names = {move.domain: [archive.name for archive in move.archives] for move in plan.moves}
    return {
        "seal": plan.seal,
        "plan": PLAN.dump_python(plan, mode="json"),
        "loss_seconds": losses,
        "losses": parts,  # by kind of archive
        "archives": names,
    }


@command.command(name="begin")
@click.argument("kind", type=click.Choice(["activate", "withdraw"]))
@click.option("--seal", default="")
@click.option("--by", required=True)
def begin_command(kind: str, seal: str, by: str) -> None:
    """Order a job, or find the one that was begun."""
    site = Site.here()
    job = begin.activation(site, seal, by) if kind == "activate" else begin.withdrawal(site, by)
    print_json({"job": job.id})


@command.command()
@click.argument("withdrawn")
def restoration(withdrawn: str) -> None:
    """The job that production has to do in a return."""
    job = begin.restoration(Site.here(), jobs.load(withdrawn))
    print_json(jobs.JOB.dump_python(job, mode="json"))


@command.command()
def accept() -> None:
    """Take a job over from standard input."""
    print_json({"job": begin.accept(sys.stdin.read()).id})


@command.command()
@click.argument("withdrawn")
def redirect(withdrawn: str) -> None:
    """Order the last job of a return."""
    print_json({"job": begin.redirection(jobs.load(withdrawn)).id})


@command.command()
@click.argument("job_id")
def start(job_id: str) -> None:
    """Hand a job to systemd; says how many journal entries there were before.

    A restore that closed well is not begun again: production serves from it by now.
    """
    job = jobs.load(job_id)
    entries = job.journal.entries()
    over = job.kind is jobs.JobKind.RESTORE and jobs.closed_well(job.journal)
    if not over:
        job.start()
    print_json({"entries": len(entries), "closed": dict(entries[-1].detail) if over else None})


@command.command()
@click.argument("job_id")
def run(job_id: str) -> int:
    """Carry a job out to its end; the unit seawall-drp@JOB does this."""
    return 0 if begin.run(Site.here(), job_id) else 7


@command.command()
@click.argument("job_id")
def journal(job_id: str) -> None:
    """Its journal as it stands in the file, and whether the job is running."""
    job = jobs.load(job_id)
    unit = attempt(["systemctl", "is-active", f"seawall-drp@{job_id}.service"], timeout=30)  # asked before reading
    running = unit.out.strip() in ("active", "activating", "deactivating")  # the last: killed, a child still ends
    path = job.journal.path
    print_json({"running": running, "text": path.read_text(encoding="utf-8") if path.exists() else ""})


@command.command(name="jobs")
def jobs_command() -> None:
    """What was ordered here."""
    print_json([{"job": job.id, "ordered": job.ordered, "by": job.by} for job in jobs.known()])
