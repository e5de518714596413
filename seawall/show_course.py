"""A job on a terminal while it is carried out: a table that lives. Elsewhere its journal, line by line."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from drp.drive import Show, Watch
from drp.underway import Row, rows
from effects.journal import Entry
from estate.problem import Problem
from seawall import show
from seawall.tables import folding


class Detached(Problem):
    """Somebody stopped watching. The work does not depend on it."""

    exit_code = 130  # as of any command that was interrupted


QUIET = ("waiting", "switched", "proven")  # of those only the number is said where there is no room for all
MEGA = 1e6


@contextmanager
def shown(what: str, *, instead: str = "") -> Iterator[tuple[Show, Watch | None]]:
    """How to show an entry, and how to show where every vhost is. Raises Detached, once it is said what goes on, and
    what can be typed `instead`.
    """
    try:
        with _shown() as ways:
            yield ways
    except KeyboardInterrupt:
        hint = f"watch it again, or continue, with the same command{instead}"
        raise Detached(f"nobody watches any more; {what} goes on", hint=hint) from None


@contextmanager
def _shown() -> Iterator[tuple[Show, Watch | None]]:
    if not sys.stderr.isatty():
        yield show.entry, None
        return
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def entry(host: str, one: Entry) -> None:
            if one.event in ("opened", "failed", "closed"):
                live.console.print(show.line(host, one), markup=False, highlight=False)

        def watch(host: str, entries: Sequence[Entry], seen: Mapping[str, Any]) -> None:
            at = datetime.fromisoformat(seen["at"]) if "at" in seen else entries[-1].at
            live.update(table(host, rows(entries, seen.get("progress", ()), at), console.height), refresh=True)

        yield entry, watch


def table(host: str, found: Sequence[Row], height: int) -> Group:
    """As many vhosts as there is room for, those first with which something is done; and how many are where."""
    room = max(height - 4, 5)
    busy = [row for row in found if row.state not in QUIET]
    rest = [row for row in found if row.state in QUIET]
    chosen = found if len(found) <= room else [*busy, *rest][:room]
    grid = folding("vhost", "on " + host, "", "rate", "left")
    for row in chosen:
        grid.add_row(row.domain, row.state, _size(row), _rate(row), _left(row))
    counts = Counter(row.state for row in found)
    return Group(grid, Text(", ".join(f"{count} {state}" for state, count in counts.items())))


def _size(row: Row) -> str:
    if row.done is None:
        return ""
    return f"{row.done / MEGA:,.0f} MB" + (f" of {row.total / MEGA:,.0f}" if row.total else "")


def _rate(row: Row) -> str:
    return "" if row.rate is None else f"{row.rate / MEGA:,.1f} MB/s"


def _left(row: Row) -> str:
    return "" if row.left is None else f"{row.left:,.0f} s"
