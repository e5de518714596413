"""`seawall patches`: how patched the hosts are, and patching at once."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from effects import clock
from inventory import load
from seawall.commands.harden import chosen
from seawall.options import estate_option, json_option, print_json
from supervision import patches, patching
from supervision.advisories import Rank
from supervision.feeds import Feeds

SHOWN = 20  # CVEs; --json has them all


@click.group(name="patches")
def command() -> None:
    """Patches come weekly by themselves; here one sees what is open, and does not wait."""


@command.command()
@click.argument("names", metavar="[HOST]...", nargs=-1)
@click.option(
    "--feeds", metavar="URL", default="", envvar="SEAWALL_FEEDS",
    help="A mirror of the advisories: https://… or file:///…",
)  # fmt: skip
@json_option
@estate_option
def status(names: tuple[str, ...], feeds: str, path: Path, *, as_json: bool) -> None:
    """Open CVEs, overdue runs, reboots and packages held back, on every HOST or all of them.

    What can't be known, because a host or a source of advisories does not answer, is shown as unknown. Exit code 0:
    all is known, and nothing needs anybody before the next weekly run.
    """
    estate = load(path)
    sources = Feeds(feeds.rstrip("/"))
    found = patches.status(estate, chosen(estate, names), sources)
    if as_json:
        print_json({"hosts": {state.host: state.plain() for state in found}, "copies": sources.old})
    else:
        _show(found, sources.old)
    patches.check(found)


@command.command()
@click.argument("names", metavar="[HOST]...", nargs=-1)
@click.option("--package", "packages", multiple=True, metavar="NAME", help="This package only; may be given again.")
@click.option("--dry-run", is_flag=True, help="Show what would be installed; install nothing.")
@json_option
@estate_option
def now(names: tuple[str, ...], packages: tuple[str, ...], path: Path, *, dry_run: bool, as_json: bool) -> None:
    """Install what Debian has fixed at once: twins first, production when they are well; never both of a pair together.

    After each host its services are restarted in order, and its sites must answer as before; otherwise it ends there.
    """
    estate = load(path)
    hosts = chosen(estate, names)
    if dry_run:
        done = patching.preview(estate, hosts, packages)
    else:
        done = patching.patch(estate, hosts, packages, lambda host, words: click.echo(f"{host}: {words}", err=True))
    if as_json:
        print_json({name: asdict(seen) | {"ok": not seen.error} for name, seen in done.items()})
    else:
        _upgrades(done, dry_run=dry_run)
    patching.check(done)


def _upgrades(done: Mapping[str, patching.Patched], *, dry_run: bool) -> None:
    table = Table("host", "package", "installed", "would be" if dry_run else "now", "from", box=None, pad_edge=False)
    for name, seen in done.items():
        for one in seen.upgrades:
            # What a host says of itself is no markup of ours.
            table.add_row(name, *map(Text, (one.package, one.installed, one.candidate, one.origin)))
        if not seen.upgrades and not seen.error:
            table.add_row(name, "[dim]nothing to install")
    Console().print(table)
    if dry_run:
        click.echo("nothing was installed: a dry run")


def _show(found: Sequence[patches.State], copies: Mapping[str, float]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("host", "patched", "alert", "high", "other", "no fix yet", "restart", "reboot", "held"):
        table.add_column(title, justify="right" if title in ("alert", "high", "other", "no fix yet") else "left")
    for state in found:
        table.add_row(state.host, *_row(state))
    Console().print(table)
    for state in found:
        for one in [one for one in state.open if one.rank is not Rank.OTHER][:SHOWN]:
            click.echo(f"{state.host}: {one.cve} {' '.join(one.packages)}"
                       f" ({', '.join([*one.advisories, 'fixed' if one.fixed else 'no fix yet'])})")  # fmt: skip
        for what, why in (("still runs old code", state.restart), ("a reboot is owed", state.reboot)):
            if why:
                click.echo(f"{state.host}: {what}: {', '.join(why)}")
    for source, age in copies.items():
        click.echo(f"{source}: does not answer; a copy is {age / 3600:.0f} h old", err=True)


def _row(state: patches.State) -> list[str]:
    """Counts of what a fix is there for, by rank; "unknown" where that is not known."""
    if state.unknown:
        counts = ["unknown"] * 4
    else:
        counts = [str(sum(one.fixed and one.rank is rank for one in state.open)) for rank in reversed(Rank)]
        counts.append(str(sum(not one.fixed for one in state.open)))
    owed = [str(len(state.restart) or ""), "owed" if state.reboot else "", str(len(state.held) or "")]
    return [_age(state), *counts, *owed]


def _age(state: patches.State) -> str:
    if state.patched is None:
        return "unknown" if state.unknown and not state.overdue else "never"
    days = (clock.now() - state.patched).days
    return f"{days} days ago{', overdue' if state.overdue else ''}"
