"""What was promised for each vhost: by the estate to its client, and by the plan to whoever ordered it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from drp.evidence.document import Evidence
from drp.incident import Incident, Outage, there
from drp.plan import PLAN
from estate.promise import Promise


@dataclass(frozen=True, slots=True)
class Kept:
    """Of one vhost: each promise, and whether it was kept; None where there was none, or nothing was measured."""

    outage: Outage
    client: Promise
    plan: Promise  # its loss at the instant of the plan, and about how long

    @property
    def late(self) -> bool:
        """Whether its RTO is longer than its client was promised."""
        return _longer(self.outage.rto, self.client.rto)

    @property
    def slower(self) -> bool:
        """Whether it is longer than the plan said."""
        return _longer(self.outage.rto, self.plan.rto)

    @property
    def lost_more(self) -> bool:
        """Whether its RPO is more than its client was promised."""
        rpo, most = self.outage.rpo, self.client.rpo
        return rpo is not None and most is not None and rpo > most


def _longer(rto: timedelta | None, most: timedelta | None) -> bool:
    return most is not None and (rto is None or rto > most)


def promised(evidence: Evidence, incident: Incident) -> tuple[Kept, ...]:
    """A row for each vhost, in the order of the plan."""
    planned = dict[str, Promise]()
    for run in reversed(there(incident.runs)):  # the first plan that a vhost stands in is what was promised
        planned |= _of_plan(run.plan)
    return tuple(
        Kept(one, evidence.promised.get(one.domain, Promise()), planned.get(one.domain, Promise()))
        for one in incident.outages
    )


def _of_plan(plan: Mapping[str, Any]) -> dict[str, Promise]:
    """Each vhost's, after those before it: what an earlier one brings already is counted there."""
    found, total = dict[str, Promise](), 0.0
    try:
        moves, made = PLAN.validate_python(plan).moves, datetime.fromisoformat(str(plan["made"]))
    except (ValueError, KeyError):
        return {}  # of a drill, or of another version
    for move in moves:
        total += move.seconds
        found[move.domain] = Promise(move.loss(made) if move.archives else None, timedelta(seconds=total))
    return found
