"""The evidence of an incident, for machines and for people."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from drp.incident import WORDS, Incident, Run
from drp.orders import Signed, signers
from drp.page import Page, Table, render
from drp.timeline import FAILED, lasting
from estate.model import Drp
from estate.orders import Order
from estate.problem import Untrusted


def to_json(incident: Incident) -> dict[str, Any]:
    """JSON types only; times in ISO 8601, durations in seconds."""
    return {
        "ok": incident.ok,
        "disaster": incident.disaster.isoformat(),
        "vhosts": {
            one.domain: {
                "recovery_point": one.recovery_point and one.recovery_point.isoformat(),
                "rpo_seconds": _seconds(one.rpo),
                "rpo_databases_seconds": _seconds(one.databases),
                "rto_seconds": _seconds(one.rto),
                "return_seconds": _seconds(one.away),
            }
            for one in incident.outages
        },
        "runs": [_run_as_json(run) for run in incident.runs],
    }


def to_html(incident: Incident, *, extra: Sequence[Table] = ()) -> str:
    """The page; `extra` tables come after the vhosts."""
    return render(page(incident, extra))


def page(incident: Incident, extra: Sequence[Table] = ()) -> Page:
    """What the page says, for those who add to it."""
    first = incident.runs[0]
    return Page(
        title=incident.title,
        ok=incident.ok,
        summary=[f"Ordered by {first.by} at {_clock(first.ordered)} as plan {first.seal[:12]}."],
        spans=incident.spans,
        marks=incident.marks,
        tables=[vhosts(incident), *extra, decisions(incident), *_failures(incident), steps(incident), heads(incident)],
    )


def vhosts(incident: Incident) -> Table:
    """A row per vhost."""
    rows = [
        (
            one.domain,
            _clock(one.recovery_point) if one.recovery_point else "none",
            _lasting(one.rpo),
            _lasting(one.databases),
            _lasting(one.rto),
            _lasting(one.away),
        )
        for one in incident.outages
    ]
    return Table(
        "Sites",
        ("site", "recovery point", "RPO", "RPO of databases", "RTO", "away on return"),
        rows,
        note="RPO: work lost at most, from the recovery point to the disaster; of databases, from where the replica or "
        "the stream had brought them. RTO: from the order until every "
        "name server that answers was proven. Away on return: 503 with Retry-After, until DNS was proven again.",
        right=("RPO", "RPO of databases", "RTO", "away on return"),
    )


def decisions(incident: Incident) -> Table:
    """A row per order."""
    rows = [
        (_clock(run.ordered), run.by, WORDS.get(run.kind, run.kind), run.host, run.seal[:12], _verdict(run))
        for run in incident.runs
    ]
    return Table("Decisions", ("ordered", "by", "what", "carried out on", "plan", "end"), rows)


def orders(incident: Incident, drp: Drp) -> Table:
    """A row per order, its signatures checked against the keys of the estate, here and now."""
    known = {run.signed.text: run.signed for run in incident.runs if run.signed is not None}
    rows = [_order(drp, one, one.order) for one in known.values()]
    columns = ("at", "to", "asked by", "signed by", "valid until", "glass broken", "plan")
    note = "Checked with ssh-keygen against [drp.approvers] of the estate. Each stands in its journal, signatures too."
    return Table("Orders", columns, rows, note=note)


def _order(drp: Drp, signed: Signed, o: Order) -> tuple[str, ...]:
    names = _signed_by(drp, signed)
    return (_clock(o.at), WORDS.get(o.aim, o.aim), o.by, names, _clock(o.until), o.reason or "–", o.seal[:12])


def _signed_by(drp: Drp, signed: Signed) -> str:
    try:
        return ", ".join(signers(drp, signed))
    except Untrusted as fault:
        return f"NOT PROVEN: {fault.what}"


def steps(incident: Incident) -> Table:
    """A row per step, in the order of the journals."""
    rows = [
        (run.host, act.step, act.subject, _clock(act.start), f"{act.seconds:.2f}", act.outcome, act.said)
        for run in incident.runs
        for act in run.acts
    ]
    return Table("Steps", ("host", "step", "of", "began", "seconds", "end", "evidence"), rows, right=("seconds",))


def heads(incident: Incident) -> Table:
    """A row per journal: what anchors the evidence."""
    rows = [(run.host, WORDS.get(run.kind, run.kind), run.head) for run in incident.runs]
    note = "SHA-256 over the last entry and, through it, over all before. Whoever kept a head can prove a journal."
    return Table("Journals", ("host", "of", "head"), rows, note=note)


def _failures(incident: Incident) -> list[Table]:
    failed = [(run, act) for run in incident.runs for act in run.acts if act.outcome == FAILED]
    rows = [(run.host, f"{act.step} {act.subject}", _clock(act.end), act.said) for run, act in failed]
    return [Table("Failures", ("host", "step", "at", "error"), rows)] if rows else []


def _run_as_json(run: Run) -> dict[str, Any]:
    return {
        "kind": run.kind,
        "host": run.host,
        "by": run.by,
        "ordered": run.ordered.isoformat(),
        "closed": run.closed and run.closed.isoformat(),
        "ok": run.ok,
        "seal": run.seal,
        "head": run.head,
        "steps": [
            {"step": a.step, "subject": a.subject, "seconds": a.seconds, "outcome": a.outcome, "said": a.said}
            for a in run.acts
        ],
    }


def _verdict(run: Run) -> str:
    return "not over" if run.closed is None else "all of it holds" if run.ok else "not all of it holds"


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _lasting(span: timedelta | None) -> str:
    return "–" if span is None else lasting(span.total_seconds())


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 3)
