"""One self-contained HTML page that says how something went: a verdict, a timeline, tables. Nothing is loaded."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from drp.paper import printed, sheets
from drp.timeline import Mark, Span, svg
from effects.clock import now
from templates import render as fill

OPENS = '<script type="application/json" id="evidence">'  # what follows is data, and is never run
FOLD = 60  # rows of a table that is folded where it is longer


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
    trends: Sequence[str] = ()  # SVG, shown after the first table
    evidence: str = ""  # JSON that the page can be made from
    made: datetime | None = None  # None: now


def render(page: Page, *, paper: bool = False) -> str:
    """The page as HTML, complete. On `paper` nothing is folded, and the picture has colours of its own."""
    return fill(
        "report.html.j2",
        page=page,
        picture=sheets(page.spans, page.marks) if paper else svg(page.spans, page.marks),
        trends=[printed(one) if paper else one for one in page.trends],
        made=(page.made or now()).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        opens=OPENS,
        paper=paper,
        digest=hashlib.sha256(page.evidence.encode()).hexdigest() if page.evidence else "",
        fold=None if paper else FOLD,
    )
