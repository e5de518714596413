"""The page of a drill: each vhost, the trend of its figures, where the time went, how it differs, its evidence."""

from collections.abc import Iterator
from datetime import timedelta

from backups.proof.orders import ANSWER, FETCH, WEB
from drp.drills.judge import OF_ENGINE, Outcome
from drp.drills.record import Drill
from drp.drills.trends import trends
from drp.evidence import clauses, drilled
from drp.evidence.drilled import Drilled
from drp.evidence.heads import heads
from drp.evidence.words import clock
from drp.page import Page, Table, render
from drp.timeline import FAILED, Span, lasting
from estate.promise import Promise

PHASES = (FETCH, *OF_ENGINE, WEB, ANSWER)  # in the order of an activation
FIGURES = ("RPO", "RPO promised", "RTO", "RTO promised", "planned")


def to_html(evidence: Drilled, *, paper: bool = False) -> str:
    """The same evidence makes the same page, to the byte. Raises Untrusted where a chain is broken."""
    return render(page(evidence), paper=paper)


def page(evidence: Drilled) -> Page:
    """About the newest of its drills; the others are the trend."""
    known = evidence.known
    drill = known[-1]
    tables = (
        _sites(drill, evidence),
        _phases(drill),
        Table("Deviations", ("what", "of", "in words"), list(_deviations(drill, evidence)) or [("none", "", "")]),
        Table("How it differs from an activation", ("in words",), [(line,) for line in drill.differs]),
        Table("DNS that would have been switched", ("record",), [(line,) for line in drill.dns]),
        Table("Tickets that would have been sent", ("text",), [(text.strip(),) for text in drill.tickets]),
        heads(evidence.drills, evidence.kept),
        clauses.of_drill(),
    )
    return Page(
        title=f"Drill of {drill.client} on {drill.host}, {clock(drill.at)} UTC",
        ok=drill.ok,
        summary=(*_said(drill), f"The trend is of the last {len(known)} drills."),
        spans=_spans(drill),
        tables=[one for one in tables if one.rows],
        trends=[picture for _, picture in trends(known)],
        evidence=drilled.dump(evidence),
        made=evidence.made,
    )


def _said(drill: Drill) -> Iterator[str]:
    if drill.ok:
        yield "Every vhost came back."
    else:
        yield f"Not everything came back: {', '.join(drill.failed or drill.faults)}."
    yield f"It took {lasting(drill.seconds)}, with what only a proof does."
    if drill.seal:
        yield f"The plan would have had the seal {drill.seal[:12]}."
    if drill.closed is None:
        yield "The proof room was never entered."
        return
    yield (
        f"The proof room had {', '.join(drill.closed.interfaces)}; {drill.closed.sent} bytes left it, and "
        f"{drill.closed.refused} packets wanted to and had nowhere to go."
    )


def _spans(drill: Drill) -> tuple[Span, ...]:
    moments = sorted(drill.moments, key=lambda one: one.begun)
    return tuple(
        Span(one.subject or drill.client, one.phase, one.begun, one.begun + timedelta(seconds=one.seconds), one.phase)
        for one in moments
    )


def _sites(drill: Drill, evidence: Drilled) -> Table:
    rows = [
        (
            one.domain,
            "came back" if one.ok else "; ".join(one.faults),
            *_figures(one, evidence.promised.get(one.domain, Promise())),
            one.answer or "–",
            "\n".join(one.archives),
        )
        for one in drill.vhosts
    ]
    note = (
        "RPO: work that would have been lost when the drill began. RTO: what an activation does too, up to the first "
        "good answer. Planned: what the plan said, all vhosts before it included."
    )
    return Table("Sites", ("site", "outcome", *FIGURES, "answered", "from"), rows, note=note, right=FIGURES)


def _figures(one: Outcome, promise: Promise) -> tuple[str, ...]:
    most = [None if span is None else span.total_seconds() for span in (promise.rpo, promise.rto)]
    return tuple(
        "–" if value is None else lasting(value) for value in (one.rpo, most[0], one.rto, most[1], one.estimate)
    )


def _phases(drill: Drill) -> Table:
    took = {phase for one in drill.vhosts for phase in one.phases}
    columns = tuple(phase for phase in PHASES if phase in took)
    rows = [
        (one.domain, *(lasting(one.phases[phase]) if phase in one.phases else "–" for phase in columns))
        for one in drill.vhosts
        if one.phases
    ]
    note = (
        "For a site and those before it; it adds up to its RTO. bytes, copy, room and tables, in the picture, are what "
        "only a proof does."
    )
    return Table("Where the time went", ("site", *columns), rows, note=note, right=columns)


def _deviations(drill: Drill, evidence: Drilled) -> Iterator[tuple[str, str, str]]:
    for fault in drill.faults:
        yield FAILED, drill.client, fault
    for line in drill.silent:
        yield "did not answer", "the plan", line
    for one in drill.vhosts:
        for fault in one.faults:
            yield FAILED, one.domain, fault
        yield from _broken(one, evidence.promised.get(one.domain, Promise()))


def _broken(one: Outcome, promise: Promise) -> Iterator[tuple[str, str, str]]:
    if one.rto is not None and promise.rto is not None and one.rto > promise.rto.total_seconds():
        yield "later than promised", one.domain, f"RTO {lasting(one.rto)}; promised {_long(promise.rto)}"
    elif one.rto is not None and one.rto > one.estimate:
        yield (
            "slower than the plan said",
            one.domain,
            f"RTO {lasting(one.rto)}; by the plan about {lasting(one.estimate)}",
        )
    if one.rpo is not None and promise.rpo is not None and one.rpo > promise.rpo.total_seconds():
        yield "lost more than promised", one.domain, f"RPO {lasting(one.rpo)}; promised {_long(promise.rpo)}"


def _long(span: timedelta) -> str:
    return lasting(span.total_seconds())
