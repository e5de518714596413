"""The evidence of the last incident, from both hosts: journals to the byte, notes, and who did not know yet."""

from contextlib import suppress
from datetime import datetime

from drp.drive import Hand, production, twin
from drp.evidence.document import Added, Book, Deciders, Evidence, of_incident, promises
from effects.clock import now
from estate.model import Estate
from estate.problem import Problem


def evidence(estate: Estate, *, disaster: datetime | None = None, added: Added | None = None) -> Evidence:
    """Of the last activation and the return from it. Production may be gone, or bare.

    Raises Missing where nothing was ever activated, Untrusted where a journal was changed, Unreachable without a twin.
    """
    with Hand(estate, twin(estate)) as away:
        books = [*_books(away), *_notes(away)]
        untold = _untold(away)
    with suppress(Problem), Hand(estate, production(estate)) as home:
        books += _books(home)
    return Evidence(
        estate=estate.name,
        made=now().replace(microsecond=0),
        books=of_incident(tuple(books), disaster=disaster),
        deciders=Deciders.of(estate.drp),
        promised=promises(estate),
        disaster=disaster,
        untold=untold,
        added=added or Added(),
    )


def _books(hand: Hand) -> list[Book]:
    """Every job's journal on that host."""
    names = [row["job"] for row in hand.ask("jobs")]
    return [Book(hand.host.name, name, hand.ask("journal", name)["text"]) for name in names]


def _notes(hand: Hand) -> list[Book]:
    with suppress(Problem):
        return [Book(hand.host.name, name, text) for name, text in hand.ask("notes").items()]
    return []


def _untold(hand: Hand) -> tuple[str, ...]:
    rows = [row for row in hand.ask("tickets") if row["told"] is None]
    return tuple(f"{row['key']} by {row['channel']}: {row['error'] or 'not tried yet'}" for row in rows)
