"""`seawall harden`: every host of the estate, or those named; counted, confirmed, or rolled back by the host."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import click

from effects.clock import Stopwatch
from estate.model import Estate, Host
from estate.problem import BadEstate
from inventory import load
from inventory.data import host_data
from playbooks.drive import check, drive
from seawall.deploying import Progress, report
from seawall.options import estate_option, json_option


@click.command("harden", short_help="make hosts safe; confirmed, or rolled back by the host itself")
@click.argument("names", metavar="[HOST]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@click.option("--port", type=click.IntRange(1, 65535), help="Where ssh is found now, if its port was changed.")
@json_option
@estate_option
def command(names: tuple[str, ...], *, dry_run: bool, port: int | None, as_json: bool, path: Path) -> None:
    """Make every HOST safe, or all hosts of the estate. A second run changes nothing."""
    estate = load(path)
    hosts = [host_data(estate, host, port=port) for host in chosen(estate, names)]
    watch, progress = Stopwatch(), Progress([data["name"] for data in hosts])
    with progress:
        outcomes = drive(hosts, ["harden"], dry_run=dry_run, on_event=progress.see)
    report(outcomes, watch.seconds, as_json=as_json, dry_run=dry_run)
    check(outcomes)


def chosen(estate: Estate, names: Iterable[str]) -> list[Host]:
    """The hosts called `names`, each once, or all. Raises BadEstate for a name the estate does not have."""
    found = []
    for name in dict.fromkeys(names) or estate.hosts:
        if name not in estate.hosts:
            close = get_close_matches(name, estate.hosts, n=1)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise BadEstate(f"no host is called {name!r}{meant}", hint=f"the estate has: {', '.join(estate.hosts)}")
        found.append(estate.hosts[name])
    return found
