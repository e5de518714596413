"""`seawall drp promote`: where the primary of zones is lost, another of their servers becomes it."""

import difflib
import re
from functools import partial
from pathlib import Path

import click

from drp import promotion
from drp.dns.primaries import secrets
from drp.promotion import Promotion
from effects.secrets import resolve
from inventory import load
from seawall.options import by_option, estate_option, json_option, print_json, say

SECRET = re.compile(r'(secret:? +)"[^"]*"')


@click.command()
@click.argument("server", metavar="SERVER")
@estate_option
@click.option("--zone", "wanted", multiple=True, metavar="ZONE", help="Only that one; may be given several times.")
@by_option
@click.option("--yes", is_flag=True, help="Do it; without, only show what would be done.")
@json_option
def promote(server: str, path: Path, wanted: tuple[str, ...], by: str, yes: bool, as_json: bool) -> None:
    """Make SERVER the primary of its zones, where their own one is lost: a switch goes there then.

    Its configuration is written anew from what it reads, checked by it, and put back where it does not hold. Refused
    while the lost one is heard from anywhere. Safe to repeat.
    """
    estate = load(path)
    zones = promotion.zones_of(estate, server, wanted)
    secret = secrets(partial(resolve, base=path.parent))
    say(f"asking {server}, and everybody who may hear {', '.join(sorted({zone.primary for zone in zones}))}")
    found = promotion.look(estate, estate.hosts[server], zones, secret)
    kept = promotion.carry_out(estate, found, secret, by) if yes else ""
    print_json(_told(found, kept, done=yes)) if as_json else _show(found, kept, done=yes)


def _told(found: Promotion, kept: str, *, done: bool) -> dict[str, object]:
    names = [zone.name for zone in found.zones]
    return {"server": found.server.name, "software": found.was.kind.name, "file": found.was.kind.file, "zones": names,
            "difference": _difference(found), "warnings": found.warnings, "done": done, "kept": kept}  # fmt: skip


def _difference(found: Promotion) -> list[str]:
    """What would be written, without secrets."""
    before, after = (SECRET.sub(r'\1"…"', text).splitlines() for text in (found.was.text, found.text))
    return [
        line for line in difflib.unified_diff(before, after, lineterm="", n=2) if not line.startswith(("---", "+++"))
    ]


def _show(found: Promotion, kept: str, *, done: bool) -> None:
    kind, server = found.was.kind, found.server.name
    for line in _difference(found):
        click.echo(f"  {line}")
    for warning in found.warnings:
        click.echo(f"! {warning}", err=True)
    names = ", ".join(zone.name for zone in found.zones)
    if done:
        stood = f"what stood is kept there in {kept}" if kept else "it was before, and has read its configuration again"
        click.echo(f"{server} is the primary of {names}; {stood}")
        click.echo("now type the activation again, or: seawall drp plan")
        click.echo(
            f"for good, {server} first in servers of these zones, and seawall install; until then status misses the old"
        )
    else:
        click.echo(f"{kind.file} on {server} ({kind.name}) is written anew, in one piece and without comments")
        click.echo(f"to make it the primary of {names}: the same with --yes")
