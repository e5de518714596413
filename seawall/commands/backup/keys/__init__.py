"""`seawall backup keys`: keys that outlive the fire. Runs on the control machine; one file for each command."""

import click

from seawall.lazy import Lazy

TABLE = {
    "recipient": "make a key pair for one person; its public half goes into [escrow]",
    "paper": "one person's key as a page to print",
    "export": "seal everything a new control machine needs, and leave it with every backup server and twin",
    "verify": "which key is in no escrow, changed by somebody, or held by too few; with keys, whether it opens",
    "share": "one person's share of one sealed file, to be read over a telephone",
    "restore": "open a sealed file into a new directory, from keys or from paper",
    "put-back": "give a repository its good key again, after somebody changed it",
}


@click.group(name="keys", cls=Lazy, table=TABLE, package=__name__, short_help="keys that outlive the fire")
def command() -> None:
    """Seal the keys to the people named in [escrow], keep them on every side, and come back from paper."""
