"""One self-contained HTML page that says how something went: a verdict, a timeline, tables. Nothing is loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drp.timeline import Mark, Span, svg
from effects.clock import now
from templates import render as fill


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a heading. Cells that are numbers in all rows may be named in `right` by column."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""  # a sentence below it
    right: Sequence[str] = ()  # columns that are set to the right


@dataclass(frozen=True, slots=True)
class Page:
    """What stands on the page, in this order."""

    title: str
    ok: bool
    summary: Sequence[str]  # sentences
    spans: Sequence[Span] = ()
    marks: Sequence[Mark] = ()
    figures: Mapping[str, str] = field(default_factory=dict)  # a few large ones: name to value
    tables: Sequence[Table] = ()


def render(page: Page) -> str:
    """The page as HTML, complete."""
    return fill(
        "report.html.j2",
        page=page,
        picture=svg(page.spans, page.marks),
        made=now().strftime("%Y-%m-%d %H:%M:%S"),
    )
