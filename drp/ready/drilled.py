"""Rules about drills: the last one, and how long ago it was."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from drp.drills.record import Drill
from drp.ready.findings import Finding, critical, warning
from estate.model import Host

NIGHT = timedelta(hours=26)  # one a night, and it may be late
DO = "seawall drp drill --now"


def undrilled(host: Host, drills: Sequence[Drill], now: datetime) -> Iterator[Finding]:
    """The newest failed, or there was none last night."""
    if not drills:
        yield warning(host.name, "drill", "there was no drill yet", DO)
        return
    newest = drills[-1]
    if not newest.ok:
        whose = [f"{one.domain}: {one.faults[0]}" for one in newest.vhosts if not one.ok]
        what = f"the last drill failed: {'; '.join([*whose, *newest.faults])}"
        yield critical(host.name, "drill", what, "look at: seawall drp drill; mend what it says; then with --now")
    if now - newest.at > NIGHT:
        when = f"{newest.at:%Y-%m-%d %H:%M} UTC"
        do = f"on {host.name}: systemctl list-timers seawall-drill.timer; then: {DO}"
        yield warning(host.name, "drill", f"the last drill was at {when}", do)
