"""DNS is switched at a real Knot and proven at a real BIND behind it, both on this machine's loopback."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from time import monotonic

import pytest
from dns_estate import SECRET
from two_servers import BIND, FOREIGN, KEY, KNOT, NEW, OLD, Lab, two_servers
from two_servers import tree as tree

from drp import dns
from drp.dns import Change, rfc2136
from effects.clock import now
from effects.dns import Edit, Server, update
from estate.problem import BadEstate, Failed, Refused, Unreachable, Untrusted

pytestmark = pytest.mark.lab


@pytest.fixture
def lab(tmp_path: Path, tree: Path) -> Iterator[Lab]:
    with two_servers(tree, tmp_path) as made:
        yield made


def test_a_switch_reaches_every_server_and_touches_only_what_pointed_at_the_lost_host(lab: Lab) -> None:
    planned = lab.plan()
    assert lab.holds(planned) == {"ns1": False, "ns2": False}  # so this test can fail
    lab.switch(planned)
    lab.soon(planned)
    assert lab.at(BIND, "shop.example.") == tuple(sorted([NEW, "192.0.2.77"]))
    assert lab.at(BIND, "www.shop.example.") == (NEW,)
    assert lab.at(BIND, "shop.example.", "TXT") == (f'"v=spf1 ip4:{NEW} -all"',)
    assert lab.plan() == ()


def test_a_wildcard_moves_with_the_names_that_it_answers_for_and_hints_with_them(lab: Lab) -> None:
    """www has a record of its own with the same address; ghost has none."""
    hint = f'1 . alpn="h2" ipv4hint="{OLD}"'
    edits = (Edit("*.shop.example.", "A", (), (OLD,), 60), Edit("shop.example.", "HTTPS", (), (hint,), 60))
    assert update(Server("ns1", KNOT, lab.port), "shop.example", edits, KEY)
    shop = lab.estate.vhosts["shop.example"]
    aliased = replace(shop, aliases=(*shop.aliases, "ghost.shop.example"))
    mine = replace(lab, estate=replace(lab.estate, vhosts={"shop.example": aliased}))
    planned = mine.plan()
    assert lab.at(KNOT, "ghost.shop.example.") == (OLD,)
    mine.switch(planned)
    mine.soon(planned)
    assert {lab.at(BIND, f"{name}.shop.example.") for name in ("www", "ghost", "any")} == {(NEW,)}
    assert lab.at(BIND, "shop.example.", "HTTPS") == (hint.replace(OLD, NEW),)
    mine.switch(planned)  # again: it is done, and no conflict
    assert mine.plan() == ()


def test_sent_again_after_its_answer_was_lost_it_is_done_and_no_conflict(lab: Lab) -> None:
    planned = lab.plan()
    lab.switch(planned)
    lab.switch(planned)
    assert lab.holds(planned)["ns1"] is True


def test_whether_a_switch_would_be_taken_is_asked_without_changing_anything(lab: Lab) -> None:
    before = lab.at(KNOT, "shop.example.", "SOA")
    assert abs(rfc2136.switchable(lab.estate, lab.zone(), SECRET, port=lab.port)) <= 1  # seconds between the clocks
    with pytest.raises(Untrusted):
        rfc2136.switchable(lab.estate, lab.zone(), SECRET[::-1].replace("=", "A"), port=lab.port)
    nowhere = replace(lab.zone(), name="nowhere.example")
    with pytest.raises(Failed):
        rfc2136.switchable(lab.estate, nowhere, SECRET, port=lab.port)
    second = replace(lab.zone(), servers=("ns2", "ns1"))
    with pytest.raises(Failed, match="ns2"):
        rfc2136.switchable(lab.estate, second, SECRET, port=lab.port)
    assert lab.at(KNOT, "shop.example.", "SOA") == before


def test_what_a_third_party_changed_meanwhile_is_shown_and_nothing_is_switched(lab: Lab) -> None:
    planned = lab.plan()
    theirs = Edit("www.shop.example.", "A", (OLD,), (FOREIGN,), 60)
    assert update(Server("ns1", KNOT, lab.port), "shop.example", (theirs,), KEY)
    with pytest.raises(Refused, match=rf"www.shop.example. A is {FOREIGN}, not {OLD}"):
        lab.switch(planned)
    assert lab.at(KNOT, "shop.example.") == tuple(sorted([OLD, "192.0.2.77"]))


def test_what_somebody_already_switched_by_hand_is_not_in_the_way_of_the_rest(lab: Lab) -> None:
    planned = lab.plan()
    by_hand = Edit("www.shop.example.", "A", (OLD,), (NEW,), 60)
    assert update(Server("ns1", KNOT, lab.port), "shop.example", (by_hand,), KEY)
    lab.switch(planned)
    assert lab.holds(planned)["ns1"] is True


def test_a_record_that_vanished_meanwhile_is_a_conflict(lab: Lab) -> None:
    planned = lab.plan()
    theirs = Edit("www.shop.example.", "A", (OLD,), (), 60)
    assert update(Server("ns1", KNOT, lab.port), "shop.example", (theirs,), KEY)
    with pytest.raises(Refused, match="A is nothing"):
        lab.switch(planned)


def test_a_record_can_be_made_where_none_stood(lab: Lab) -> None:
    made = Change("shop.example", "new.shop.example.", "AAAA", (), ("2001:db8::1",), 60)
    lab.switch((made,))
    lab.soon((made,))


def test_a_secondary_that_lags_is_named(lab: Lab) -> None:
    planned = lab.plan("late.example")
    lab.switch(planned, zone="late.example")
    assert lab.holds(planned, "late.example") == {"ns1": True, "ns2": False}


def test_a_silent_secondary_is_not_proven_rather_than_wrong_and_costs_seconds_only(lab: Lab) -> None:
    planned = lab.plan()
    lab.switch(planned)
    lab.soon(planned)
    with lab.silent("ns2"):
        start = monotonic()
        assert lab.holds(planned) == {"ns1": True, "ns2": None}
        assert monotonic() - start < 5


def test_a_silent_primary_is_unreachable_within_seconds_and_the_switch_can_be_run_again(lab: Lab) -> None:
    planned = lab.plan()
    with lab.silent("ns1"):
        start = monotonic()
        with pytest.raises(Unreachable, match=rf"ns1 \({KNOT} port {lab.port}\)"):
            lab.switch(planned)
        assert monotonic() - start < 5
    lab.switch(planned)
    lab.soon(planned)


def test_a_dead_server_is_unreachable_and_the_living_one_is_still_proven(lab: Lab) -> None:
    os.kill(lab.pids.pop("ns1"), signal.SIGKILL)
    with pytest.raises(Unreachable, match="ns1"):
        lab.switch((Change("shop.example", "shop.example.", "A", (OLD,), (NEW,), 60),))
    standing = Change("shop.example", "www.shop.example.", "A", (), (OLD,), 60)
    assert lab.holds((standing,)) == {"ns1": None, "ns2": True}


def test_a_wrong_secret_is_untrusted_and_changes_nothing(lab: Lab) -> None:
    planned = lab.plan()
    with pytest.raises(Untrusted, match="TSIG key") as told:
        lab.switch(planned, secret="d3JvbmcgYnV0IHN0aWxsIGJhc2U2NA==")
    assert "compare the key" in told.value.hint
    assert lab.plan() == planned


def test_a_key_that_can_be_none_is_told_before_anything_is_sent(lab: Lab) -> None:
    with pytest.raises(BadEstate, match="not base64"):
        lab.switch(lab.plan(), secret="???")
    zone = replace(lab.zone(), tsig=replace(lab.tsig, algorithm="hmac-sha265"))
    with pytest.raises(BadEstate, match="hmac-sha265"):
        lab.with_zone(zone).switch(lab.plan())


def test_clocks_apart_are_told_as_such(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = lab.plan()
    then = now() - timedelta(seconds=900)
    monkeypatch.setattr("effects.dns_many.now", lambda: then)
    with pytest.raises(Untrusted, match="clocks") as told:
        lab.switch(planned)
    assert "date -u" in told.value.hint


def test_a_server_that_takes_no_updates_says_so(lab: Lab) -> None:
    secondary_first = replace(lab.zone(), servers=("ns2", "ns1"))
    with pytest.raises(Failed, match="REFUSED") as told:
        lab.with_zone(secondary_first).switch(lab.plan())
    assert "primary" in told.value.hint


def test_a_key_that_the_server_does_not_know_is_untrusted(lab: Lab) -> None:
    zone = replace(lab.zone(), tsig=replace(lab.tsig, name="stranger"))
    with pytest.raises(Untrusted, match="TSIG key"):
        lab.with_zone(zone).switch(lab.plan())


def test_a_zone_that_a_server_does_not_have_is_told_and_does_not_hold(lab: Lab) -> None:
    change = Change("gone.example", "gone.example.", "A", (OLD,), (NEW,), 60)
    zone = replace(lab.zone(), name="gone.example")
    with pytest.raises(Failed, match=r"gone\.example"):
        lab.with_zone(zone).switch((change,), zone=zone.name)
    assert lab.with_zone(zone).holds((change,), zone.name) == {"ns1": False, "ns2": False}


def test_a_server_with_two_addresses_is_reached_by_the_one_that_answers(lab: Lab) -> None:
    dead, living = IPv4Address("127.0.83.9"), IPv6Address(f"::ffff:{KNOT}")
    hosts, zones = dict(lab.estate.hosts), dict(lab.estate.zones)
    hosts["ns1"] = replace(hosts["ns1"], ipv4=dead)
    zones["shop.example"] = replace(zones["shop.example"], servers=("ns1",))
    with pytest.raises(Unreachable, match=str(dead)):
        replace(lab, estate=replace(lab.estate, hosts=hosts, zones=zones)).plan()
    hosts["ns1"] = replace(hosts["ns1"], ipv6=living)
    assert replace(lab, estate=replace(lab.estate, hosts=hosts, zones=zones)).plan() == lab.plan()


def test_with_the_primary_down_a_plan_is_made_from_the_secondary_and_not_carried_out(lab: Lab) -> None:
    planned = lab.plan()
    with lab.silent("ns1"):
        assert lab.plan() == planned
        with pytest.raises(Unreachable, match="ns1"):
            lab.switch(planned)


def test_each_address_of_a_server_is_proven_by_itself(lab: Lab) -> None:
    """Over IPv6 somebody else answers for ns1 here, who does not follow; then nobody does."""
    planned = lab.plan("late.example")
    lab.switch(planned, zone="late.example")
    zone = replace(lab.zone("late.example"), servers=("ns1",))
    for other, there in ((f"::ffff:{BIND}", False), ("::ffff:127.0.83.9", None)):
        split = {**lab.estate.hosts, "ns1": replace(lab.estate.hosts["ns1"], ipv6=IPv6Address(other))}
        mine = replace(lab, estate=replace(lab.estate, hosts=split)).with_zone(zone)
        seen = mine.holds(planned, "late.example")
        assert seen == {"ns1": True, "ns1 over IPv6": there}
        assert dns.proven(seen) is (there is None)


def test_the_way_back_ends_where_the_way_there_began(lab: Lab) -> None:
    """The twin has no IPv6: what was taken out is put back, and nothing is made where a wildcard had answered."""
    six = str(lab.estate.hosts["web1"].ipv6)
    names = ("shop.example.", "*.shop.example.", "www.shop.example.")
    edits = (*(Edit(name, "AAAA", (), (six,), 60) for name in names), Edit("*.shop.example.", "A", (), (OLD,), 60))
    assert update(Server("ns1", KNOT, lab.port), "shop.example", edits, KEY)
    shop = lab.estate.vhosts["shop.example"]
    hosts = {**lab.estate.hosts, "twin1": replace(lab.estate.hosts["twin1"], ipv6=None)}
    vhosts = {"shop.example": replace(shop, aliases=(*shop.aliases, "ghost.shop.example"))}
    mine = replace(lab, estate=replace(lab.estate, hosts=hosts, vhosts=vhosts))
    before, there = mine.zone_file("shop.example"), mine.plan()
    mine.switch(there)
    assert mine.at(KNOT, "ghost.shop.example.", "AAAA") == ()
    back = mine.plan(back=there)
    mine.switch(back)
    mine.soon(back)
    assert mine.zone_file("shop.example") == before
    assert {change.kept for change in back if not change.before} == {60}  # what the SOA says
    mine.switch(back)  # again: it is done


def test_zones_are_switched_together_and_what_is_wrong_with_one_keeps_no_other(lab: Lab) -> None:
    theirs = Edit("www.shop.example.", "A", (OLD,), (FOREIGN,), 60)
    plans = {zone: lab.plan(zone) for zone in ("shop.example", "late.example")}
    assert update(Server("ns1", KNOT, lab.port), "shop.example", (theirs,), KEY)
    faults = lab.provider().switch_all(plans)
    assert isinstance(faults["shop.example"], Refused)
    assert faults["late.example"] is None
    assert lab.provider().switch_all({"late.example": plans["late.example"]}) == {"late.example": None}
