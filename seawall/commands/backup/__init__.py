"""`seawall backup`: taking, proving and restoring what was saved. One file per concern; this one joins them."""

import click

from seawall.commands.backup import (
    bringing,
    finding,
    keeping,
    keys,
    looking,
    proving,
    retaining,
    standing,
    streaming,
    taking,
    third,
)
from seawall.commands.backup.vault import vault


@click.group(name="backup")
def command() -> None:
    """Take, list and watch archives. Runs on the host whose data it is."""


for _one in (
    taking.files_command,
    taking.databases,
    taking.init,
    taking.schedule,
    looking.list_command,
    standing.status,
    standing.metrics,
    keeping.keep,
    proving.prove,
    proving.proofs,
    streaming.stream,
    bringing.restore,
    finding.find,
    finding.diff,
    keys.command,
    vault,
    retaining.retention,
    retaining.hold,
    retaining.release,
    retaining.catalogue,
    third.third,
):
    command.add_command(_one)
