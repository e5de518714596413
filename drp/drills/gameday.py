"""Whether it would have worked without those that a game day takes away, and what each person has to do. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from drp.drills.chosen import Choice, people
from drp.plan import Plan
from drp.ready.comebacks import stranded
from estate.model import Drp, Estate
from estate.orders import short_of
from estate.people import call_tree
from templates import render


@dataclass(frozen=True, slots=True)
class Called:
    """Who answers for one role."""

    role: str
    asked: tuple[str, ...]  # who would be called, in this order
    by: str | None  # who takes it; None: nobody of them may take part


@dataclass(frozen=True, slots=True)
class Back:
    """What would have become of one vhost."""

    domain: str
    archives: tuple[str, ...]  # names with their sides
    rpo: float | None  # seconds of work lost at most; None: there is no recovery point left
    promised: float | None  # the same, as promised to its client
    proven: bool | None  # whether its recovery point came up whole before; None: not looked at yet
    why: str  # it would not have been served; empty: it would

    @property
    def ok(self) -> bool:
        """Served, and with no more lost than was promised."""
        return not self.why and (self.promised is None or self.rpo is None or self.rpo <= self.promised)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a game day found."""

    choice: Choice
    seal: str  # of the plan that was made without what is lost; empty: none could be made
    orders: str  # why no order could have been given, in words; empty: it could
    glass: bool  # whether somebody is left who could break it
    roles: tuple[Called, ...]
    vhosts: tuple[Back, ...]
    silent: tuple[str, ...]  # what did not answer, though it was not lost

    @property
    def faults(self) -> tuple[str, ...]:
        """What stands against it, worst first; none: it would have worked."""
        untaken = [f"nobody is left who {one.role}: {', '.join(one.asked)}" for one in self.roles if one.by is None]
        bad = [f"{one.domain}: {one.why or _too_much(one)}" for one in self.vhosts if not one.ok]
        return (*([self.orders] if self.orders else []), *bad, *untaken)

    @property
    def ok(self) -> bool:
        """Whether it would have worked, by the rules."""
        return bool(self.vhosts) and not self.faults


def judge(estate: Estate, choice: Choice, plan: Plan | str, promised: Mapping[str, timedelta | None]) -> Outcome:
    """Of the plan that was made without what is lost, or why there is none. `promised`: the RPO of each vhost."""
    left = {name for name, keys in estate.drp.approvers.items() if keys and name not in choice.people}
    return Outcome(
        choice,
        "" if isinstance(plan, str) else plan.seal,
        _orders(estate.drp, left),
        bool(left),
        roles(estate.drp, choice.people),
        _vhosts(estate, choice, plan, promised),
        () if isinstance(plan, str) else plan.faults,
    )


def _orders(drp: Drp, left: Collection[str]) -> str:
    missing = short_of(drp, left)
    return f"no order could have been given: {missing}" if missing else ""


def roles(drp: Drp, away: Collection[str]) -> tuple[Called, ...]:
    """For each role, who takes it: the first of those who would be called that may take part."""
    found = []
    for calls in call_tree(drp.people):
        names = tuple(one.name for one in calls)
        found.append(Called(calls[0].role, names, next((name for name in names if name not in away), None)))
    return tuple(found)


def _vhosts(
    estate: Estate, choice: Choice, plan: Plan | str, promised: Mapping[str, timedelta | None]
) -> tuple[Back, ...]:
    if isinstance(plan, str):
        return tuple(
            Back(domain, (), None, _seconds(most), None, f"no activation could be planned: {plan}")
            for domain, most in promised.items()
        )
    return tuple(
        Back(
            move.domain,
            tuple(f"{archive.name} ({archive.side})" for archive in move.archives),
            move.loss(plan.made).total_seconds(),
            _seconds(promised.get(move.domain)),
            move.proven,
            stranded(estate, estate.vhosts[move.domain], choice.hosts),
        )
        for move in plan.moves
    )


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _too_much(one: Back) -> str:
    return f"{one.rpo or 0:.0f} s of work would be lost, and {one.promised or 0:.0f} s were promised at most"


def worksheet(estate: Estate, found: Outcome) -> str:
    """For paper: what is not there, and what each person has to do."""
    drp, away = estate.drp, found.choice.people
    telephones = {name: contact.phone for name, contact in drp.people.items()}
    tasks = {
        name: {
            "phone": telephones.get(name, ""),
            "takes": [one.role for one in found.roles if one.by == name],
            "calls": [one for one in found.roles if one.by == name and one.asked[0] != name],
            "signs": bool(drp.approvers.get(name)),
            "owns": name == drp.owner,
        }
        for name in sorted(people(drp) - {*away})
    }
    return render("game-day.txt.j2", found=found, tasks=tasks, approvals=drp.approvals, telephones=telephones)
