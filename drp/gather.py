"""The evidence of the last incident, from both hosts: journals to the byte, notes, and who did not know yet; or of a
drill, from the twin. With heads that backup servers keep of them."""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime

from drp.drills.record import job
from drp.drive import Hand, production, twin
from drp.evidence.document import Added, Book, Deciders, Evidence, of_incident, promises
from drp.evidence.drilled import Drilled, of_drills
from effects.clock import now
from estate.heads import parse
from estate.model import Estate, Host
from estate.problem import Problem
from supervision.asking import everywhere


def evidence(estate: Estate, *, disaster: datetime | None = None, added: Added | None = None) -> Evidence:
    """Of the last activation and the return from it. Production may be gone, or bare.

    Raises Missing where nothing was ever activated, Untrusted where a journal was changed, Unreachable without a twin.
    """
    made = _instant()
    with Hand(estate, twin(estate)) as away:
        books = [*_books(away), *_notes(away)]
        untold = _untold(away)
    with suppress(Problem), Hand(estate, production(estate)) as home:
        books += _books(home)
    kept = {name: text for name, text in heads(estate).items() if text}
    mine = of_incident(tuple(books), disaster=disaster)
    names = {book.job for book in mine}
    return Evidence(
        estate=estate.name,
        made=made,
        books=mine,
        deciders=Deciders.of(estate.drp),
        promised=promises(estate),
        disaster=disaster,
        untold=untold,
        kept={name: _only(text, names) for name, text in kept.items()},
        added=added or Added(),
    )


def drilled(estate: Estate, name: str = "") -> Drilled:
    """Of the drill of that name, else of the last, after those before it. Raises Missing, Untrusted, Unreachable."""
    made = _instant()
    with Hand(estate, twin(estate)) as away:
        books = tuple(Book(away.host.name, job(one), text) for one, text in away.ask("drill-books", name).items())
    return Drilled(
        estate=estate.name,
        made=made,
        drills=books,
        promised=promises(estate),
        kept=of_drills(heads(estate), {book.job for book in books}),
    )


def _instant() -> datetime:
    """Before anything is read: what is written after that may be missing, and nothing that was written before."""
    return now().replace(microsecond=0)


def heads(estate: Estate) -> dict[str, str]:
    """What each backup server keeps, asked of it directly; those that do not answer are left out."""
    return {name: found for name, found in asked(estate).items() if not isinstance(found, Problem)}


def asked(estate: Estate) -> dict[str, str | Problem]:
    """The same, with why one did not answer."""
    client = production(estate)
    servers = [estate.hosts[name] for name in dict.fromkeys(client.backup.values())]
    return everywhere(servers, lambda server: _heads(estate, server, client))


def _heads(estate: Estate, server: Host, client: Host) -> str:
    with Hand(estate, server) as hand:
        return str(hand.ask("heads", client.name)["heads"])


def _only(text: str, jobs: Collection[str]) -> str:
    return "".join(f"{line}\n" for line in text.splitlines() if any(head.job in jobs for head in parse(line)))


def _books(hand: Hand) -> list[Book]:
    """Every job's journal on that host."""
    names = [row["job"] for row in hand.ask("jobs")]
    return [Book(hand.host.name, name, hand.standing(name)[1]) for name in names]


def _notes(hand: Hand) -> list[Book]:
    with suppress(Problem):
        return [Book(hand.host.name, name, text) for name, text in hand.ask("notes").items()]
    return []


def _untold(hand: Hand) -> tuple[str, ...]:
    rows = [row for row in hand.ask("tickets") if row["told"] is None]
    return tuple(f"{row['key']} by {row['channel']}: {row['error'] or 'not tried yet'}" for row in rows)
