"""An incident, out of its journals: who ordered what when, what was lost, how long it took.

It is the last activation and all that followed it on the way home; or any other runs of steps with a plan, a drill's
for example. Nothing here is estimated: every figure is the difference of two instants in a hash-chained journal.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from drp.orders import Signed
from drp.timeline import FAILED, Mark, Span
from effects.journal import Entry
from estate.problem import Missing

ACTIVATE, REDIRECT, CANCEL = "activate", "redirect", "cancel"  # the first job of an incident, and those that end it
ENDS = ("done", "held", "failed")
FILES = "files"
DATABASE = "database"
HAND_OVER = "hand-over"  # with which an outage ends for who still comes to the twin
DNS, FREEZE, PROVE = "dns", "freeze", "prove"  # the steps that begin and end an outage
RETURN = ("ahead", "warm", "withdraw", "restore", REDIRECT)
FOLLOW = ("ahead", "warm", "restore", REDIRECT, "resume")  # what an order takes, and does not begin with
WORDS = {"activate": "activation", "ahead": "return: save ahead", "warm": "return: bring beside", "cancel": "cancelled",
         "resume": "cancelled: production goes on",
         "withdraw": "return: freeze and save", "restore": "return: restore",
         "redirect": "return: redirect"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Act:
    """One step, from its beginning to its end; how it ended is done, held, failed or interrupted."""

    step: str
    subject: str
    start: datetime
    end: datetime
    outcome: str
    said: str  # evidence, or the error
    until: datetime | None = None  # of a database: all that was committed before was brought back
    drained: datetime | None = None  # of DNS: no resolver may give the old addresses any more

    @property
    def seconds(self) -> float:
        """How long it took."""
        return round((self.end - self.start).total_seconds(), 3)


@dataclass(frozen=True, slots=True)
class Begin:
    """A job was begun, or taken up again: after a kill by the same order, or by a new one."""

    at: datetime
    by: str
    ordered: datetime
    signed: Signed | None


@dataclass(frozen=True, slots=True)
class Run:
    """One host's part of a sealed plan."""

    kind: str
    host: str
    by: str
    ordered: datetime
    seal: str
    plan: Mapping[str, Any]
    closed: datetime | None  # None while it is under way, or after it was killed
    ok: bool
    acts: tuple[Act, ...]
    head: str  # the journal's
    signed: Signed | None = None  # the order it carried out
    begins: tuple[Begin, ...] = ()
    last: datetime | None = None  # instant of the last entry

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Self:
        """From the entries of one journal; the first is an order. Runs that continue it are part of it."""
        order, last = _order(entries[0]), entries[-1]
        over = last.event == "closed"
        begins = tuple(_begin(entry) for entry in entries if entry.event == "opened")
        return cls(
            kind=str(order["kind"]),
            host=str(order["host"]),
            by=str(order["by"]),
            ordered=begins[0].ordered,
            seal=str(order["seal"]),
            plan=order["plan"],
            closed=last.at if over else None,
            ok=over and last.detail.get("ok") is True,
            acts=_acts(entries),
            head=last.digest,
            signed=begins[0].signed,
            begins=begins,
            last=last.at,
        )

    def ended(self, step: str, subject: str) -> datetime | None:
        """When that step first held."""
        ends = (a.end for a in self.acts if (a.step, a.subject) == (step, subject) and a.outcome in ("done", "held"))
        return next(ends, None)


@dataclass(frozen=True, slots=True)
class Outage:
    """What one vhost went through."""

    domain: str
    recovery_point: datetime | None  # the oldest archive it was brought back from
    rpo: timedelta | None  # work lost at most: from the recovery point to the disaster
    databases: timedelta | None  # the same of its databases alone: from what they were brought up to; None: it has none
    rto: timedelta | None  # from the order until DNS was proven; None where it never was
    away: timedelta | None  # without service while it returned; None where it did not return


@dataclass(frozen=True, slots=True)
class Incident:
    """The last activation, and the return from it."""

    disaster: datetime  # when production was lost, or the order where nobody said when
    runs: tuple[Run, ...]  # the activation first; it may have taken several orders
    outages: tuple[Outage, ...]  # in the order of the plan

    @classmethod
    def from_journals(cls, journals: Iterable[Sequence[Entry]], *, disaster: datetime | None = None) -> Self:
        """`journals`: one per job, of the twin and of production, in any order, already verified.

        Raises Missing where nothing was ever activated.
        """
        runs = latest([Run.of(one) for one in journals if one])
        if not runs:
            raise Missing("no activation is recorded on these hosts", hint="seawall drp plan shows what one would do")
        lost = disaster or runs[0].ordered
        moves = {move["domain"]: move for run in there(runs) for move in run.plan["moves"]}
        return cls(lost, runs, tuple(_outage(move, runs, lost) for move in moves.values()))

    @property
    def title(self) -> str:
        """What happened, in a line."""
        lost, twin = self.runs[0].plan["source"], self.runs[0].plan["target"]
        back = f", and {lost} is back" if any(_home(run) for run in self.runs) else ""
        return f"{lost} was lost, {twin} took over{back}"

    @property
    def now(self) -> str:
        """Who serves at its end, where that is the twin, and how far a return is that was begun; else nothing."""
        if any(_home(run) for run in self.runs):
            return ""
        lost, twin = self.runs[0].plan["source"], self.runs[0].plan["target"]
        begun = next((run.ordered for run in self.runs if run.kind not in (ACTIVATE, CANCEL)), None)
        back = f": a return was begun at {begun:%Y-%m-%d %H:%M:%S} UTC and has not come to its end" if begun else ""
        return f"{lost} is not back{back}; {twin} serves what holds below."

    @property
    def ok(self) -> bool:
        """The last run of each kind ended well: what failed first and was mended is told, but is no verdict."""
        return all({run.kind: run.ok for run in self.runs}.values())

    @property
    def spans(self) -> tuple[Span, ...]:
        """One per step that took time or failed; a lane per vhost, engine or host."""
        acts = [act for run in self.runs for act in run.acts if act.outcome != "held"]
        return tuple(
            Span(a.subject or "host", a.step, a.start, a.end, FAILED if a.outcome == "failed" else a.step) for a in acts
        )

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The disaster where it is known, and the orders."""
        lost = () if self.disaster == self.runs[0].ordered else (Mark(self.disaster, "disaster"),)
        return (*lost, *(Mark(run.ordered, WORDS.get(run.kind, run.kind)) for run in self.runs))


def _order(entry: Entry) -> dict[str, Any]:
    return dict(entry.detail)


def _begin(entry: Entry) -> Begin:
    order = _order(entry)
    signed = Signed(str(order["order"]), dict(order["signatures"])) if "order" in order else None
    return Begin(
        entry.at, str(order["by"]), datetime.fromisoformat(order.get("ordered") or entry.at.isoformat()), signed
    )


def there(runs: Iterable[Run]) -> list[Run]:
    """Those that bring vhosts up elsewhere: all but a return's."""
    return [run for run in runs if run.kind not in RETURN]


