"""DNS before and after, record by record."""

from collections.abc import Iterator

from drp.evidence.words import clock
from drp.incident import DNS, WORDS, Incident, Run
from drp.page import Table


def switched(incident: Incident) -> Table:
    """A row for each record that a run had to change."""
    rows = [row for run in incident.runs for row in _of_run(run)]
    columns = ("by", "record", "before", "after", "TTL", "proven", "name servers")
    return Table("DNS", columns, rows, right=("TTL",))


def _of_run(run: Run) -> Iterator[tuple[str, ...]]:
    held = [act for act in run.acts if act.step == DNS and act.outcome in ("done", "held")]
    ends = {act.subject: act for act in reversed(held)}  # the first of each: a run that is typed again only looks
    if not any(act.step == DNS for act in run.acts):
        return
    for move in run.plan["moves"]:
        act = ends.get(move["domain"])
        proven, said = (clock(act.end), act.said) if act else ("never", "")
        for c in move["changes"]:
            before, after = "\n".join(c["before"]) or "–", "\n".join(c["after"]) or "–"
            record = f"{c['name']} {c['rtype']}"
            yield WORDS.get(run.kind, run.kind), record, before, after, str(c.get("ttl", "")), proven, said
