"""Asking a twin for a drill, from the control machine: start it, show what it says, and hand back its outcome."""

import time
from collections.abc import Callable

from drp.drills import record
from drp.drills.record import Drill
from drp.drive import WATCH, Hand
from effects.clock import Stopwatch
from effects.journal import parse
from estate.problem import Failed, Unreachable

PATIENCE = 300.0  # seconds without an answer; the drill goes on
LATE = 90.0  # seconds that the unit may take to begin


def drilled(hand: Hand, show: Callable[[str], None]) -> Drill:
    """One that begins now, or the one that is under way. Raises Failed where it stops before its end, and as `ask`."""
    known = set(hand.ask("drill-start")["known"])
    name, seen, heard = "", 0, Stopwatch()
    while True:
        try:
            answer = hand.ask("drill-watch", *([name] if name else []))
        except Unreachable:
            if heard.seconds > PATIENCE:
                raise
            time.sleep(WATCH)
            continue
        entries = parse(answer["text"], name=f"{hand.host.name}:{name}")
        for entry in entries[seen:]:
            if entry.event == record.SAID:
                show(str(entry.detail["said"]))
        seen = len(entries)
        if (done := record.of(entries)) is not None:
            return done
        fresh = [one for one in answer["names"] if one not in known]
        over = not answer["running"] and (bool(name) or heard.seconds > LATE)
        if over and name == (fresh[-1] if fresh else name):
            raise Failed(
                f"{hand.host.name}: the drill stopped before its end",
                hint=f"an activation stops it; else: journalctl -u seawall-drill, on {hand.host.name}",
            )
        name = fresh[-1] if fresh else ""
        time.sleep(WATCH)
