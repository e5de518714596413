"""Several vhosts' DNS in one go: what stands in one's way is not in another's."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from saved_estate import site

from drp import dns
from drp.dns import Change
from drp.step import World
from drp.steps import announce
from drp.steps.announce import Dns, Redirecting
from estate.problem import Failed, Problem, Refused, Unreachable

ByZone = Mapping[str, Sequence[Change]]
Records = dict[str, tuple[str, ...]]
OLD, NEW = ("10.0.0.1",), ("10.0.0.2",)


class Names:
    """A primary and a secondary: each zone at once or not at all, and a conflict where a record is neither."""

    def __init__(self, records: Records, dead: str = "", stale: str = "") -> None:
        self.records, self.dead, self.stale = records, dead, stale
        self.messages: list[str] = []

    def switch_all(self, _estate: object, by_zone: ByZone, _: object) -> dict[str, Problem | None]:
        return {zone: self._switch(zone, changes) for zone, changes in by_zone.items()}

    def _switch(self, zone: str, changes: Sequence[Change]) -> Problem | None:
        self.messages.append(zone)
        if zone == self.dead:
            return Unreachable(f"{zone}: no answer", hint="-")
        if any(self.records[one.name] not in (one.before, one.after) for one in changes):
            return Refused(f"{zone}: somebody else changed DNS", hint="-")
        self.records |= {one.name: one.after for one in changes}
        return None

    def holds_all(self, _estate: object, by_zone: ByZone, _: object) -> dict[str, dict[str, bool | None]]:
        there = {zone: all(self.records[one.name] == one.after for one in changes) for zone, changes in by_zone.items()}
        return {zone: {"ns1": holds, "ns2": holds and zone != self.stale} for zone, holds in there.items()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    here = site(tmp_path, "twin1")
    return World(here, None)  # type: ignore[arg-type]


def steps(world: World, *names: str) -> list[Dns]:
    """Of each vhost of the lab one record, of that name; the zone is the vhost's, or that after a slash."""
    found = zip(world.site.estate.vhosts.values(), names, strict=False)
    return [Dns(vhost, (Change(zone_of(name), name, "A", OLD, NEW, 60),)) for vhost, name in found]


def zone_of(name: str) -> str:
    return name.split("@")[1]


def answered(names: Names, world: World, monkeypatch: pytest.MonkeyPatch, mine: list[Dns]) -> list[Problem | None]:
    monkeypatch.setattr(dns, "switch_all", names.switch_all)
    monkeypatch.setattr(dns, "holds_all", names.holds_all)
    monkeypatch.setattr(announce, "FOLLOW", 0.0)
    return Redirecting(mine).act(world)


def test_one_message_a_zone_however_many_vhosts_are_in_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = steps(world, "a@shop.example", "b@shop.example", "c@docs.example")
    names = Names(dict.fromkeys(("a@shop.example", "b@shop.example", "c@docs.example"), OLD))
    assert answered(names, world, monkeypatch, mine) == [None, None, None]
    assert names.messages == ["docs.example", "shop.example"]
    assert Redirecting(mine).proofs(world) == ["ns1 holds, ns2 holds"] * 3


def test_a_conflict_keeps_its_own_vhost_and_no_neighbour_in_the_zone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names({"a@shop.example": OLD, "b@shop.example": ("192.0.2.9",), "c@docs.example": OLD})
    mine = steps(world, *names.records)
    faults = answered(names, world, monkeypatch, mine)
    assert [type(fault) for fault in faults] == [type(None), Refused, type(None)]
    assert names.records == {"a@shop.example": NEW, "b@shop.example": ("192.0.2.9",), "c@docs.example": NEW}


def test_a_primary_that_is_dead_is_waited_for_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names({"a@shop.example": OLD, "b@shop.example": OLD, "c@docs.example": OLD}, dead="shop.example")
    faults = answered(names, world, monkeypatch, steps(world, *names.records))
    assert [type(fault) for fault in faults] == [Unreachable, Unreachable, type(None)]
    assert names.messages.count("shop.example") == 1


def test_a_secondary_that_does_not_follow_is_said_of_its_own_vhosts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names({"a@shop.example": OLD, "b@docs.example": OLD}, stale="shop.example")
    faults = answered(names, world, monkeypatch, steps(world, *names.records))
    assert isinstance(faults[0], Failed)
    assert "a name server still answers" in faults[0].what
    assert faults[1] is None
