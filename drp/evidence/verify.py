"""Whether a report says what its evidence says, and whether that evidence holds: offline, with Seawall and ssh-keygen.

A chain of hashes shows that nothing within it was changed by itself; whoever has all of it could make another. What
can't be made anew are the orders, which people signed, and heads that are kept elsewhere: so both are compared.
The page itself is made again from the evidence, and must be the same to the byte.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

from drp.drills import page
from drp.drills.record import CLOSED
from drp.evidence import anchors, document, drilled
from drp.evidence.decided import checked
from drp.evidence.document import Book, Deciders, Evidence
from drp.evidence.drilled import Drilled
from drp.incident import FOLLOW, RETURN, WORDS, Run
from drp.notes import RESTORED
from drp.orders import LONGEST
from drp.page import OPENS
from drp.plan import PLAN
from drp.report import as_text, to_html
from effects.journal import Entry
from estate.heads import WORD, Head, parse
from estate.orders import lacking
from estate.problem import Problem

WRITTEN = "every entry is as Seawall writes it"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked. `fault` is None where it holds."""

    what: str
    fault: str | None = None
    known: bool = True  # False: nobody could tell, which is no fault


def verify(text: str, *, deciders: Deciders | None = None, kept: Mapping[str, str] | None = None) -> list[Finding]:
    """Every check of a page, or of the JSON that `seawall drp report --json` prints.

    `deciders`: as an estate that is trusted names them, beside those that the report names. `kept`: texts with heads,
    by where they come from. Raises BadEstate where there is no evidence in it.
    """
    if (drill := drilled.read(text)) is not None:
        return list(_once_whole(drill.drills, _of_drill(text, drill, kept or {})))
    evidence = document.read(text)
    return list(_once_whole(evidence.books, _of_incident(text, evidence, deciders, kept or {})))


def _of_incident(
    text: str, evidence: Evidence, deciders: Deciders | None, kept: Mapping[str, str]
) -> Iterator[Finding]:
    yield from _plans(evidence)
    yield from _orders(evidence, evidence.deciders, "the report's own keys")
    if deciders is not None:
        yield from _orders(evidence, deciders, "the estate's keys")
    noted = "\n".join(_noted(entry) for entry in evidence.notes if entry.event == RESTORED)
    places = _places(evidence.kept, kept) | ({"the twin's notes": noted} if noted else {})
    yield from _compared(evidence.made, evidence.books, places, lambda heads: _absent(evidence, heads))
    if OPENS in text:
        yield _shown(text, lambda: to_html(evidence), words)
    else:
        yield _shown(text, lambda: as_text(evidence), lambda shown: shown.split("\n"))


def _of_drill(text: str, drill: Drilled, kept: Mapping[str, str]) -> Iterator[Finding]:
    """Nobody ordered it, so what can't be made anew are the heads alone."""
    yield from (_outcome(book) for book in drill.drills)
    yield from _compared(drill.made, drill.drills, _places(drill.kept, kept), drill.absent)
    yield _shown(text, lambda: page.to_html(drill), words)


def _outcome(book: Book) -> Finding:
    last = book.entries[-1]
    planned = last.event == CLOSED and last.detail.get("plan") is not None
    fault = _seal(last.detail) if planned else None if last.event == CLOSED else "it did not come to its end"
    return Finding(f"journal {book.name}: the plan has the seal that is said", fault)


def _once_whole(books: Iterable[Book], rest: Iterator[Finding]) -> Iterator[Finding]:
    """What is wrong with the journals themselves; where nothing is, `rest`, which believes them."""
    found = list(map(_chain, books))
    yield from found
    if not found:
        yield Finding(WRITTEN, "there is no journal")
    elif all(one.fault is None for one in found):
        try:
            yield from rest
        except (AttributeError, LookupError, TypeError, ValueError) as fault:  # whole, and made by somebody else
            said, *_ = str(fault).splitlines() or [""]
            yield Finding(WRITTEN, f"an entry has not what it must have: {type(fault).__name__} {said}")


def _chain(book: Book) -> Finding:
    what = f"journal {book.name}: every entry is bound to the one before"
    try:
        entries = book.entries
    except Problem as fault:
        return Finding(what, fault.what)
    torn = "its last line is torn" if not book.text.endswith("\n") else None if entries else "it is empty"
    return Finding(f"{what}, {len(entries)} of them", torn)


def _plans(evidence: Evidence) -> Iterator[Finding]:
    for book, run in _jobs(evidence):
        for number, detail in enumerate((one.detail for one in book.entries if one.event == "opened"), 1):
            what = f"journal {book.name}: the plan has the seal {run.seal[:12]}"
            yield Finding(what if number == 1 else f"{what}, also when it was taken up again", _seal(detail))


def _jobs(evidence: Evidence) -> Iterator[tuple[Book, Run]]:
    for book in evidence.books:
        if not document.is_notes(book):
            yield book, Run.of(book.entries)


