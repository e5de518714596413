"""Where the time without service went: per vhost, along the chain of steps that it really waited for.

Several vhosts are on their way at once, and files come beside databases. So from the end of a vhost's last step one
goes back: to what ended last before it, to what ended last before that began, and so on to the order. What is between
two such steps is waiting: for other vhosts, or for a job that was killed and came back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drp.incident import DATABASE, DNS, FILES, Act, Incident, Run, ordered, served, there
from drp.notes import lost_at
from effects.journal import Entry

PART = {"fence": "fence", FILES: "copy", DATABASE: "import", "serve": "prove", "prove": "prove", DNS: "DNS"}
OTHER, WAITING = "other", "waiting"
PARTS = ("fence", "copy", "import", "prove", "DNS", OTHER, WAITING)
ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Split:
    """Of one vhost; what nobody recorded is None."""

    domain: str
    detect: timedelta | None  # from the disaster to the first look that found the host lost
    decide: timedelta | None  # from that look to the order
    parts: Mapping[str, timedelta]  # from the order until it was served; by PARTS, they add up to the RTO
    drain: timedelta | None  # from then until no resolver may give the old addresses


def splits(incident: Incident, notes: Sequence[Entry], *, declared: bool) -> tuple[Split, ...]:
    """A row for each vhost. `declared`: somebody said when the disaster was."""
    runs = there(incident.runs)
    source = str(runs[0].plan["source"])
    seen = lost_at(notes, source, after=incident.disaster if declared else None, before=runs[0].ordered)
    detect = seen - incident.disaster if declared and seen else None
    acts = [act for run in runs for act in run.acts]
    found = []
    for outage in incident.outages:
        order, end = ordered(outage.domain, runs), served(outage.domain, runs)
        mine = [act for act in acts if _concerns(act, outage.domain, runs)]
        parts = {} if end is None else walk(mine, order, end)
        drained = next((act.drained for act in mine if act.step == DNS and act.drained), None)
        decide = order - seen if seen else None
        found.append(Split(outage.domain, detect, decide, parts, drained - end if drained and end else None))
    return tuple(found)


def _concerns(act: Act, domain: str, runs: Iterable[Run]) -> bool:
    """Its own steps, those of the servers its databases are on, and those of the host."""
    if act.subject == domain:
        return True
    moves = [move for run in runs for move in run.plan["moves"]]
    if act.step == DATABASE:
        used = {row.get("kind") for move in moves if move["domain"] == domain for row in move["archives"]}
        return act.subject in used
    return act.subject not in {move["domain"] for move in moves}


def walk(acts: Sequence[Act], start: datetime, end: datetime) -> dict[str, timedelta]:
    """Back from `end` to `start`; every instant belongs to one part."""
    parts = dict.fromkeys(PARTS, ZERO)
    at = end
    while at > start:
        before = [act for act in acts if act.start < at]
        last = max(before, key=lambda act: (min(act.end, at), act.start), default=None)
        if last is None or min(last.end, at) <= start:
            parts[WAITING] += at - start
            break
        until = min(last.end, at)
        parts[WAITING] += at - until
        parts[PART.get(last.step, OTHER)] += until - max(last.start, start)
        at = max(last.start, start)
    return parts
