"""What a report says first, for a terminal: the verdict, each site's figures, what was not as it should have been."""

from collections.abc import Iterator

import click

from drp.page import Page, Table

ABSENT = ("–", "")


def show(page: Page) -> None:
    """In lines: nothing of it is cut, whatever the terminal."""
    tables = {table.title: table for table in page.tables}
    click.echo(page.title)
    click.echo("✓ all of it holds" if page.ok else "✗ not all of it holds")
    for line in (*page.summary, "Sites:", *_figures(tables["Sites"]), "Deviations:", *_rows(tables["Deviations"])):
        click.echo(line)
    click.echo("with its timeline and its evidence: seawall drp report --html FILE; --pdf, --json")


def _figures(table: Table) -> Iterator[str]:
    for first, *rest in table.rows:
        said = [f"{column} {cell}" for column, cell in zip(table.columns[1:], rest, strict=True) if cell not in ABSENT]
        yield f"  {first}: {', '.join(said)}"


def _rows(table: Table) -> Iterator[str]:
    for row in table.rows:
        yield f"  {': '.join(cell for cell in row if cell not in ABSENT)}"
