"""A drill, on the twin: what an activation would bring back now, brought up in the proof room and measured.

It goes the way of an activation as far as that leads inside: the plan, files, snapshots, their streams to the end, the
database servers, the web server, the first good answer. Nothing is fenced, told, switched or served.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from backups.mark import Beyond
from backups.proof.alone import alone
from backups.proof.orders import Closed, Moment
from backups.proof.prove import Proving
from backups.proof.record import Finding, Proof
from backups.site import Site
from backups.streams.forward import forward
from drp import observe, tickets
from drp.drills import judge, record
from drp.drills.record import Drill
from drp.plan import PLAN, Plan
from effects.clock import Stopwatch, now
from effects.run import attempt
from estate.model import Engine, Role
from estate.points import Archive
from estate.problem import Problem, Refused

BUSY = ("seawall-drp@*.service", "seawall-backup.service")  # a job runs; the twin serves
DIFFERS = (
    "nothing is fenced: production serves on",
    "databases are copies of what stands ready, brought on by their streams; the twin's replicas are left alone",
    "vhosts come up one after the other in the proof room, without a network; not several at a time",
    "DNS is computed and not sent: neither its time nor that of resolvers is in the figures",
    "tickets are written here and told to nobody",
)

Say = Callable[[str], None]


class Busy(Refused):
    """There is something more urgent to do; that is no fault, and nobody is told."""


def drill(site: Site, say: Say) -> Drill:
    """All of it, journalled. Raises as `require_idle`."""
    require_idle(site)
    with alone(say):
        at, watch = now(), Stopwatch()
        name = record.fresh(at)
        journal = record.journal(name)
        journal.write(record.OPENED, drill=name, host=site.host.name)

        def told(line: str) -> None:
            journal.write(record.SAID, said=line)
            say(line)

        work = _Work(site, at, told)
        plan = work.run()
        for one in sorted(work.moments, key=lambda one: one.begun):
            begun = one.begun.isoformat()
            journal.write(record.PHASE, one.phase, one.subject, begun=begun, seconds=one.seconds)
        done = _drill(work, name, plan, watch.seconds)
        journal.write(record.CLOSED, plan=PLAN.dump_python(plan, mode="json") if plan else None, **record.plain(done))
        record.forget()
    return record.load(name)


def require_idle(site: Site) -> None:
    """Raises Refused unless this is a twin, Busy where it has something more urgent to do."""
    if site.host.role is not Role.DRP:
        raise Refused(f"{site.host.name} is no DRP host", hint="from the control machine: seawall drp drill --now")
    if attempt(["systemctl", "is-active", "--quiet", *BUSY], timeout=30).ok:
        raise Busy(
            f"{site.host.name} carries out a job of the plan, or serves", hint="drill when it stands ready again"
        )


@dataclass(slots=True)
class _Work:
    """What is gathered on the way."""

    site: Site
    at: datetime
    say: Say
    faults: list[str] = field(default_factory=list)
    silent: tuple[str, ...] = ()
    proof: Proof | None = None
    moments: list[Moment] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    beyond: dict[Engine, Beyond] = field(default_factory=dict)

    def run(self) -> Plan | None:
        """The plan, where there was one."""
        self.say("planning")
        try:
            plan = observe.plan_activation(self.site)
        except Problem as fault:
            self.faults.append(f"no activation could be planned: {fault.what}")
            return None
        self.silent = plan.faults
        try:
            self._prove(plan)
        except Problem as fault:
            self.faults.append(fault.what)
        return plan

    def _prove(self, plan: Plan) -> None:
        client = observe.pair(self.site)[0]
        archives = tuple({a.id: a for move in plan.moves for a in move.archives}.values())
        tails = {tail.archive: tail for move in plan.moves for tail in move.tails}

        def onward(archive: Archive, copy: Path) -> Beyond | None:
            tail = tails.get(archive.id)
            return forward(self.site, client, archive, tail)(copy) if tail else None

        proving = Proving(self.site, client, archives, self.say, onward=onward)
        proving.moments, proving.closed, proving.beyond = self.moments, self.closed, self.beyond
        self.proof = proving.look()

    def reached(self) -> dict[str, datetime]:
        """Up to when each archive was brought back, by its id."""
        archives = self.proof.archives if self.proof else ()
        beyond = {str(engine): one.until for engine, one in self.beyond.items()}
        return {a.id: max(a.taken, beyond.get(str(a.kind), a.taken)) for a in archives}


def _drill(work: _Work, name: str, plan: Plan | None, seconds: float) -> Drill:
    production, twin = observe.pair(work.site)
    proof, moves = work.proof, plan.moves if plan else ()
    findings = proof.findings if proof else tuple(Finding(production.name, what, ()) for what in work.faults)
    answers = {
        domain: str(seen.get("answer") or "") or None for domain, seen in (proof.vhosts if proof else {}).items()
    }
    found = judge.outcomes(
        work.site.estate, moves, findings, work.moments, reached=work.reached(), answers=answers, at=work.at
    )
    closed = work.closed[-1] if work.closed else None
    out = [f"the proof room was not closed: {', '.join(closed.interfaces)}"] if closed and closed.sent else []
    return Drill(
        name, twin.name, production.name, work.at, seconds, plan.seal if plan else "", found, tuple(work.moments),
        _switches(plan), _letters(work.site, name, plan), DIFFERS, (*work.faults, *out), work.silent, closed,
    )  # fmt: skip


def _switches(plan: Plan | None) -> tuple[str, ...]:
    changes = [change for move in (plan.moves if plan else ()) for change in move.changes]
    return tuple(dict.fromkeys(f"{c.name} {c.rtype}: {' '.join(c.before)} → {' '.join(c.after)}" for c in changes))


def _letters(site: Site, name: str, plan: Plan | None) -> tuple[str, ...]:
    """What would have been told of each vhost."""
    return tuple(
        tickets.written(
            site.estate, "activated", f"{name}.{move.domain}", domain=move.domain, source=plan.source,
            target=plan.target, at=plan.made.isoformat(timespec="seconds"), by="nobody: a drill", seal=plan.seal,
            loss=f"at most {move.loss(plan.made).total_seconds():.0f} s of work",
        )
        for move in plan.moves
    ) if plan else ()  # fmt: skip
