"""Readiness, as people read it: what could come back from which loss, and what stands against it; worst first."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from textwrap import shorten

from rich.console import Console
from rich.table import Table
from rich.text import Text

from backups.standing import Level
from drp.ready.comebacks import Comeback
from drp.ready.findings import Finding
from drp.timeline import lasting
from seawall.show_standing import COLOURS
from seawall.tables import folding

LONGEST = 180  # characters that are said of one thing; --json has all
WORDS = {Level.OK: "READY", Level.WARNING: "ready, but", Level.CRITICAL: "NOT READY", Level.UNKNOWN: "not known"}
COULD = {True: Text("yes", "green"), False: Text("NO", "bold red"), None: Text("not known", "magenta")}
PROVEN = {True: "", False: "NO", None: "not yet"}


def show(comebacks: Sequence[Comeback], findings: Sequence[Finding], level: Level) -> None:
    """One table for what could come back, one for what would break the night."""
    console = Console()
    if comebacks:
        console.print(_comebacks(comebacks))
        for line in _notes(comebacks):
            console.print(Text(line))
    console.print(Text(WORDS[level], f"bold {COLOURS[level]}"))
    if findings:
        console.print(_findings(findings))


def _comebacks(found: Sequence[Comeback]) -> Table:
    table = folding("if this is lost", "comes back", "vhost", "proven", "would lose", "takes")
    for lost, rows in groupby(_worst_first(found), lambda one: one.lost):
        mine = list(rows)
        name = f"{lost} *" if mine[0].goes_on else lost
        if len({(one.could, one.why) for one in mine}) == 1 and not mine[0].could:
            table.add_row(name, COULD[mine[0].could], "all of them", "", "", "")
            continue
        for number, one in enumerate(mine):
            loses = _span(one.loses) if one.could else ""
            table.add_row("" if number else name, COULD[one.could], one.domain, _proven(one), loses, _takes(one))
    return table


def _worst_first(found: Sequence[Comeback]) -> list[Comeback]:
    """What takes production first, and of each loss in the order of recovery."""
    losses = list(dict.fromkeys(one.lost for one in found))
    bad = {lost: min((True, None, False).index(one.could) for one in found if one.lost == lost) for lost in losses}
    alive = {one.lost: one.goes_on for one in found}
    return sorted(found, key=lambda one: (alive[one.lost], -bad[one.lost], losses.index(one.lost)))


def _proven(one: Comeback) -> str:
    return f"{one.proven:%m-%d %H:%M}" if one.whole and one.proven else PROVEN[one.whole] if one.archives else ""


def _takes(one: Comeback) -> str:
    if one.low is None or one.high is None:
        return ""
    return f"{_span(one.low)} to {_span(one.high)}" + ("" if one.measured else " (estimated)")


def _span(seconds: float | None) -> str:
    return "" if seconds is None else lasting(seconds)


def _notes(found: Sequence[Comeback]) -> list[str]:
    """Whys, each once for all vhosts that share it."""
    whys: dict[tuple[str, str], list[str]] = {}
    for one in (one for one in found if one.why):
        whys.setdefault((one.lost, one.why), []).append(one.domain)
    everybody = {one.domain for one in found}
    lines = []
    for (lost, why), domains in whys.items():
        whose = "" if set(domains) == everybody else f"{', '.join(domains)}: "
        lines.append(shorten(f"{lost}: {whose}{why}", LONGEST, placeholder=" …"))
    star = ["* production is not lost with it: this is what would be left if production were lost as well"]
    return [*(star if any(one.goes_on for one in found) else []), *lines]


def _findings(found: Iterable[Finding]) -> Table:
    table = folding("", "host", "what", "what to do")
    alike: dict[tuple[Level, str, str], list[str]] = {}
    for one in found:
        alike.setdefault((one.level, one.host, one.do), []).append(one.what)
    for (level, host, do), (first, *others) in alike.items():
        what = shorten(first, LONGEST, placeholder=" …") + (f" (and {len(others)} more: --json)" if others else "")
        table.add_row(Text(level.name.lower(), COLOURS[level]), host, what, do)
    return table
