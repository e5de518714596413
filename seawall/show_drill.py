"""Drills, as people read them."""

from collections.abc import Sequence
from textwrap import shorten

from rich.console import Console
from rich.text import Text

from drp.drills.record import Drill
from drp.timeline import lasting
from seawall.tables import folding

LONGEST = 60  # characters of why one failed; --json has all
OK = {True: Text("came back", "green"), False: Text("FAILED", "bold red")}


def drill(done: Drill) -> None:
    """One, with what it says of each vhost."""
    console = Console()
    console.print(
        f"{done.id} on {done.host}: {len(done.vhosts)} vhosts of {done.client}, {lasting(done.seconds)} in all"
    )
    table = folding("vhost", "", "loses", "takes", "planned", "answered")
    for one in done.vhosts:
        table.add_row(
            one.domain, OK[one.ok], _span(one.rpo), _span(one.rto), lasting(one.estimate), one.answer or "not asked"
        )
    console.print(table)
    for one in done.vhosts:
        for fault in one.faults:
            console.print(Text(f"✗ {one.domain}: {fault}", "red"))
    for fault in done.faults:
        console.print(Text(f"✗ {fault}", "red"))
    for line in done.silent:
        console.print(Text(f"not heard: {line}"))
    if done.closed:
        refused = f"{done.closed.refused} packets that wanted out" if done.closed.refused else "nothing wanted out"
        console.print(f"the room had {', '.join(done.closed.interfaces)} and no other network; {refused}")
    console.print(f"{len(done.dns)} DNS records would have been switched, {len(done.tickets)} tickets told; none was")


def listed(known: Sequence[Drill]) -> None:
    """All of them, one a line, newest last."""
    table = folding("drill", "", "loses", "takes", "failed")
    for one in known:
        table.add_row(
            one.id,
            OK[one.ok],
            _span(max((v.rpo for v in one.vhosts if v.rpo is not None), default=None)),
            _span(max((v.rto for v in one.vhosts if v.rto is not None), default=None)),
            shorten(", ".join(one.failed) or "; ".join(one.faults), LONGEST, placeholder=" …"),
        )
    Console().print(table)


def _span(seconds: float | None) -> str:
    return "" if seconds is None else lasting(seconds)
