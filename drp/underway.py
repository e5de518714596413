"""Where each vhost of a job is: waiting, copying, importing, proving, switched; and how far what is copied has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from backups import progress
from backups.engines import server
from backups.proof.hydrate import Target
from backups.restore import data_of
from drp.incident import DATABASE, DNS, ENDS, FILES, PROVE, taken_up
from effects.journal import Entry
from estate.model import Engine

DOING = {
    FILES: "copying",
    DATABASE: "importing",
    "serve": "proving",
    PROVE: "proving",
    "ticket": "proving",
    DNS: "switching",
}
DONE = {FILES: "copied", DATABASE: "imported", "serve": "proving", PROVE: "proven", "ticket": "proven", DNS: "switched"}
WAITING, FAILED = "waiting", "failed"
Open = Mapping[tuple[str, str], Entry]


@dataclass(frozen=True, slots=True)
class Row:
    """One vhost."""

    domain: str
    state: str
    done: int | None = None  # bytes
    total: int | None = None  # bytes, as many as there were the last time
    rate: float | None = None  # bytes a second
    left: float | None = None  # seconds


def begun(entries: Sequence[Entry]) -> dict[tuple[str, str], Entry]:
    """What is being done: begun, and not ended, since the job was taken up."""
    found: dict[tuple[str, str], Entry] = {}
    for entry in taken_up(entries):
        key = (entry.step, entry.subject)
        if entry.event == "begun":
            found[key] = entry
        elif entry.event in ENDS:
            found.pop(key, None)
    return found


def copying(entries: Sequence[Entry]) -> bool:
    """Whether there is anything to measure."""
    return any(step in (FILES, DATABASE) for step, _ in begun(entries))


def measured(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """On the host that does it: bytes of what is being copied, and of how many; of archives only."""
    rows = []
    for step, subject in begun(entries):
        if step not in (FILES, DATABASE):
            continue
        target = Target(subject, Path("/")) if step == FILES else data_of(server(Engine(subject)))
        seen, before = progress.tallied(target.index), target.counted
        if seen is not None:
            rows.append({"step": step, "subject": subject, "bytes": seen[0], "total": before and before.bytes})
    return rows


def rows(entries: Sequence[Entry], copied: Sequence[Mapping[str, Any]], at: datetime) -> list[Row]:
    """A row for each vhost, in the order of the plan. `copied` is what `measured` gave, `at` by the same clock."""
    now = taken_up(entries)
    if not now:
        return []
    plan: Any = now[0].detail["plan"]
    open_ones, sizes = begun(now), {(row["step"], row["subject"]): row for row in copied}
    return [_row(move, now, open_ones, sizes, at) for move in plan["moves"]]


def _row(
    move: Mapping[str, Any],
    entries: Sequence[Entry],
    open_ones: Open,
    sizes: Mapping[tuple[str, str], Any],
    at: datetime,
) -> Row:
    domain = str(move["domain"])
    engines = {row.get("kind") for row in move["archives"]} - {FILES}
    mine = [one for one in entries if one.subject == domain or (one.step == DATABASE and one.subject in engines)]
    if bad := next((one for one in mine if one.event == FAILED), None):
        return Row(domain, f"{FAILED}: {bad.step}")
    going = [one for key, one in open_ones.items() if one in mine and key[0] in DOING]
    if not going:
        ended = [one.step for one in mine if one.event in ENDS and one.step in DONE]
        return Row(domain, DONE[ended[-1]] if ended else WAITING)
    step = max(going, key=lambda one: one.number)
    row = sizes.get((step.step, step.subject))
    spent = max((at - step.at).total_seconds(), 0.1)
    if row is None:
        return Row(domain, DOING[step.step])
    rate, total = row["bytes"] / spent, row["total"]
    left = max(total - row["bytes"], 0) / rate if total and rate else None
    return Row(domain, DOING[step.step], row["bytes"], total, rate, left)
