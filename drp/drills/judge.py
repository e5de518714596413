"""Out of what the proof room saw: of each vhost whether it came back, from when, and how long that took. Pure.

A time is the sum of what an activation does too, for the vhost and for those that come before it: fetching, the stream,
starting, the web server, the first good answer. What only a proof does (reading every byte again, copying, counting
tables) is left out of it, and is in the record.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from backups.proof.orders import ANSWER, FETCH, SNAPSHOT, START, STREAM, WEB, Moment
from backups.proof.record import Finding
from drp.plan import Move
from estate.model import Engine, Estate
from estate.points import FILES

OF_ENGINE = (SNAPSHOT, STREAM, START)
ENGINES = frozenset(map(str, Engine))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a drill says of one vhost."""

    domain: str
    faults: tuple[str, ...]
    archives: tuple[str, ...]
    reached: datetime | None  # the oldest of what came up; None: not all of it did
    rpo: float | None  # seconds of work that would have been lost when the drill began
    rto: float | None  # seconds until it answered; None: it did not
    estimate: float  # what the plan said
    phases: Mapping[str, float]  # seconds by phase: what `rto` is the sum of
    answer: str | None

    @property
    def ok(self) -> bool:
        """Whether it came back whole."""
        return not self.faults


def blamed(estate: Estate, domains: Sequence[str], findings: Iterable[Finding]) -> dict[str, tuple[str, ...]]:
    """By domain, what was found against it. What names none of them is against all whom it concerns."""
    found: dict[str, list[str]] = {domain: [] for domain in domains}
    last: str | None = None  # an engine's own check names a table once, and says line by line what is wrong with it
    for finding in findings:
        owner = _owner(estate, finding) or (last if finding.subject in ENGINES else None)
        last = owner if finding.subject in ENGINES else None
        for domain in [owner] if owner else _concerned(estate, domains, finding.subject):
            found.setdefault(domain, []).append(_said(finding, domain))
    return {domain: tuple(found[domain]) for domain in domains}


def _said(finding: Finding, domain: str) -> str:
    return finding.what if finding.subject == domain else f"{finding.subject}: {finding.what}"


def _owner(estate: Estate, finding: Finding) -> str | None:
    """The one vhost that a finding is about: it, its database, or a table that an engine's check names first."""
    if finding.subject in estate.vhosts:
        return finding.subject
    engine, _, name = finding.subject.partition(".")
    if engine not in ENGINES:
        return None
    mine = [db for db in estate.databases.values() if db.engine == engine]
    if not name:
        first = finding.what.split()[0] if finding.what.split() else ""
        named = [db for db in mine if first == db.name or first.startswith((f"{db.name}.", f"{db.name}:"))]
        return max(named, key=lambda db: len(db.name)).vhost if named else None
    return next((db.vhost for db in mine if db.name == name), None)


def _concerned(estate: Estate, domains: Sequence[str], subject: str) -> list[str]:
    engine = subject.partition(".")[0]
    if engine not in ENGINES:
        return list(domains)
    return [d for d in domains if any(db.engine == engine for db in estate.databases_of(estate.vhosts[d]))]


def outcomes(
    estate: Estate,
    moves: Sequence[Move],
    findings: Iterable[Finding],
    moments: Sequence[Moment],
    *,
    reached: Mapping[str, datetime],
    answers: Mapping[str, str | None],
    at: datetime,
) -> tuple[Outcome, ...]:
    """In the order of recovery. `reached`: up to when each archive was brought back, by its id."""
    blame = blamed(estate, [move.domain for move in moves], findings)
    found, expected = [], 0.0
    for number, move in enumerate(moves):
        expected += move.seconds
        parts = [reached[a.id] for a in move.archives if a.id in reached]
        oldest = min(parts) if len(parts) == len(move.archives) and parts else None
        phases = phases_of(moves[: number + 1], moments)
        up = not blame[move.domain]
        found.append(
            Outcome(
                domain=move.domain,
                faults=blame[move.domain],
                archives=tuple(f"{a.name} ({a.side})" for a in move.archives),
                reached=oldest,
                rpo=(at - oldest).total_seconds() if oldest else None,
                rto=round(sum(phases.values()), 3) if up else None,
                estimate=round(expected, 1),
                phases=phases,
                answer=answers.get(move.domain),
            )
        )
    return tuple(found)


def phases_of(moves: Sequence[Move], moments: Iterable[Moment]) -> dict[str, float]:
    """Seconds by phase, until the last of `moves` answered; `moves` are it and those that come before it."""
    domains = {move.domain for move in moves}
    engines = {str(archive.kind) for move in moves for archive in move.archives if archive.kind != FILES}
    found: dict[str, float] = {}
    for one in moments:
        counts = (
            (one.phase == FETCH and one.subject in domains)
            or (one.phase in OF_ENGINE and one.subject in engines)
            or one.phase == WEB
            or (one.phase == ANSWER and one.subject == moves[-1].domain)
        )
        if counts:
            found[one.phase] = round(found.get(one.phase, 0.0) + one.seconds, 3)
    return found
