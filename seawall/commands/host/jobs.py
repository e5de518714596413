"""`seawall host jobs` and `progress`: what was ordered, and how far it is."""

import click

from drp import job as jobs
from drp import underway
from effects.clock import now
from seawall.options import print_json


@click.command(name="jobs")
def jobs_command() -> None:
    """What was ordered here."""
    print_json([{"job": job.id, "ordered": job.ordered, "by": job.by} for job in jobs.known()])


@click.command()
@click.argument("job_id")
def progress(job_id: str) -> None:
    """How far what a job is copying has come, and by which clock."""
    print_json({"at": now().isoformat(), "progress": underway.measured(jobs.load(job_id).journal.entries())})
