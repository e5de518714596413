"""Who may order what, until when: decided offline, from signatures that were really made."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ordered import KEYS, drafted, ordered, signed
from saved_estate import T0, everything, lab_estate

from backups.replicas.standby import Standby
from drp import orders
from drp.plan import Observed, Plan, activation
from effects import signatures
from estate.model import Drp, Engine, Estate, Tickets
from estate.orders import Order, lacking
from estate.points import Tail
from estate.problem import BadEstate, Failed, Missing, Refused, Untrusted

SOON = T0 + timedelta(minutes=1)


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    return lab_estate(tmp_path_factory.mktemp("estate"))


def planned(estate: Estate, tails: Mapping[str, Tail] | None = None, epoch: int = 0) -> Plan:
    seen = Observed(T0, epoch, everything(), {}, dict.fromkeys(estate.vhosts, ()), frozenset(), (), tails=tails or {})
    return activation(estate, estate.hosts["web1"], estate.hosts["twin1"], seen)


def demanding(estate: Estate, approvals: int, owner: str | None = None) -> Estate:
    return replace(estate, drp=replace(estate.drp, approvals=approvals, owner=owner))


def test_what_an_approver_signed_is_enough(estate: Estate) -> None:
    plan = planned(estate)
    orders.require(estate, ordered(estate, plan, T0), plan, SOON)


def test_an_order_says_what_it_costs_in_plain_json(estate: Estate) -> None:
    plan = planned(estate)
    order = drafted(estate, plan, T0).order
    assert (order.seal, order.by, order.source, order.target) == (plan.seal, "alice", "web1", "twin1")
    assert order.points == {m.domain: min(m.points().values()) for m in plan.moves}
    assert order.until - order.at == timedelta(hours=4)


def test_nobodys_order_is_no_order(estate: Estate) -> None:
    plan = planned(estate)
    with pytest.raises(Refused, match=r"1 more must sign it, of alice, bob"):
        orders.require(estate, drafted(estate, plan, T0), plan, SOON)


@pytest.mark.parametrize("who", ["alice", "mallory"])
def test_a_signature_with_somebody_elses_key_is_not_theirs(estate: Estate, who: str) -> None:
    plan = planned(estate)
    forged = signed(drafted(estate, plan, T0), who, key=KEYS["mallory"])
    with pytest.raises(Untrusted, match=who):
        orders.require(estate, forged, plan, SOON)


def test_a_good_signature_does_not_carry_a_bad_one(estate: Estate) -> None:
    plan = planned(estate)
    mixed = signed(ordered(estate, plan, T0, "alice"), "bob", key=KEYS["alice"])
    with pytest.raises(Untrusted, match="bob"):
        orders.require(estate, mixed, plan, SOON)


CHANGES = (('"by": "alice"', '"by": "bob"'), (' "reason": ""', ' "reason": "so"'), ("\n", "\n "))


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_not_a_byte_may_differ_from_what_was_signed(estate: Estate, old: str, new: str) -> None:
    plan = planned(estate)
    good = ordered(estate, plan, T0)
    assert old in good.text
    with pytest.raises(Untrusted):
        orders.require(estate, replace(good, text=good.text.replace(old, new, 1)), plan, SOON)


def test_a_signature_that_was_made_for_something_else_is_none(estate: Estate, tmp_path: Path) -> None:
    plan, key = planned(estate), tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text(KEYS["alice"].private)
    wanted = drafted(estate, plan, T0)
    other = wanted.with_signature("alice", signatures.sign(wanted.text, (), "file", key=key))
    with pytest.raises(Untrusted):
        orders.require(estate, other, plan, SOON)


def test_an_order_fits_no_other_plan_and_no_other_estate(estate: Estate) -> None:
    plan, later = planned(estate), planned(estate, epoch=1)
    order = ordered(estate, plan, T0)
    with pytest.raises(Refused, match=later.seal[:12]):
        orders.require(estate, order, later, SOON)
    with pytest.raises(Refused, match="in test"):
        orders.require(replace(estate, name="other"), order, plan, SOON)


@pytest.mark.parametrize(("minutes", "fits"), [(-6, False), (-4, True), (239, True), (240, False), (10_000, False)])
def test_an_order_holds_from_when_it_was_made_to_its_end(estate: Estate, minutes: int, fits: bool) -> None:
    plan = planned(estate)
    order, at = ordered(estate, plan, T0), T0 + timedelta(minutes=minutes)
    if fits:
        orders.require(estate, order, plan, at)
        return
    with pytest.raises(Refused, match="valid from"):
        orders.require(estate, order, plan, at)


@pytest.mark.parametrize("hours", [0, -1, 24.1, 1000])
def test_no_order_is_valid_for_longer_than_a_day(estate: Estate, hours: float) -> None:
    with pytest.raises(BadEstate):
        orders.draft(estate, planned(estate), "alice", T0, valid=timedelta(hours=hours))


def test_where_two_are_needed_one_is_not_enough(estate: Estate) -> None:
    two, plan = demanding(estate, 2), planned(estate)
    with pytest.raises(Refused, match=r"1 more must sign it, of bob"):
        orders.require(two, ordered(two, plan, T0, "alice"), plan, SOON)
    orders.require(two, ordered(two, plan, T0, "alice", "bob"), plan, SOON)


def test_without_the_data_owner_nothing_is_ordered(estate: Estate) -> None:
    owned, plan = demanding(estate, 1, "bob"), planned(estate)
    with pytest.raises(Refused, match="bob, the data owner"):
        orders.require(owned, ordered(owned, plan, T0, "alice"), plan, SOON)
    orders.require(owned, ordered(owned, plan, T0, "bob"), plan, SOON)


def test_breaking_the_glass_takes_one_approver_and_a_reason(estate: Estate) -> None:
    owned, plan = demanding(estate, 2, "bob"), planned(estate)
    wanted = drafted(owned, plan, T0, reason="bob is on a plane")
    with pytest.raises(Refused):
        orders.require(owned, wanted, plan, SOON)
    orders.require(owned, signed(wanted, "alice"), plan, SOON)


def tail(plan: Plan, until: datetime) -> dict[str, Tail]:
    (archive,) = {a for move in plan.moves for a in move.archives if a.kind == Engine.POSTGRESQL}
    return {archive.id: Tail(archive.id, Engine.POSTGRESQL, "chain", "00000001", until)}


def test_a_source_that_was_lost_since_must_not_cost_more_than_was_approved(estate: Estate) -> None:
    bare = planned(estate)
    near = planned(estate, tail(bare, T0))
    far = planned(estate, tail(bare, T0 - timedelta(minutes=30)))
    assert near.seal == far.seal  # the seal alone would let it pass
    assert near.moves[1].points() != far.moves[1].points()
    files_too = replace(far, moves=tuple(replace(m, archives=m.archives[-1:]) for m in far.moves))
    approved = replace(near, moves=tuple(replace(m, archives=m.archives[-1:]) for m in near.moves))
    order = ordered(estate, approved, T0)
    orders.require(estate, order, approved, SOON)
    moved = replace(order.order, seal=files_too.seal)
    with pytest.raises(Refused, match=r"ledger\.example comes back as of"):
        orders._require_no_more_loss(moved, files_too.moves)


def test_what_a_replica_may_have_beyond_its_stream_is_not_promised(estate: Estate) -> None:
    plan = planned(estate, tail(planned(estate), T0))
    ahead = Standby(Engine.POSTGRESQL, None, "replica", T0 + timedelta(hours=1))
    with_replica = replace(plan, moves=tuple(replace(m, replicas=(ahead,)) for m in plan.moves))
    assert drafted(estate, with_replica, T0).order.points == drafted(estate, plan, T0).order.points


NAMES = st.sampled_from(("alice", "bob", "carol", "dave"))


@given(named=st.sets(NAMES, min_size=1), good=st.sets(NAMES), needed=st.integers(1, 4), owner=st.none() | NAMES)
def test_an_order_is_enough_only_with_that_many_people_and_the_owner(
    named: set[str], good: set[str], needed: int, owner: str | None
) -> None:
    drp = Drp(dict.fromkeys(sorted(named | {owner} if owner else named), ("key",)), Tickets(), None, needed, owner)
    order = Order("e", "activate", "s", "a", "b", {}, "alice", T0, SOON)
    mine = good & set(drp.approvers)
    assert (lacking(drp, order, mine) is None) == (len(mine) >= needed and (owner is None or owner in mine))


def test_a_key_that_is_nowhere_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(Missing) as fault:
        signatures.sign("text", (KEYS["alice"].public,), orders.NAMESPACE)
    assert "--key" in fault.value.hint
    (tmp_path / "bad").write_text("no key")
    with pytest.raises(Failed, match="did not sign"):
        signatures.sign("text", (), orders.NAMESPACE, key=tmp_path / "bad")


def test_a_key_beside_its_public_half_at_home_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".ssh"
    folder.mkdir(mode=0o700)
    for name, one in KEYS.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(one.private)
        (folder / f"{name}.pub").write_text(f"{one.public} {name}@desk\n")
    said = signatures.sign("text", (KEYS["bob"].public,), orders.NAMESPACE)
    assert signatures.valid("text", said, (KEYS["bob"].public,), orders.NAMESPACE)
    assert not signatures.valid("text", said, (KEYS["alice"].public,), orders.NAMESPACE)


@pytest.mark.parametrize("text", ["", "{}", "no json", "[1]"])
def test_what_is_no_order_is_said_without_a_traceback(text: str) -> None:
    with pytest.raises(BadEstate):
        orders.read(text)
