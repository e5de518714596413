"""The evidence that a report is made of, and that it carries with it.

A page is a function of this document and of nothing else, so whoever has the page can make it again and compare
(`drp.evidence.verify`). It holds no secret: journals, signatures and public keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import metadata

from pydantic import TypeAdapter, ValidationError

from drp.incident import Incident, Run
from drp.page import OPENS, Table
from drp.timeline import Mark, Span
from effects.journal import Entry, parse
from estate.model import Drp, Estate
from estate.problem import BadEstate
from estate.promise import Promise

FORMAT = 1
NOTES = "notes"  # what the twin noted before anything was ordered: drp/notes.py


@dataclass(frozen=True, slots=True)
class Book:
    """One journal, as it stands in its file."""

    host: str
    job: str
    text: str

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.host}:{self.job}"

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Raises Untrusted where the chain is broken."""
        return parse(self.text, name=self.name)


@dataclass(frozen=True, slots=True)
class Deciders:
    """Who could order it, as the estate said when the report was made."""

    approvers: Mapping[str, tuple[str, ...]]  # public keys
    approvals: int
    owner: str | None

    @classmethod
    def of(cls, drp: Drp) -> "Deciders":
        """From an estate."""
        return cls(dict(drp.approvers), drp.approvals, drp.owner)


@dataclass(frozen=True, slots=True)
class Added:
    """What whoever made the page knows from elsewhere: it stands in no journal, and the page says so."""

    summary: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    spans: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()


def version() -> str:
    """Of this Seawall."""
    try:
        return metadata.version("seawall")
    except metadata.PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of one incident."""

    estate: str
    made: datetime
    books: tuple[Book, ...]  # one for each job, and the twin's notes
    deciders: Deciders
    promised: Mapping[str, Promise] = field(default_factory=dict)  # by domain
    disaster: datetime | None = None  # as somebody said
    untold: tuple[str, ...] = ()  # people who did not know yet
    kept: Mapping[str, str] = field(default_factory=dict)  # heads by where they are kept: drp/evidence/anchors.py
    added: Added = field(default_factory=Added)
    version: str = field(default_factory=version)  # of the Seawall that made it
    format: int = FORMAT

    @property
    def runs(self) -> tuple[Run, ...]:
        """One for each job. Raises Untrusted."""
        read = [book.entries for book in self.books if not is_notes(book)]
        return tuple(Run.of(entries) for entries in read if entries)

    @property
    def incident(self) -> Incident:
        """Raises Untrusted where a chain is broken, Missing where there is no job."""
        read = [book.entries for book in self.books if not is_notes(book)]
        return Incident.from_journals(read, disaster=self.disaster)

    @property
    def notes(self) -> tuple[Entry, ...]:
        """What was looked at, planned and drafted, oldest first."""
        found = [entry for book in self.books if is_notes(book) for entry in book.entries]
        return tuple(sorted(found, key=lambda entry: entry.at))


EVIDENCE = TypeAdapter(Evidence)


def is_notes(book: Book) -> bool:
    """Whether it is of no job."""
    return book.job.startswith(f"{NOTES}-")


def promises(estate: Estate) -> dict[str, Promise]:
    """By domain; of those that were promised anything."""
    found = {vhost.domain: estate.promised(vhost) for vhost in estate.vhosts.values()}
    return {domain: promise for domain, promise in found.items() if promise != Promise()}


def of_incident(books: tuple[Book, ...], *, disaster: datetime | None) -> tuple[Book, ...]:
    """Of all books of some hosts those of the last incident, with what was noted in the day before it.

    Raises Untrusted and Missing as `Incident.from_journals`.
    """
    jobs = [book for book in books if not is_notes(book) and book.text]
    runs = Incident.from_journals([book.entries for book in jobs]).runs
    heads = {run.head for run in runs}
    start = min(disaster or runs[0].ordered, runs[0].ordered) - timedelta(days=1)
    end = max(run.last or run.ordered for run in runs)
    mine = [book for book in jobs if book.entries[-1].digest in heads]
    noted = [book for book in books if is_notes(book) and any(start <= one.at <= end for one in book.entries)]
    return tuple(mine + noted)


def dump(evidence: Evidence) -> str:
    """As JSON that may stand in a page."""
    return EVIDENCE.dump_json(evidence).decode().replace("<", "\\u003c")


def embedded(page: str) -> str:
    """The JSON that a page carries along; nothing where it carries none."""
    return page.partition(OPENS)[2].partition("</script>")[0]


def read(text: str) -> Evidence:
    """Out of a page, or out of JSON as `seawall drp report --json` prints it. Raises BadEstate where there is none."""
    try:
        if OPENS in text:
            return EVIDENCE.validate_json(embedded(text))
        return _DOCUMENT.validate_json(text).evidence
    except ValidationError:
        raise BadEstate(
            "this is no report that can be checked", hint="take a file that seawall drp report wrote, as it was written"
        ) from None


@dataclass(frozen=True, slots=True)
class _Document:
    """What is printed as JSON, without its figures."""

    evidence: Evidence


_DOCUMENT = TypeAdapter(_Document)
