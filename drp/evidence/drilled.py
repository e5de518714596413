"""The evidence of a drill, that its page is made of and carries along: its journal, and those that the trend shows.

As with an incident, the page is a function of it and of nothing else (`drp.evidence.verify`), and it holds no secret.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from drp.drills import record
from drp.drills.record import Drill
from drp.evidence.document import FORMAT, Book, embedded, version
from estate.heads import Head, parse
from estate.problem import Missing
from estate.promise import Promise


@dataclass(frozen=True, slots=True)
class Drilled:
    """One drill, and those before it."""

    estate: str
    made: datetime
    drills: tuple[Book, ...]  # oldest first; the last is the one that the page is about
    promised: Mapping[str, Promise] = field(default_factory=dict)  # by domain
    kept: Mapping[str, str] = field(default_factory=dict)  # heads by where they are kept: drp/evidence/anchors.py
    version: str = field(default_factory=version)  # of the Seawall that made it
    format: int = FORMAT

    @property
    def known(self) -> tuple[Drill, ...]:
        """What came of each. Raises Untrusted where a chain is broken, Missing where one has not come to its end."""
        return tuple(map(_ended, self.drills))

    def absent(self, heads: Sequence[Head]) -> set[str]:
        """Of those heads, drills that must be on the page, between its first and its last, and are not."""
        here = {book.job for book in self.drills}
        within = (head for head in heads if min(here) <= head.job <= max(here))
        return {f"{head.host}:{head.job}" for head in within if head.job not in here}


DRILLED = TypeAdapter(Drilled)


def _ended(book: Book) -> Drill:
    if (found := record.of(book.entries)) is None:
        raise Missing(f"{book.name} has not come to its end", hint="leave it out: it was interrupted")
    return found


def of_drills(kept: Mapping[str, str], jobs: set[str]) -> dict[str, str]:
    """Of all heads that somebody keeps, those of drills from the first of these to the last."""
    mine = {
        place: [line for line in text.splitlines() if any(min(jobs) <= head.job <= max(jobs) for head in parse(line))]
        for place, text in kept.items()
    }
    return {place: "".join(f"{line}\n" for line in lines) for place, lines in mine.items() if lines}


def dump(evidence: Drilled) -> str:
    """As JSON that may stand in a page."""
    return DRILLED.dump_json(evidence).decode().replace("<", "\\u003c")


def read(text: str) -> Drilled | None:
    """Out of a page; None where it is of something else."""
    try:
        return DRILLED.validate_json(embedded(text))
    except ValidationError:
        return None
