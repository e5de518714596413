"""`seawall host run`: a job, to its end."""

import click

from backups.site import Site
from drp import begin


@click.command()
@click.argument("job_id")
def run(job_id: str) -> int:
    """Carry a job out to its end; the unit seawall-drp@JOB does this."""
    return 0 if begin.run(Site.here(), job_id) else 7
