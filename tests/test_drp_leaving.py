"""What keeps a return from beginning: something is switched meanwhile, something would be left, two truths in DNS."""

from dataclasses import replace
from pathlib import Path

import pytest
from begun import World, activate, made, withdraw

from drp import begin, leaving, observe
from drp.dns import primaries, rfc2136
from drp.dns.soa import later
from drp.job import Job
from drp.plan import Observed, Plan
from estate.model import Zone
from estate.problem import Failed, Problem, Refused, Unreachable, Untrusted

PLAN_RETURN = observe.plan_return


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return made(tmp_path, monkeypatch)


def less(world: World) -> Plan:
    """A return of the first vhost alone, as it is while an activation has switched no other yet."""
    plan = World.way_home(world)
    return replace(plan, moves=plan.moves[:1])


def test_nothing_returns_while_an_activation_is_carried_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = activate(world, world.plan().seal)
    monkeypatch.setattr(Job, "runs", lambda one: one.id == job.id)
    with pytest.raises(Refused, match="is carried out at this moment"):
        begin.going(world.site, "return", "")
    with pytest.raises(Refused, match="is carried out at this moment") as said:
        leaving.require(world.site, world.way_home())
    assert job.unit in said.value.hint
    monkeypatch.setattr(Job, "runs", lambda _: False)
    assert withdraw(world)


def test_a_return_that_would_leave_a_site_is_not_gone_on_with(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = observe.plan_return
    monkeypatch.setattr(observe, "plan_return", lambda *_: less(world))
    job = withdraw(world)
    assert begin.startable(world.site, job) == job
    monkeypatch.setattr(observe, "plan_return", whole)  # the activation has gone on meanwhile
    with pytest.raises(Refused, match="would leave there"):
        begin.startable(world.site, job)
    other = withdraw(world)
    assert other.seal != job.seal
    assert len(other.plan.moves) > len(job.plan.moves)


def test_one_that_has_frozen_goes_on_whatever_is_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "plan_return", lambda *_: less(world))
    job = withdraw(world)
    job.journal.write("begun", "freeze", "twin1")
    monkeypatch.setattr(observe, "plan_return", lambda *_: pytest.fail("looked at"))
    assert begin.startable(world.site, job) == job
    assert begin.going(world.site, "return", "") == job


def test_a_zone_with_two_primaries_freezes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "rivals", lambda *_: dict.fromkeys(("a.example", "b.example"), ("ns1", "ns2")))
    with pytest.raises(Refused, match=r"^ns1 and ns2 both take updates of a\.example, b\.example: "):
        withdraw(world)


@pytest.mark.parametrize(
    ("taking", "found"),
    [({"ns1"}, {}), ({"ns2"}, {}), (set(), {}), ({"ns1", "ns2"}, {"shop.example": ("ns1", "ns2")})],
)
def test_rivals_are_several_that_take_updates(
    world: World, monkeypatch: pytest.MonkeyPatch, taking: set[str], found: dict[str, tuple[str, ...]]
) -> None:
    def switchable(_: object, zone: object, __: object) -> int:
        if zone.primary not in taking:  # type: ignore[attr-defined]
            raise Failed("REFUSED", hint="")
        return 0

    monkeypatch.setattr(rfc2136, "switchable", switchable)
    zone = world.site.estate.zones["shop.example"]
    assert primaries.rivals(world.site.estate, [zone], lambda _: "") == found


def test_serials_go_round() -> None:
    assert later(2, 1)
    assert not later(1, 2)
    assert not later(1, 1)
    assert later(3, 2**32 - 3)
    assert not later(2**32 - 3, 3)


def test_what_was_given_to_the_twin_comes_home_wherever_dns_leads(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = frozenset(world.site.estate.vhosts)
    monkeypatch.setattr(
        observe, "_seen", lambda *_: Observed(world.now, 0, (), {}, dict.fromkeys(served, ()), served, ())
    )
    job = activate(world, world.plan().seal)
    with pytest.raises(Refused, match="serves nothing"):
        PLAN_RETURN(world.site)
    job.journal.write("begun", "dns", "ledger.example")  # and no name server was reached
    assert [move.domain for move in PLAN_RETURN(world.site).moves] == ["ledger.example"]


@pytest.mark.parametrize(
    ("primary", "other", "taken"),
    [
        (None, False, True),
        (Unreachable("no answer", hint="look"), True, True),
        (Unreachable("no answer", hint="look"), False, False),
        (Untrusted("the TSIG key is not the one expected", hint="compare"), True, False),  # it is a secondary by now
    ],
)
def test_nothing_is_frozen_where_dns_could_not_be_switched_back(
    world: World, monkeypatch: pytest.MonkeyPatch, primary: Problem | None, other: bool, taken: bool
) -> None:
    def switchable(_: object, zone: Zone, __: object) -> int:
        fault = primary if zone.primary == "ns1" else None if other else Failed("REFUSED", hint="look")
        if fault is not None:
            raise fault
        return 0

    monkeypatch.setattr(rfc2136, "switchable", switchable)
    monkeypatch.setattr(leaving, "revealed", lambda _: "")
    monkeypatch.setattr(leaving, "require_switchable", primaries.require_switchable)
    if taken:
        assert withdraw(world)
    else:
        with pytest.raises(Refused, match="would not be taken") as said:
            withdraw(world)
        assert "first in servers" in said.value.hint
