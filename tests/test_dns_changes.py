"""What a switch would change is worked out purely, and is as little as possible."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from dns_estate import TWIN1, WEB1, estate_of
from hypothesis import given
from hypothesis import strategies as st

from drp.dns import Change, changes
from estate.model import Host

ESTATE = estate_of({"ns1": "10.83.2.53"})
SHOP = ESTATE.vhosts["shop.example"]
Records = Mapping[tuple[str, str], tuple[str, ...]]


def planned(records: Records, old: Host = WEB1, new: Host = TWIN1) -> tuple[Change, ...]:
    return changes(ESTATE, SHOP, old, new, lambda name, rtype: records.get((name, rtype), ()))


def spf(text: str, old: Host = WEB1, new: Host = TWIN1) -> str:
    """The text that `text` becomes."""
    found = planned({("shop.example.", "TXT"): (f'"{text}"',)}, old, new)
    return found[0].after[0].strip('"') if found else text


def everywhere(_name: str, rtype: str) -> tuple[str, ...]:
    """Every name has the address of the old host."""
    return ("10.83.1.10",) if rtype == "A" else ()


def test_addresses_of_the_domain_and_its_aliases_move_in_both_families() -> None:
    assert planned({("shop.example.", "A"): ("10.83.1.10",), ("www.shop.example.", "AAAA"): ("fd83:1::10",)}) == (
        Change("shop.example", "shop.example.", "A", ("10.83.1.10",), ("10.83.3.10",), 60),
        Change("shop.example", "www.shop.example.", "AAAA", ("fd83:1::10",), ("fd83:3::10",), 60),
    )


def test_a_record_that_points_elsewhere_is_left_alone() -> None:
    assert planned({("shop.example.", "A"): ("192.0.2.7",), ("shop.example.", "TXT"): ('"hello"',)}) == ()


def test_one_address_of_several_is_replaced_and_one_that_is_there_is_not_added_twice() -> None:
    (change,) = planned({("shop.example.", "A"): ("10.83.3.10", "10.83.1.10", "192.0.2.7")})
    assert change.before == ("10.83.1.10", "10.83.3.10", "192.0.2.7")
    assert change.after == ("10.83.3.10", "192.0.2.7")


def test_a_twin_without_ipv6_takes_the_lost_address_out() -> None:
    bare = replace(TWIN1, ipv6=None)
    (change,) = planned({("shop.example.", "AAAA"): ("fd83:1::10",)}, new=bare)
    assert change.after == ()


def test_a_name_in_no_zone_of_the_estate_is_left_out() -> None:
    vhost = replace(SHOP, aliases=("shop.elsewhere", "notshop.example"))
    found = changes(ESTATE, vhost, WEB1, TWIN1, everywhere)
    assert [change.name for change in found] == ["shop.example.", "*.shop.example."]


def test_the_longest_zone_holds_a_name() -> None:
    zones = {**ESTATE.zones, "www.shop.example": replace(ESTATE.zones["shop.example"], name="www.shop.example")}
    nested = replace(ESTATE, zones=zones)
    found = changes(nested, SHOP, WEB1, TWIN1, everywhere)
    assert [change.zone for change in found] == ["shop.example"] * 2 + ["www.shop.example"] * 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("v=spf1 ip4:10.83.1.10 -all", "v=spf1 ip4:10.83.3.10 -all"),
        ("v=spf1 mx ~ip4:10.83.1.10/32 a -all", "v=spf1 mx ~ip4:10.83.3.10 a -all"),
        ("v=spf1 ip6:FD83:1:0::10 -all", "v=spf1 ip6:fd83:3::10 -all"),
        ("v=spf1 ip4:10.83.1.10 ip4:10.83.3.10 -all", "v=spf1 ip4:10.83.3.10 -all"),
        ("v=spf1 ip4:10.83.1.0/24 -all", "v=spf1 ip4:10.83.1.0/24 -all"),  # a wider network is a choice
        ("v=spf1 ip4:10.83.1.100 ip4:110.83.1.10 -all", "v=spf1 ip4:10.83.1.100 ip4:110.83.1.10 -all"),
        ("v=spf10 ip4:10.83.1.10", "v=spf10 ip4:10.83.1.10"),
        ("see ip4:10.83.1.10", "see ip4:10.83.1.10"),
        ("v=spf1 ip4:nonsense ip4:10.83.1.10/99 -all", "v=spf1 ip4:nonsense ip4:10.83.1.10/99 -all"),
    ],
)
def test_spf_names_the_new_host_where_it_named_the_old_one(before: str, after: str) -> None:
    assert spf(before) == after


def test_spf_loses_a_mention_that_the_new_host_has_no_address_for() -> None:
    assert spf("v=spf1 ip6:fd83:1::10 -all", new=replace(TWIN1, ipv6=None)) == "v=spf1 -all"


HINTS = [
    ('1 . alpn="h2" ipv4hint="10.83.1.10"', '1 . alpn="h2" ipv4hint="10.83.3.10"'),
    ('1 . ipv4hint="192.0.2.7,10.83.1.10"', '1 . ipv4hint="10.83.3.10,192.0.2.7"'),
    ('1 . ipv6hint="fd83:1::10"', '1 . ipv6hint="fd83:3::10"'),
    ('1 . ipv4hint="192.0.2.7"', '1 . ipv4hint="192.0.2.7"'),
    ("0 cdn.example.", "0 cdn.example."),
]


def hinted(value: str, new: Host = TWIN1) -> str:
    found = planned({("shop.example.", "HTTPS"): (value,)}, new=new)
    return found[0].after[0] if found else value


@pytest.mark.parametrize(("before", "after"), HINTS)
def test_browsers_are_hinted_at_the_new_host(before: str, after: str) -> None:
    assert hinted(before) == after


def test_a_hint_that_the_new_host_has_no_address_for_goes_and_is_demanded_no_longer() -> None:
    bare = replace(TWIN1, ipv6=None)
    assert hinted('1 . mandatory="alpn,ipv6hint" alpn="h2" ipv6hint="fd83:1::10"', bare) == (
        '1 . mandatory="alpn" alpn="h2"'
    )
    assert hinted('1 . mandatory="ipv6hint" ipv6hint="fd83:1::10"', bare) == "1 ."


def test_wildcards_below_the_vhosts_names_move_too() -> None:
    (change,) = planned({("*.shop.example.", "A"): ("10.83.1.10",)})
    assert (change.name, change.after) == ("*.shop.example.", ("10.83.3.10",))


def test_a_long_spf_record_is_joined_before_it_is_read_and_cut_again_afterwards() -> None:
    filler = " ".join(f"ip4:192.0.2.{number}" for number in range(40))
    whole = f"v=spf1 {filler} ip4:10.83.1.10 -all"
    pieces = f'"{whole[:200]}" "{whole[200:400]}" "{whole[400:]}"'
    (change,) = planned({("shop.example.", "TXT"): (pieces,)})
    strings = change.after[0].strip('"').split('" "')
    assert "".join(strings) == whole.replace("10.83.1.10", "10.83.3.10")
    assert all(len(string) <= 255 for string in strings)


ADDRESSES = st.sets(st.sampled_from(["10.83.1.10", "192.0.2.1", "192.0.2.2", "198.51.100.3"]))


@given(apex=ADDRESSES, www=ADDRESSES)
def test_there_and_back_is_where_we_were_and_a_second_look_finds_nothing(apex: set[str], www: set[str]) -> None:
    records = {("shop.example.", "A"): tuple(sorted(apex)), ("www.shop.example.", "A"): tuple(sorted(www))}
    there = {**records, **{(change.name, change.rtype): change.after for change in planned(records)}}
    assert planned(there) == ()
    back = planned(there, TWIN1, WEB1)
    assert {**there, **{(change.name, change.rtype): change.after for change in back}} == records


SIX = st.sets(st.sampled_from(["fd83:1::10", "fd83:3::10", "2001:db8::7"]))
BOTH = st.sets(st.sampled_from(["10.83.1.10", "10.83.3.10", "192.0.2.1"]))
SPF = st.sampled_from(["v=spf1 ip4:10.83.1.10 ip6:fd83:1::10 -all", "v=spf1 ip4:10.83.1.10 ip4:10.83.3.10 mx", "other"])


@given(four=BOTH, six=SIX, text=SPF, bare=st.booleans())
def test_what_was_changed_is_undone_exactly_even_what_the_twin_has_no_address_for(
    four: set[str], six: set[str], text: str, bare: bool
) -> None:
    twin = replace(TWIN1, ipv6=None) if bare else TWIN1
    zone: dict[tuple[str, str], tuple[str, ...]] = {("shop.example.", "TXT"): (f'"{text}"',)}
    zone |= {("shop.example.", "A"): tuple(sorted(four)), ("*.shop.example.", "AAAA"): tuple(sorted(six))}
    made = planned(zone, new=twin)
    there = {**zone, **{(change.name, change.rtype): change.after for change in made}}
    back = changes(ESTATE, SHOP, twin, WEB1, lambda name, rtype: there.get((name, rtype), ()), made=made)
    left = {**there, **{(change.name, change.rtype): change.after for change in back}}
    untouched = {key for key in zone if key not in {(change.name, change.rtype) for change in made}}
    assert {key: left[key] for key in zone if key not in untouched} == {
        key: zone[key] for key in zone if key not in untouched
    }


def test_what_somebody_changed_after_the_switch_is_not_put_back() -> None:
    made = planned({("shop.example.", "A"): ("10.83.1.10", "192.0.2.1")})
    now: Records = {("shop.example.", "A"): ("10.83.3.10",)}  # 192.0.2.1 was taken out meanwhile
    (back,) = changes(ESTATE, SHOP, TWIN1, WEB1, lambda name, rtype: now.get((name, rtype), ()), made=made)
    assert back.after == ("10.83.1.10",)


def test_a_change_knows_how_long_resolvers_keep_what_stood_before() -> None:
    made = (Change("shop.example", "shop.example.", "AAAA", ("fd83:1::10",), (), 60),)
    soa = "ns1. hostmaster. 1 3600 600 86400 900"
    now: Records = {("shop.example.", "A"): ("10.83.3.10",), ("shop.example.", "SOA"): (soa,)}
    ttls = {("shop.example.", "A"): 300}
    found = changes(ESTATE, SHOP, TWIN1, WEB1, lambda *of: now.get(of, ()), ttls=ttls, made=made)
    assert [(change.rtype, change.kept) for change in found] == [("A", 300), ("AAAA", 900)]
