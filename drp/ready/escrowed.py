"""The rule about keys. It is for the control machine alone: a managed host has no escrow, and no ssh of ours."""

from collections.abc import Iterator

from backups.escrow.custody import Verdict
from backups.escrow.export import State
from backups.standing import Level
from drp.ready.findings import Finding, unknown, warning
from estate.problem import Problem

STOLEN = (Verdict.GONE, Verdict.LOCKED, Verdict.REPLACED)


def locked_away(control: str, seen: State | Problem | None) -> Iterator[Finding]:
    """Keys that nobody could open after a fire. None: nobody is named in [escrow]."""
    verify = "look at: seawall backup keys verify; docs/keys.md"
    if seen is None:
        do = "each of two or three people: seawall backup keys recipient NAME; then docs/keys.md"
        yield warning(control, "escrow", "the keys of the backups are in no escrow: a fire would take them", do)
    elif isinstance(seen, Problem):
        yield unknown(control, "escrow", seen)
    else:
        unseen = {f"{one.name}: {one.verdict}" for one in seen.judged if one.verdict is Verdict.UNSEEN}
        bad = {f"{one.name}: {one.verdict}" for one in seen.judged if one.verdict in STOLEN}
        for what in seen.faults:
            level = Level.UNKNOWN if what in unseen else Level.CRITICAL if what in bad else Level.WARNING
            yield Finding(level, control, "escrow", what, verify)
