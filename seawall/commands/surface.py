"""`seawall surface`: what is installed and listens on hosts that the estate does not explain."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from estate.model import Estate
from estate.problem import BadEstate
from inventory import load
from inventory.data import host_data
from playbooks.harden import needed
from playbooks.scanners import PACKAGES as SCANNERS
from seawall.commands.harden import chosen
from seawall.options import estate_option, json_option, print_json
from supervision import surface
from supervision.surface import Removal, Surface

SHOWN = 30  # files of a host; --json has them all


@click.command("surface", short_help="name what is on hosts and nobody needs, and remove it")
@click.argument("names", metavar="[HOST]...", nargs=-1)
@click.option("--remove", is_flag=True, help="Show what can be removed; with --yes, remove it.")
@click.option("--package", "packages", multiple=True, metavar="NAME", help="With --remove: this one only; or several.")
@click.option("--yes", is_flag=True, help="With --remove: do it.")
@json_option
@estate_option
def command(
    names: tuple[str, ...], packages: tuple[str, ...], path: Path, *, remove: bool, yes: bool, as_json: bool
) -> None:
    """Packages, listeners, sources and changed files on every HOST that its role and the estate do not explain.

    What the host needs is what hardening installs there, its databases, `packages` and `listens` of the estate, and
    what those depend on. Exit code 0: nothing is left to explain.
    """
    if (yes or packages) and not remove:
        raise BadEstate("--yes and --package say how to remove", hint="add --remove, or leave them out")
    estate = load(path)
    hardened = {host.name: _hardened(estate, host.name) for host in chosen(estate, names)}
    found = surface.surfaces(estate, hardened, verify=not remove)
    if not remove:
        print_json({it.host: it.plain() for it in found}) if as_json else _show(found)
        surface.check(found)
        return
    surface.check([it for it in found if it.unknown])
    tried = {it.host: surface.removal(estate, it, packages) for it in found}
    if as_json:
        print_json({name: {"packages": it.packages, "files": it.files, "done": yes} for name, it in tried.items()})
    else:
        _removals(tried, done=yes)
    for name, it in tried.items() if yes else ():
        surface.remove(estate, name, it)


def _hardened(estate: Estate, name: str) -> list[str]:
    data = host_data(estate, estate.hosts[name])
    wanted = needed(data["role"], data["vhosts"], data["web"], data["encryption"])
    return [*(name for each in wanted for name in each.split("|")), *SCANNERS]


def _removals(tried: dict[str, Removal], *, done: bool) -> None:
    for name, it in tried.items():
        click.echo(f"{name}: {'removing' if done else 'would remove'} {' '.join(it.packages) or 'no package'}")
        for file in it.files:
            click.echo(f"{name}: {file} {'becomes' if done else 'would become'} {file}.disabled")
    if not done:
        click.echo("nothing was removed; to do it, add --yes")


def _show(found: Sequence[Surface]) -> None:
    for it in found:
        if it.packages:
            table = Table(it.host, "version", "why it is named", "MB", box=None, pad_edge=False)
            for extra in it.packages:
                by_another = extra.needed and extra.kind != "data"
                why = f"{extra.kind}, needed by another" if by_another else extra.kind
                table.add_row(Text(extra.name), Text(extra.version), why, f"{extra.kb / 1024:.1f}")
            Console().print(table)
        for what, names in {"listens": it.listening, "takes packages from": it.sources, "changed": it.changed}.items():
            for name in names[:SHOWN]:
                click.echo(f"{it.host}: {what}: {name}")
        if it.ok:
            click.echo(f"{it.host}: nothing but what it needs")