def taken_up(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Those of a journal since its job was taken up last, with that one; none where it never was."""
    return entries[max((n for n, entry in enumerate(entries) if entry.event == "opened"), default=len(entries)) :]


def ordered(domain: str, runs: Sequence[Run]) -> datetime:
    """When it was first ordered that this vhost comes up elsewhere: a later plan may bring what the first left."""
    bringing = (run for run in there(runs) if any(move["domain"] == domain for move in run.plan["moves"]))
    return next(bringing, runs[0]).ordered


def served(domain: str, runs: Iterable[Run]) -> datetime | None:
    """When visitors found that vhost elsewhere; where nobody is sent there, as in a drill, when it was proven."""
    bringing = there(runs)
    ends = (run.ended(DNS if run.kind == ACTIVATE else PROVE, domain) for run in bringing)
    return min((end for end in ends if end), default=None)


def _acts(entries: Sequence[Entry]) -> tuple[Act, ...]:
    """Begun and ended belong together by step and subject; what has no end was interrupted by the next run."""
    acts: list[Act] = []
    begun: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        key = (entry.step, entry.subject)
        if entry.event == "begun":
            begun[key] = entry
        elif entry.event in ENDS:
            start = begun.pop(key, entry)
            acts.append(
                Act(
                    *key,
                    start.at,
                    entry.at,
                    entry.event,
                    _said(entry),
                    _instant(entry, "until"),
                    _instant(entry, "drained"),
                )
            )
        elif entry.event == "opened":
            acts += [Act(*key, start.at, entry.at, "interrupted", "") for key, start in begun.items()]
            begun.clear()
    acts += [Act(*key, start.at, entries[-1].at, "interrupted", "") for key, start in begun.items()]
    return tuple(acts)


def _said(entry: Entry) -> str:
    return str(entry.detail.get("error" if entry.event == FAILED else "evidence") or "")


def _instant(entry: Entry, word: str) -> datetime | None:
    said = entry.detail.get(word)
    return datetime.fromisoformat(str(said)) if said else None


def _home(run: Run) -> bool:
    return run.kind in (REDIRECT, CANCEL) and run.ok


def latest(found: Iterable[Run]) -> tuple[Run, ...]:
    """From the first activation that was not followed by a completed return before the last activation."""
    runs = sorted(found, key=lambda run: run.ordered)
    last = max((number for number, run in enumerate(runs) if run.kind == ACTIVATE), default=-1)
    before = max((number for number, run in enumerate(runs[: last + 1]) if _home(run)), default=-1)
    first = next((n for n, run in enumerate(runs) if n > before and run.kind == ACTIVATE), len(runs))
    return tuple(runs[first:])


def _outage(move: Mapping[str, Any], runs: Sequence[Run], lost: datetime) -> Outage:
    domain = move["domain"]
    points = _points(move, there(runs))
    point = min(points, default=None, key=lambda one: one[1])
    bases = [at for kind, at in points if kind != FILES]
    up = served(domain, runs)
    ways = [(run, step) for run in runs if run.kind == REDIRECT for step in (HAND_OVER, DNS)]
    home = min((end for run, step in ways if (end := run.ended(step, domain))), default=None)
    frozen = min((a.start for run in runs if run.kind in RETURN for a in run.acts if a.step == FREEZE), default=None)
    return Outage(
        domain=domain,
        recovery_point=None if point is None else point[1],
        rpo=None if point is None else max(lost - point[1], timedelta(0)),
        databases=max(lost - min(bases), timedelta(0)) if bases else None,
        rto=None if up is None else up - ordered(domain, runs),
        away=None if home is None or frozen is None else home - frozen,
    )


def _points(move: Mapping[str, Any], runs: Sequence[Run]) -> list[tuple[str, datetime]]:
    """Kind, and up to when it was brought back: as the step said that did it; before, or of files, as was planned."""
    used = {act.subject: act.until for run in runs for act in run.acts if act.step == DATABASE and act.until}
    until = {tail["archive"]: tail["until"] for tail in move.get("tails", ())}
    rows = [(row.get("kind", FILES), until.get(row.get("id"), row["taken"])) for row in move["archives"]]
    return [(kind, used.get(kind) or datetime.fromisoformat(at)) for kind, at in rows]
