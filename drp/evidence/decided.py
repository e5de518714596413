"""Who decided what when: every instant of it that was recorded, and nothing in between."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from drp.evidence.document import Deciders, Evidence
from drp.evidence.words import clock
from drp.incident import WORDS, Begin, Incident, Run
from drp.job import id_of
from drp.notes import DRAFTED, LOOKED, ORPHANS, PLANNED, RESTORED
from drp.orders import NAMESPACE, Signed
from drp.page import Table
from effects import signatures
from effects.journal import Entry
from estate.orders import lacking
from estate.problem import BadEstate

Row = tuple[datetime, str, str]


def timeline(evidence: Evidence, incident: Incident) -> Table:
    """A row for each instant, oldest first."""
    rows = [*_noted(evidence.notes, incident), *(row for run in incident.runs for row in _of_run(run))]
    if evidence.disaster is not None:
        rows.append((evidence.disaster, f"{incident.runs[0].plan['source']} was lost", "as somebody said"))
    drains = [act.drained for run in incident.runs for act in run.acts if act.drained]
    rows += [
        (at, "drained", "no resolver may give the old addresses of the last vhost") for at in drains and [max(drains)]
    ]
    note = (
        "Looks and plans are those that the twin noted. A signature carries no instant of its own: it was made between "
        "the drafting of its order and the instant at which that was given."
    )
    shown = [(clock(at), what, said) for at, what, said in sorted(rows, key=lambda row: row[0])]
    return Table("Decisions", ("at", "what", "by whom, and how that is known"), shown, note=note)


def _noted(notes: Sequence[Entry], incident: Incident) -> Iterator[Row]:
    end = max(run.last or run.ordered for run in incident.runs)
    seals = {run.seal for run in incident.runs}
    jobs = {id_of(run.kind, run.seal) for run in incident.runs}
    given = set(_given(incident))
    for entry in (one for one in notes if one.at <= end or one.event == ORPHANS):
        detail = entry.detail
        if entry.event == LOOKED:
            yield entry.at, "looked", _verdict(detail.get("hosts"))
        if entry.event == PLANNED and detail.get("seal") in seals:
            yield entry.at, f"plan {str(detail['seal'])[:12]} was shown", "noted by the twin"
        if entry.event == DRAFTED and detail.get("seal") in seals:
            by = str(detail.get("by"))
            never = "" if (detail.get("seal"), by) in given else "; none that they asked for was ever given"
            yield entry.at, f"an order of it was drafted for {by}", f"noted by the twin{never}"
        if entry.event == RESTORED:
            yield entry.at, f"{detail.get('host')} is restored", f"its journal then: {str(detail.get('head'))[:16]}…"
        if entry.event == ORPHANS and detail.get("job") in jobs:  # listed when the return is over
            yield entry.at, f"what {detail.get('host')} wrote alone was listed", str(detail.get("said"))


def _given(incident: Incident) -> Iterator[tuple[str, str]]:
    """Seals of plans, and who asked for an order that was given."""
    for signed in (one.signed for run in incident.runs for one in run.begins):
        with suppress(BadEstate):
            if signed is not None:
                yield signed.order.seal, signed.order.by


def _verdict(hosts: object) -> str:
    if not isinstance(hosts, Mapping):
        return ""
    bad = [f"{name}: {state}" for name, state in hosts.items() if state != "answers"]
    return "; ".join(bad) or "every host answers"


def _of_run(run: Run) -> Iterator[Row]:
    what = WORDS.get(run.kind, run.kind)
    for number, one in enumerate(run.begins):
        again = "taken up again" if number else "begun"
        if one.signed is not None and not _earlier(one, run.begins[:number]):
            yield from _ordered(one, what)
        yield one.at, f"{what}: {again} on {run.host}", f"by {one.by}"
    if run.closed is not None:
        yield run.closed, f"{what}: {verdict(run)}", f"journal of {run.host}"


def _earlier(one: Begin, before: Sequence[Begin]) -> bool:
    return any(other.signed == one.signed for other in before)


def _ordered(one: Begin, what: str) -> Iterator[Row]:
    assert one.signed is not None
    try:
        order = one.signed.order
    except BadEstate:
        return
    glass = f", BREAKING THE GLASS: {order.reason}" if order.reason else ""
    yield order.at, f"{what}: order drafted", f"{order.by}, of the plan {order.seal[:12]}{glass}"
    signed = ", ".join(sorted(one.signed.signatures)) or "nobody"
    yield one.ordered, f"{what}: order given", f"signed by {signed}, between {clock(order.at)} and then"


def verdict(run: Run) -> str:
    """How it ended."""
    return "not over" if run.closed is None else "all of it holds" if run.ok else "not all of it holds"


def orders(evidence: Evidence, incident: Incident) -> Table:
    """A row for each order, its signatures checked against the keys of the estate, here and now."""
    known = {one.signed.text: one.signed for run in incident.runs for one in run.begins if one.signed is not None}
    rows = [_order(evidence.deciders, one) for one in known.values()]
    columns = ("at", "to", "asked by", "signed by", "valid until", "glass broken", "plan")
    note = (
        f"Checked with ssh-keygen against [drp.approvers] of the estate, which demands {evidence.deciders.approvals}"
        + (f", {evidence.deciders.owner} among them" if evidence.deciders.owner else "")
        + ". Each order stands in its journal, signatures too."
    )
    return Table("Orders", columns, rows, note=note)


def _order(deciders: Deciders, signed: Signed) -> tuple[str, ...]:
    try:
        o = signed.order
    except BadEstate as fault:
        return ("", "", "", f"NOT PROVEN: {fault.what}", "", "", "")
    good, bad = checked(deciders, signed)
    said = ", ".join([*good, *(f"NOT PROVEN: {name}" for name in bad)])
    missing = lacking(deciders, o, good)
    said = f"{said}\nNOT ENOUGH: {missing}" if missing else said
    return (clock(o.at), WORDS.get(o.aim, o.aim), o.by, said, clock(o.until), o.reason or "–", o.seal[:12])


def checked(deciders: Deciders, signed: Signed) -> tuple[list[str], list[str]]:
    """Whose signatures are by a key of theirs on exactly that text, and whose are not."""
    good, bad = list[str](), list[str]()
    for name, signature in signed.signatures.items():
        keys = deciders.approvers.get(name, ())
        (good if keys and signatures.valid(signed.text, signature, keys, NAMESPACE) else bad).append(name)
    return good, bad