def _seal(detail: Mapping[str, Any]) -> str | None:
    """Of a return production's part names archives that were taken after the plan was ordered, with their streams: its
    seal is without."""
    plan = dict(detail["plan"])
    if detail.get("kind") in RETURN:
        plan["moves"] = [{**move, "archives": [], "tails": []} for move in plan["moves"]]
    try:
        seal = PLAN.validate_python(plan).seal
    except (ValueError, KeyError, TypeError):
        return "it can't be read as a plan"
    return None if seal == detail["seal"] else f"what it would do has the seal {seal[:12]}"


def _orders(evidence: Evidence, deciders: Deciders, whose: str) -> Iterator[Finding]:
    for book, run in _jobs(evidence):
        what = f"journal {book.name}: ordered by enough people, with {whose}"
        begun = [one for one in run.begins if one.signed is not None]
        if len(begun) < len(run.begins):
            yield Finding(what, "there is no order in it")
        for number, one in enumerate(begun):
            if number == 0 or one.signed != begun[number - 1].signed:
                yield Finding(what, _order(evidence, run, one.signed, one.ordered, deciders))


def _order(evidence: Evidence, run: Run, signed: Any, given: Any, deciders: Deciders) -> str | None:
    try:
        order = signed.order
    except Problem as fault:
        return fault.what
    aim = "return" if run.kind in RETURN else "cancel" if run.kind == "resume" else run.kind
    if (order.estate, order.aim, order.seal) != (evidence.estate, aim, run.seal):
        return f"it is the order to {order.aim} {order.seal[:12]} in {order.estate}"
    good, bad = checked(deciders, signed)
    if bad:
        return f"not by a key of theirs on this order: {', '.join(bad)}"
    if order.until - order.at > LONGEST or (run.kind not in FOLLOW and given >= order.until):
        return f"it was valid until {order.until.isoformat()}, and was given at {given.isoformat()}"
    return lacking(deciders, order, good)


def _places(own: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """What the report has of them, and what the reader has."""
    return {**{f"{name} (as the report has it)": text for name, text in own.items()}, **kept}


def _compared(
    made: datetime,
    books: Sequence[Book],
    kept: Mapping[str, str],
    absent: Callable[[Sequence[Head]], set[str]],
) -> Iterator[Finding]:
    anchored = set[str]()
    for place, text in kept.items():
        heads = parse(text)
        if not heads:
            yield Finding(f"heads kept by {place}", "there is none in it")
        for book in books:
            if mine := [head for head in heads if (head.host, head.job) == (book.host, book.job)]:
                anchored.add(book.name)
                yield _held(made.isoformat(), book, place, mine)
        for name in sorted(absent(heads)):
            yield Finding(f"journal {name}, of which {place} keeps heads", "it is not in the report")
    for book in books if kept else ():
        if book.name not in anchored:
            yield Finding(f"journal {book.name}: nobody who was asked keeps a head of it", known=False)


def _held(made: str, book: Book, place: str, heads: Sequence[Head]) -> Finding:
    """A journal goes on after the page was made: a head of then is of entries that it can't have."""
    later = [head for head in heads if head.taken > made and head.entries > len(book.entries)]
    faults = (anchors.contradiction(head, book.entries) for head in heads if head not in later)
    more = f", {len(later)} of them of later than the page ({made})" if later else ""
    return Finding(f"journal {book.name}: {len(heads)} heads kept by {place}{more}", next(filter(None, faults), None))


def _noted(entry: Entry) -> str:
    detail = entry.detail
    return f"{WORD} {detail.get('host')} {detail.get('job')} {detail.get('entries')} {detail.get('head')}"


def _absent(evidence: Evidence, heads: Sequence[Head]) -> set[str]:
    """Jobs of an incident that were under way from its first order until the report was made."""
    here = {(book.host, book.job) for book in evidence.books}
    start, end = min(run.ordered for run in evidence.runs).isoformat(), evidence.made.isoformat()
    during = [head for head in heads if start <= head.taken <= end and head.job.partition("-")[0] in WORDS]
    return {f"{head.host}:{head.job}" for head in during if (head.host, head.job) not in here}


def _shown(text: str, make: Callable[[], str], pieces: Callable[[str], Sequence[str]]) -> Finding:
    """The page is made from the evidence alone: made again it is the same."""
    what = "all that is shown is what the journals say"
    try:
        made = make()
    except Problem as fault:
        return Finding(what, fault.what)
    return Finding(what, None if made == text else _difference(pieces(text), pieces(made)))


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.append(data.strip())


def words(page: str) -> list[str]:
    """What a person reads on it, piece by piece."""
    reader = _Words()
    reader.feed(page.partition(OPENS)[0])
    return reader.found


def _difference(shown: Sequence[str], meant: Sequence[str]) -> str:
    for tag, a, b, c, d in difflib.SequenceMatcher(None, shown, meant, autojunk=False).get_opcodes():
        if tag != "equal":
            return f"it shows {_cut(shown[a:b])} where its journals say {_cut(meant[c:d])}"
    return "it is another page behind what one reads; made by another version of Seawall, or changed"


def _cut(found: Iterable[str]) -> str:
    said = " ".join(found) or "nothing"
    return f"“{said[:80]}”"


def holds(found: Sequence[Finding]) -> bool:
    """Whether there was something to check, and all of it holds."""
    return bool(found) and all(one.fault is None for one in found)
