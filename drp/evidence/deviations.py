"""What was not as it should have been: said, so that nobody has to find it between a thousand lines."""

from collections.abc import Iterator, Sequence

from drp.evidence.document import Evidence
from drp.evidence.promised import Kept
from drp.evidence.words import clock, long
from drp.incident import DNS, WORDS, Incident, Run
from drp.orders import Signed
from drp.page import Table
from drp.timeline import FAILED
from estate.problem import BadEstate

Row = tuple[str, str, str]  # what, of which, in words


def deviations(evidence: Evidence, incident: Incident, kept: Sequence[Kept]) -> Table:
    """A row for each; where there is none the table says that."""
    rows = [row for run in incident.runs for row in _of_run(run)]
    rows += _promises(kept)
    rows += [("not told", "", said) for said in evidence.untold]
    return Table("Deviations", ("what", "of", "in words"), rows or [("none", "", "")])


def _of_run(run: Run) -> Iterator[Row]:
    what = f"{WORDS.get(run.kind, run.kind)} on {run.host}"
    if len(run.begins) > 1:
        yield "taken up again", what, ", ".join(clock(one.at) for one in run.begins[1:])
    if run.closed is None:
        yield "not over", what, ""
    for glass in sorted({reason for one in run.begins if (reason := _glass(one.signed))}):
        yield "glass broken", what, glass
    for act in run.acts:
        of = f"{act.step} {act.subject}"
        if act.outcome == FAILED:
            yield "failed", of, f"{clock(act.end)}: {act.said}"
        if act.outcome == "interrupted":
            yield "interrupted", of, f"after {act.seconds:.1f} s"
        if act.step == DNS and "did not answer" in act.said:
            yield "name server not proven", of, act.said
    done = [(act.step, act.subject) for act in run.acts if act.outcome == "done"]
    for step, subject in sorted({one for one in done if done.count(one) > 1}):
        yield "done more than once", f"{step} {subject}", f"{done.count((step, subject))} times"


def _glass(signed: Signed | None) -> str:
    try:
        return signed.order.reason if signed is not None else ""
    except BadEstate:
        return ""


def _promises(kept: Sequence[Kept]) -> Iterator[Row]:
    for one in kept:
        outage = one.outage
        if outage.rto is None:
            yield "never served", outage.domain, "DNS was not proven"
        elif one.late:
            yield "later than promised", outage.domain, f"RTO {long(outage.rto)}; promised {long(one.client.rto)}"
        elif one.slower:
            said = f"RTO {long(outage.rto)}; by the plan about {long(one.plan.rto)}"
            yield "slower than the plan said", outage.domain, said
        if one.lost_more:
            yield "lost more than promised", outage.domain, f"RPO {long(outage.rpo)}; promised {long(one.client.rpo)}"
