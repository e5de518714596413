"""The evidence of an incident, for machines and for people."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from drp.evidence import document
from drp.evidence.clauses import clauses
from drp.evidence.decided import orders, timeline, verdict
from drp.evidence.deviations import deviations
from drp.evidence.document import EVIDENCE, Evidence
from drp.evidence.heads import heads
from drp.evidence.promised import Kept, promised
from drp.evidence.split import OTHER, PARTS, Split, splits
from drp.evidence.switched import switched
from drp.evidence.words import clock, long, seconds
from drp.incident import WORDS, Incident, Run
from drp.page import Page, Table, render

UNKNOWN = "not known"
ADDED = "Measured by whoever made this page; it stands in no journal."


def to_json(evidence: Evidence) -> dict[str, Any]:
    """The figures, and the evidence that they come from."""
    digest = hashlib.sha256(document.dump(evidence).encode()).hexdigest()
    return {**figures(evidence), "evidence": EVIDENCE.dump_python(evidence, mode="json"), "evidence_sha256": digest}


def as_text(evidence: Evidence) -> str:
    """As `seawall drp report --json` prints it: the same evidence makes the same text, to the byte."""
    return json.dumps(to_json(evidence), indent=2, sort_keys=True) + "\n"


def figures(evidence: Evidence) -> dict[str, Any]:
    """JSON types only; times in ISO 8601, durations in seconds; null is what nobody recorded. Raises Untrusted."""
    incident = evidence.incident
    kept = {one.outage.domain: one for one in promised(evidence, incident)}
    parts = {one.domain: one for one in _splits(evidence, incident)}
    return {
        "ok": incident.ok,
        "disaster": incident.disaster.isoformat(),
        "vhosts": {domain: _vhost(one, parts[domain]) for domain, one in kept.items()},
        "runs": [_run_as_json(run) for run in incident.runs],
    }


def _splits(evidence: Evidence, incident: Incident) -> tuple[Split, ...]:
    return splits(incident, evidence.notes, declared=evidence.disaster is not None)


def _vhost(kept: Kept, split: Split) -> dict[str, Any]:
    one = kept.outage
    return {
        "recovery_point": one.recovery_point and one.recovery_point.isoformat(),
        "rpo_seconds": seconds(one.rpo),
        "rpo_databases_seconds": seconds(one.databases),
        "rpo_promised_seconds": seconds(kept.client.rpo),
        "rto_seconds": seconds(one.rto),
        "rto_promised_seconds": seconds(kept.client.rto),
        "rto_planned_seconds": seconds(kept.plan.rto),
        "return_seconds": seconds(one.away),
        "detect_seconds": seconds(split.detect),
        "decide_seconds": seconds(split.decide),
        "rto_parts_seconds": {part: seconds(span) for part, span in split.parts.items()},
        "drain_seconds": seconds(split.drain),
    }


def to_html(evidence: Evidence, *, paper: bool = False) -> str:
    """The page. The same evidence makes the same page, to the byte. Raises Untrusted where a chain is broken."""
    return render(page(evidence), paper=paper)


def page(evidence: Evidence) -> Page:
    """What the page says."""
    incident, added = evidence.incident, evidence.added
    kept = promised(evidence, incident)
    tables = [
        vhosts(kept),
        split_table(_splits(evidence, incident)),
        *(replace(one, note=f"{one.note} {ADDED}".strip()) for one in added.tables),
        timeline(evidence, incident),
        orders(evidence, incident),
        deviations(evidence, incident, kept),
        switched(incident),
        steps(incident),
        heads(evidence.books, evidence.kept),
        clauses(incident),
    ]
    return Page(
        title=incident.title,
        ok=incident.ok,
        summary=[
            *(
                f"Ordered by {run.by} at {clock(run.ordered)} as plan {run.seal[:12]}."
                for run in incident.runs
                if run.kind == incident.runs[0].kind
            ),
            *([incident.now] if incident.now else []),
            *added.summary,
        ],
        spans=(*added.spans, *incident.spans),
        marks=tuple({mark.at: mark for mark in (*incident.marks, *added.marks)}.values()),
        tables=[one for one in tables if one.rows],
        evidence=document.dump(evidence),
        made=evidence.made,
    )


def vhosts(kept: Sequence[Kept]) -> Table:
    """A row per vhost."""
    rows = [
        (
            one.outage.domain,
            clock(one.outage.recovery_point) if one.outage.recovery_point else "none",
            long(one.outage.rpo),
            long(one.outage.databases),
            long(one.client.rpo),
            long(one.outage.rto),
            long(one.client.rto),
            long(one.plan.rto),
            long(one.outage.away),
        )
        for one in kept
    ]
    columns = ("site", "recovery point", "RPO", "RPO of databases", "RPO promised",
               "RTO", "RTO promised", "RTO planned", "away on return")  # fmt: skip
    return Table(
        "Sites",
        columns,
        rows,
        note="RPO: work lost at most, from the recovery point to the disaster, or to the order where nobody said when "
        "that was; of databases, from where replica or stream had brought them. RTO: from the first order that the "
        "site is in until every name server that answers was proven; promised by the estate, planned by the plan that "
        "was ordered. Away on return: 503 with Retry-After, until DNS was proven again.",
        right=columns[2:],
    )


def split_table(found: Sequence[Split]) -> Table:
    """A row per vhost: where its time went."""
    shown = [part for part in PARTS if part != OTHER or any(one.parts.get(OTHER) for one in found)]
    columns = ("site", "detect", "decide", *shown, "drain")
    rows = [
        (
            one.domain,
            long(one.detect, UNKNOWN),
            long(one.decide, UNKNOWN),
            *(long(one.parts.get(part)) for part in shown),
            long(one.drain, UNKNOWN),
        )
        for one in found
    ]
    return Table(
        "Where the time went",
        columns,
        rows,
        note="Along the chain of steps that each site waited for; from fence to waiting it adds up to its RTO. Detect: "
        "from the disaster to the first look that found production lost; decide: from there to the order. Prove: "
        "services on, and the proof over HTTPS. Waiting: for other sites, or for a job that was killed. Drain: until "
        "no resolver may give the old addresses. Not known is what nobody recorded.",
        right=columns[1:],
    )


def steps(incident: Incident) -> Table:
    """A row per step, in the order of the journals."""
    rows = [
        (run.host, act.step, act.subject, clock(act.start), f"{act.seconds:.2f}", act.outcome, act.said)
        for run in incident.runs
        for act in run.acts
    ]
    return Table("Steps", ("host", "step", "of", "began", "seconds", "end", "evidence"), rows, right=("seconds",))


def _run_as_json(run: Run) -> dict[str, Any]:
    return {
        "kind": run.kind,
        "host": run.host,
        "by": run.by,
        "ordered": run.ordered.isoformat(),
        "closed": run.closed and run.closed.isoformat(),
        "ok": run.ok,
        "verdict": verdict(run),
        "seal": run.seal,
        "head": run.head,
        "what": WORDS.get(run.kind, run.kind),
        "steps": [
            {"step": a.step, "subject": a.subject, "seconds": a.seconds, "outcome": a.outcome, "said": a.said}
            for a in run.acts
        ],
    }
