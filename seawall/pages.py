"""Reports, written where somebody said: as a page, and for printing."""

from collections.abc import Callable
from pathlib import Path

import click

from drp.evidence import pdf as on_paper

OUT = click.Path(path_type=Path, dir_okay=False)


def write(make: Callable[..., str], html: Path | None, pdf: Path | None) -> None:
    """Both, where they are wanted, with the directories that they need. Raises Missing without what prints.

    `make`: the page; with `paper=True` as it is printed.
    """
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(make(), encoding="utf-8")
        click.echo(f"written: {html}", err=True)
    if pdf is not None:
        pdf.parent.mkdir(parents=True, exist_ok=True)
        on_paper.write(make(paper=True), pdf)
        click.echo(f"written: {pdf}", err=True)
