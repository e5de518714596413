"""The writer on the probe, and what was lost of all it was promised: counted, not estimated."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from effects import clock
from estate.problem import Failed
from lab import visitor
from lab.lab import Lab

SCRIPT = Path(__file__).parent / "files/writer.py"
UNIT = "seawall-writer.service"
PROGRAM = "/usr/local/lib/seawall-writer.py"
RECORD = "/var/lib/seawall-writer/record.jsonl"
DOMAIN = "ledger.example"
EVERY = 0.2  # seconds from one row to the next


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row that was sent. `at` is when the attempt began; `took` until it was acknowledged or given up."""

    number: int
    at: datetime
    ok: bool  # the site promised that the row is committed
    took: timedelta
    error: str


@dataclass(frozen=True, slots=True)
class Loss:
    """What the live site has of what was acknowledged. Rows that nobody promised may be there as well."""

    acknowledged: int
    present: int
    lost: tuple[int, ...]  # acknowledged, and not there


def start(lab: Lab, every: float = EVERY) -> None:
    """Start it, or let it run; it goes on from its last number. Raises Failed where it doesn't stay up."""
    probe = lab.guest("probe")
    if probe.serves([UNIT]):
        return
    before = len(record(lab))
    probe.run(f"cat > {PROGRAM}", stdin=SCRIPT.read_text(encoding="utf-8"))
    probe.run(["systemd-run", f"--unit={UNIT}", "--collect", "--quiet", "--property=StateDirectory=seawall-writer",
               "/usr/bin/python3", PROGRAM, RECORD, str(every)])  # fmt: skip
    late = Failed("the writer on probe does not write", hint=f"seawall lab shell probe, then: journalctl -u {UNIT}")
    clock.wait_until(lambda: len(record(lab)) > before, timeout=20, late=late)


def stop(lab: Lab) -> None:
    """Stop it; its record stays."""
    lab.guest("probe").attempt(["systemctl", "stop", UNIT])


def record(lab: Lab) -> list[Attempt]:
    """Every attempt so far, oldest first."""
    lines = lab.run("probe", ["cat", RECORD]).out.split("\n")[:-1]  # after the last newline a line may be half written
    return [_attempt(line) for line in lines]


def _attempt(line: str) -> Attempt:
    found = json.loads(line)
    return Attempt(found["number"], datetime.fromisoformat(found["at"]), found["ok"],
                   timedelta(milliseconds=found["ms"]), found["error"])  # fmt: skip


def counted(lab: Lab) -> Loss:
    """Ask the live site, wherever DNS says it is. Raises Failed where it doesn't answer.

    The record is read first: what is acknowledged while the site is asked is not counted against it.
    """
    attempts = record(lab)
    visit = visitor.visit(lab, DOMAIN, path="/numbers")
    if visit.status != 200:
        raise Failed(f"{DOMAIN} can't be asked for its rows: {visit.status} {visit.error}",
                     hint="see what stands in the way: seawall lab shell probe")  # fmt: skip
    return loss(attempts, {int(number) for number in visit.body.split()})


def loss(attempts: Sequence[Attempt], present: set[int]) -> Loss:
    """Compare what was promised with what is there."""
    acknowledged = {attempt.number for attempt in attempts if attempt.ok}
    return Loss(len(acknowledged), len(present), tuple(sorted(acknowledged - present)))
