"""`seawall drp report`: the evidence of an incident, made, and checked."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from drp import gather
from drp import report as reports
from drp.evidence.document import Deciders
from drp.evidence.verify import Finding, holds, verify
from estate.problem import Problem, Untrusted
from inventory import load
from seawall import show_report
from seawall.options import find_estate, instant_of, json_option, print_json
from seawall.pages import OUT, write

IN = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.option("--estate", "path", type=OUT, envvar="SEAWALL_ESTATE", help="The estate file. [default: ./estate.toml]")
@click.option("--html", type=OUT, help="Write the report there, as one self-contained page.")
@click.option("--pdf", type=OUT, help="Write the same there for printing; needs WeasyPrint.")
@click.option(
    "--disaster", metavar="INSTANT", help="When production was lost, as you know it: 2026-11-22 03:14:00+01:00"
)
@click.option("--verify", "report_file", type=IN, help="Check a report that was written before; needs no host.")
@click.option(
    "--anchor", "anchors", type=IN, multiple=True, help="With --verify: a ticket or a file that heads are in."
)
@click.option("--online", is_flag=True, help="With --verify: also ask the backup servers which heads they keep.")
@json_option
def report(
    path: Path | None, html: Path | None, pdf: Path | None, disaster: str | None, report_file: Path | None,
    anchors: tuple[Path, ...], online: bool, as_json: bool,
) -> None:  # fmt: skip
    """The evidence of the last activation and return: who, what, when, RPO and RTO per vhost, a timeline.

    Without --html, --pdf or --json: what it says first.
    With --verify: exit code 0 only where every check holds. Keys are those of the estate where --estate names one.
    """
    if report_file is not None:
        _verified(report_file, path, anchors, online=online, as_json=as_json)
        return
    estate = load(find_estate(None if path is None else str(path)))
    evidence = gather.evidence(estate, disaster=None if disaster is None else instant_of(disaster, estate.timezone))
    write(partial(reports.to_html, evidence), html, pdf)
    if as_json:
        click.echo(reports.as_text(evidence), nl=False)
    elif not (html or pdf):
        show_report.show(reports.page(evidence))


def _verified(file: Path, path: Path | None, anchors: Sequence[Path], *, online: bool, as_json: bool) -> None:
    kept = {str(one): one.read_text(encoding="utf-8", errors="replace") for one in anchors}
    silent: list[Finding] = []
    if online:
        path = find_estate(None if path is None else str(path))
        for server, text in gather.asked(load(path)).items():
            if isinstance(text, Problem):
                silent.append(Finding(f"heads kept by {server}", f"it could not be asked: {text.what}"))
            else:
                kept[server] = text
    deciders = None if path is None else Deciders.of(load(path).drp)
    found = [*verify(file.read_bytes().decode("utf-8", errors="replace"), deciders=deciders, kept=kept), *silent]
    if as_json:
        rows = [{"what": one.what, "holds": one.fault is None and one.known, "fault": one.fault} for one in found]
        print_json(rows)
    else:
        for one in found:
            click.echo(_line(one))
    if not holds(found):
        raise Untrusted(
            f"{file} does not hold",
            hint="keep it as evidence, and make a new one: seawall drp report --html FILE, or drp drill",
        )


def _line(one: Finding) -> str:
    if not one.known:
        return f"? {one.what}"
    return f"✓ {one.what}" if one.fault is None else f"✗ {one.what}: {one.fault}"
