"""A game day, on the twin: chosen, planned without what is lost, judged, and kept as evidence.

Nothing is asked of a host that was chosen to be lost, so what it has can't help. Nobody is told and nothing is changed.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from backups.site import Site
from drp import observe
from drp.drills import record
from drp.drills.chosen import Choice, choose
from drp.drills.gameday import Outcome, judge
from drp.plan import Plan
from effects.clock import now
from effects.journal import Journal
from estate.points import STAMP
from estate.problem import Problem

KEPT = 60  # game days
OUTCOME, CHOICE = TypeAdapter(Outcome), TypeAdapter(Choice)
Observe = Callable[[Site], Plan]


def play(site: Site, seed: int, plan: Observe = observe.plan_activation, *, typed: bool = False) -> tuple[str, Outcome]:
    """Its name and outcome. The choice is journalled before anybody looks, and whether its seed was typed."""
    production, twin = observe.pair(site)
    choice = choose(site.estate, production, twin, seed)
    name, chosen = fresh(now()), CHOICE.dump_python(choice, mode="json")
    journal = Journal(record.DRILLS / name / "journal.jsonl")
    journal.write("opened", kind="game-day", host=twin.name, choice=chosen, typed=typed)
    promised = {vhost.domain: site.estate.promised(vhost).rpo for vhost in site.estate.vhosts_on(twin)}
    found = judge(site.estate, choice, _planned(replace(site, without=choice.hosts), plan), promised)
    journal.write("closed", ok=found.ok, faults=found.faults, outcome=OUTCOME.dump_python(found, mode="json"))
    forget()
    return name, found


def _planned(site: Site, plan: Observe) -> Plan | str:
    try:
        return plan(site)
    except Problem as fault:
        return fault.what


def fresh(at: datetime) -> str:
    """The name of one that begins now."""
    return f"game-{at.astimezone(UTC).strftime(STAMP)}"


def forget(kept: int = KEPT) -> None:
    """Remove the oldest, so that no more than that many are left."""
    for path in sorted(record.DRILLS.glob("game-*/journal.jsonl"))[:-kept]:
        shutil.rmtree(Path(path.parent), ignore_errors=True)
