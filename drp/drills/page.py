"""One self-contained HTML page for a drill: each vhost, the trend of its figures, where the time went, what differs."""

from collections.abc import Sequence
from datetime import timedelta

from drp.drills.record import Drill
from drp.drills.trends import trends
from drp.timeline import Span, lasting, svg
from effects.clock import now
from templates import render


def html(known: Sequence[Drill]) -> str:
    """Of the newest of `known`; the others are the trend."""
    drill = known[-1]
    spans = [
        Span(one.subject or drill.client, one.phase, one.begun, one.begun + timedelta(seconds=one.seconds), one.phase)
        for one in sorted(drill.moments, key=lambda one: one.begun)
    ]
    return render(
        "drill.html.j2", drill=drill, trends=trends(known), picture=svg(spans), lasting=lasting,
        made=f"{now():%Y-%m-%d %H:%M:%S}", count=len(known),
    )  # fmt: skip
