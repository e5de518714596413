"""`seawall backup find | diff`: in which archives a path is, when it changed, and what differs between two of them."""

from dataclasses import asdict
from typing import Any

import click

from backups import looking
from backups.looking import Difference, Version
from backups.site import Site
from estate.model import Host, Side
from estate.points import FILES, Archive, Kind
from estate.problem import BadEstate, Missing
from seawall.options import json_option, print_json, say

host_option = click.option("--host", "host", metavar="NAME", help="Of this host; default: this machine's own archives.")


def client_of(site: Site, name: str | None) -> Host:
    """This host, or its partner. Raises BadEstate."""
    found = {host.name: host for host in (site.host, *site.estate.partners(site.host))}
    if name is not None and name not in found:
        raise BadEstate(f"{name} is not saved here", hint=f"one of: {', '.join(found)}")
    return found[name or site.host.name]


def archives_of(site: Site, client: Host, kinds: tuple[Kind, ...] = (FILES,)) -> tuple[Archive, ...]:
    """Archives of these kinds, oldest first; a side that does not answer is said. Raises where there are none."""
    found, faults = site.archives(client, kinds)
    for fault in faults:
        click.echo(f"not looked at: {fault.what}", err=True)
    if not found:
        raise faults[0] if faults else Missing(f"{client.name} has no archives", hint="seawall backup files")
    return found


@click.command()
@click.argument("path")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="Look into so many archives.")
@host_option
@json_option
def find(path: str, last: int, host: str | None, as_json: bool) -> None:
    """In which archives is PATH (or every path that a pattern like '/etc/**/*.conf' names), and when did it change."""
    site = Site.here()
    client = client_of(site, host)
    looking.pattern(path)
    archives = archives_of(site, client)[-last:]
    repositories = {side: site.repository(client, FILES, side) for side in Side}
    found = looking.find(repositories, archives, path, say)
    if as_json:
        print_json([_version(one) for one in found])
    else:
        _print(found)
    if not found:
        raise Missing(f"{path} is in none of the newest {len(archives)} archives", hint="look into more: --last 100")


def _version(one: Version) -> dict[str, Any]:
    archives = [{"name": archive.name, "side": archive.side, "taken": archive.taken} for archive in one.archives]
    return {"path": one.path, "entry": one.entry and asdict(one.entry), "archives": archives}


def _print(found: list[Version]) -> None:
    for one in found:
        first, last = one.archives[0], one.archives[-1]
        rows = first.name if len(one.archives) == 1 else f"{first.name} to {last.name} ({len(one.archives)})"
        it = one.entry
        state = "not there" if it is None else f"{it.mode} {it.owner} {it.size} B of {it.changed}"
        click.echo(f"/{one.path}  {state}  in {rows}")


@click.command()
@click.argument("before")
@click.argument("after")
@click.argument("path", required=False)
@host_option
@json_option
def diff(before: str, after: str, path: str | None, host: str | None, as_json: bool) -> None:
    """What differs between the archives BEFORE and AFTER, everywhere or at PATH.

    On one side borg compares the content itself; between sides, which share no chunks, size and time are compared.
    """
    site = Site.here()
    client = client_of(site, host)
    patterns = [] if path is None else [looking.pattern(path).replace("pf:", "pp:")]
    archives = archives_of(site, client)
    one, two = looking.named(archives, before), looking.named(archives, after)
    found = _differences(site, client, one, two, patterns)
    if as_json:
        how = "content" if one.side is two.side else "size and time"
        print_json({"compared": how, "differences": [asdict(it) for it in found]})
        return
    for it in found:
        click.echo(f"/{it.path}: {it.what}")
    click.echo(f"{len(found)} differences", err=True)


def _differences(site: Site, client: Host, one: Archive, two: Archive, patterns: list[str]) -> list[Difference]:
    repositories = {side: site.repository(client, FILES, side) for side in Side}
    say(f"comparing {one.name} ({one.side}) with {two.name} ({two.side})")
    if one.side is two.side:
        return looking.compared(repositories[one.side].compared(one, two, patterns))
    before, after = (looking.listing(repositories[archive.side], archive, patterns) for archive in (one, two))
    return looking.differences(before, after)
