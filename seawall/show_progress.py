"""How far archives are, for a person at a terminal: rate, and time left where one of before says how much it is."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from backups import memory
from backups.progress import Seen
from backups.take import Report, Watch, unwatched
from estate.model import Side
from estate.points import Kind


@contextmanager
def shown() -> Iterator[tuple[Report, Watch]]:
    """How to say a line, and how to watch an archive on its way to a side. Where nobody looks, lines alone."""
    if not sys.stderr.isatty():
        yield (lambda line: click.echo(f"  {line}", err=True)), unwatched
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield (lambda line: bars.console.print(f"  {line}", markup=False)), _watching(bars)


def _watching(bars: Progress) -> Callable[[Kind, Side], Seen]:
    def watch(kind: Kind, side: Side) -> Seen:
        task = bars.add_task(f"{kind}, {side}", total=memory.known(kind).size or None)
        return lambda done, _files: bars.update(task, completed=done)

    return watch
