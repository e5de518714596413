"""`seawall backup`: taking, proving and restoring what was saved. One file per concern; this one joins them.

A host's services call some of these every few seconds, and none of them needs what the others import.
"""

import click

from seawall.lazy import Lazy

TABLE = {
    "files": "archive files and configuration to the side whose day it is",
    "databases": "snapshot every database server to both sides",
    "init": "create this host's repositories on both sides",
    "schedule": "take archives and snapshots by the policy's clock, for ever",
    "status": "how old the newest is, what is owed, what each loss costs",
    "metrics": "how backups stand, for Prometheus",
    "list": "every archive on both sides, oldest first",
    "find": "in which archives a path is, and when it changed",
    "diff": "what differs between two archives",
    "mount": "show an archive as a directory, read-only, to look around in",
    "restore": "bring back paths, a table, a database, a vhost or a whole host as it was",
    "stream": "binary log and WAL, sent to both sides as they are written",
    "replica": "running copies of production's database servers, on its twin",
    "prove": "bring the newest recovery point up in a closed room of this twin",
    "proofs": "what was proven on this twin, newest last",
    "accept": "what became small on purpose is no finding any more",
    "keep": "do what a twin does by the clock, for ever",
    "keys": "keys that outlive the fire",
    "vault": "what keeps the past from who is root on production",
    "catalogue": "verify the chain and every signature of the catalogue",
    "retention": "why each archive stays, and when one goes",
    "hold": "keep archives whatever retention says",
    "release": "let retention decide again about what was held",
    "third": "the third copy, in an S3-compatible store",
}
PLACES = {
    "files": "taking:files_command",
    "databases": "taking:databases",
    "init": "taking:init",
    "schedule": "taking:schedule",
    "status": "standing:status",
    "metrics": "standing:metrics",
    "list": "looking:list_command",
    "find": "finding:find",
    "diff": "finding:diff",
    "mount": "mounting:mount",
    "restore": "bringing:restore",
    "stream": "streaming:stream",
    "replica": "replica:replica",
    "prove": "proving:prove",
    "proofs": "proving:proofs",
    "accept": "proving:accept",
    "keep": "keeping:keep",
    "vault": "vault:vault",
    "catalogue": "retaining:catalogue",
    "retention": "retaining:retention",
    "hold": "retaining:hold",
    "release": "retaining:release",
    "third": "third:third",
}


@click.group(name="backup", cls=Lazy, table=TABLE, places=PLACES, package=__name__)
def command() -> None:
    """Take, list and watch archives. Runs on the host whose data it is."""
