"""Which journals a report is made of, and who keeps their heads."""

from collections.abc import Mapping, Sequence

from drp.evidence import anchors
from drp.evidence.document import Book
from drp.page import Table

NOTE = (
    "Head: SHA-256 over the last entry and, through it, over all before. Where it is kept outside of the host that "
    "wrote the journal, nobody can take entries away unseen: seawall drp report --verify compares."
)


def heads(books: Sequence[Book], kept: Mapping[str, str]) -> Table:
    """A row per journal: what anchors the evidence."""
    rows = []
    for book in books:
        entries, where = book.entries, anchors.where(kept, book.host, book.job)
        head = entries[-1].digest if entries else ""
        rows.append((book.host, book.job, str(len(entries)), head, where or "nowhere yet, as far as was asked"))
    return Table("Journals", ("host", "journal", "entries", "head", "kept"), rows, note=NOTE)
