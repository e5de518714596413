"""`seawall audit`: hosts are judged by tools that others wrote; exit code 0 only where every goal is reached."""

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from effects import files
from effects.clock import Stopwatch
from estate.model import Estate, Host
from estate.problem import Unmet, Unreachable
from inventory import load
from inventory.data import host_data
from playbooks.drive import Outcome, drive
from seawall.commands.harden import chosen
from seawall.deploying import Progress
from seawall.options import estate_option, json_option, print_json
from supervision import content, exclusions, history
from supervision.audit import Audit, audit
from supervision.exclusions import Rules
from supervision.findings import Scanner
from supervision.page import html

SHOWN = 20  # findings of one scan; the page has all
AT_ONCE = 2  # hosts; the scanners are busy with the disks of their hosts, and with ours not at all


@click.command("audit", short_help="have hosts judged by Lynis, OpenSCAP, ssh-audit and systemd-analyze")
@click.argument("names", metavar="[HOST]...", nargs=-1)
@click.option(
    "--only", type=click.Choice(list(map(str, Scanner))), multiple=True, help="These scans; such an audit is not kept."
)
@click.option("--fetch", is_flag=True, help="Fetch the SCAP content first, where it is not in the cache.")
@click.option("--content", "package", type=click.Path(path_type=Path), help="The SCAP content, as Debian's package.")
@click.option("--exclusions", "excused", type=click.Path(path_type=Path), help="Another file of goals and exclusions.")
@click.option("--state", type=click.Path(path_type=Path), help="Where audits are kept.")
@json_option
@estate_option
def command(
    names: tuple[str, ...],
    *,
    only: tuple[str, ...],
    fetch: bool,
    package: Path | None,
    excused: Path | None,
    state: Path | None,
    as_json: bool,
    path: Path,
) -> None:
    """Judge every HOST, or all hosts of the estate; keep the result, and show what remains.

    Lynis and OpenSCAP are installed on the host where they are missing; nothing else is changed there.
    """
    estate = load(path)
    hosts = chosen(estate, names)
    rules = exclusions.load(excused or exclusions.OURS)
    archive = content.fetch() if fetch and package is None else content.find(package)
    watch = Stopwatch()
    audits = _audits(
        estate, hosts, rules, [Scanner(name) for name in only or Scanner], _installed(estate, hosts, archive), watch
    )
    documents = [history.document(each) for each in audits]
    idle = exclusions.idle(rules, _failed(audits))
    page = None if only else _keep((state or history.base()) / estate.name, estate, documents, idle)
    if as_json:
        print_json({"ok": all(each.met for each in audits), "hosts": {each["host"]: each for each in documents},
                    "idle": idle, "page": page, "seconds": watch.seconds})  # fmt: skip
    else:
        _show(documents, idle, page)
    _check(audits)


def _keep(folder: Path, estate: Estate, documents: Sequence[dict[str, Any]], idle: Sequence[str]) -> Path:
    """Store the audits, and make the page of all that are kept anew."""
    for document in documents:
        history.store(folder, document)
    page = folder / "index.html"
    kept = {host: history.kept(folder, host) for host in estate.hosts}
    files.write(page, html(estate.name, kept, idle), mode=0o600)
    return page


def _installed(estate: Estate, hosts: Sequence[Host], archive: Path) -> Mapping[str, Outcome]:
    more = {"content": str(archive), "content_sha256": content.SHA256}
    wanted: list[Any] = [{**host_data(estate, host), **more} for host in hosts]
    progress = Progress([host.name for host in hosts])
    with progress:
        return drive(wanted, ["scanners"], on_event=progress.see)


def _audits(
    estate: Estate,
    hosts: Sequence[Host],
    rules: Rules,
    only: Sequence[Scanner],
    outcomes: Mapping[str, Outcome],
    watch: Stopwatch,
) -> list[Audit]:
    def say(host: str, text: str) -> None:
        click.echo(f"{watch.seconds:6.1f} s  {host}: {text}", err=True)

    def judged(host: Host) -> Audit:
        return audit(estate, host, rules, only=only, lacking=outcomes[host.name].error, say=say)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(judged, hosts))


def _failed(audits: Sequence[Audit]) -> list[tuple[frozenset[str], Any, frozenset[str]]]:
    return [
        (each.traits, judged.scan.scanner, frozenset(found.id for found in judged.scan.findings if found.failed))
        for each in audits
        for judged in each.results
        if not judged.scan.error
    ]


def _show(documents: Sequence[Mapping[str, Any]], idle: Sequence[str], page: Path | None) -> None:
    console = Console(file=sys.stdout)
    for document in documents:
        table = Table("scan", "raw", "declared", "goal", "", box=None, pad_edge=False)
        for scan in document["scans"].values():
            met = "unknown" if scan["error"] else "yes" if scan["met"] else "no"
            declared = scan["error"] or _words(scan["declared"])
            table.add_row(scan["title"], _words(scan["raw"]), declared, _goal(scan["goal"]), met)
        console.print(f"\n{document['host']}, {', '.join(document['traits'])}", highlight=False)
        console.print(table)
        for name, scan in document["scans"].items():
            for each in scan["remaining"][:SHOWN]:
                click.echo(f"  {name} {each['id']}: {each['title']}")
            if len(scan["remaining"]) > SHOWN:
                click.echo(f"  {name}: and {len(scan['remaining']) - SHOWN} more")
    for each in idle:
        click.echo(f"an exclusion excuses nothing any more; remove it: {each}")
    if page is not None:
        click.echo(f"\nwhat remains with advice, what is excluded and why, and how it came about: {page}")


def _words(score: Mapping[str, Any]) -> str:
    return "–" if score["percent"] is None else f"{score['percent']} % ({score['points']} of {score['of']})"


def _goal(goal: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in goal.items() if value is not None)


def _check(audits: Sequence[Audit]) -> None:
    """Raises Unreachable where a host is unknown, Unmet where one is known and not good enough."""
    unknown = [each for each in audits if not each.known]
    if unknown:
        said = "".join(
            f"\n  {each.host}: {'; '.join(dict.fromkeys(one.scan.error for one in each.results if one.scan.error))}"
            for each in unknown
        )
        raise Unreachable(
            f"{len(unknown)} of {len(audits)} hosts are unknown:{said}", hint="mend that, then run the audit again"
        )
    missed = [f"\n  {each.host}: {one.scan.scanner}" for each in audits for one in each.results if not one.met]
    if missed:
        raise Unmet(f"goals are not reached:{''.join(missed)}", hint="seawall harden, then look at what remains")
