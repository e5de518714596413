"""Zones at OVH: switched in place and published once, whatever dies, gets lost or is edited meanwhile."""

from collections.abc import Callable, Sequence
from copy import deepcopy

import pytest
from dns_estate import TWIN1, WEB1, estate_of
from ovh_api import KEYS, Killed, Ovh

from drp.dns import Change, changes
from drp.dns.ovh import switch
from drp.dns.staged import TEXTS, Staged
from drp.dns.values import key
from effects.ovh import Api, Keys
from estate.problem import Failed, Problem, Refused, Unreachable, Untrusted

RECORDS = (
    ("A", "", "10.83.1.10"),
    ("A", "", "192.0.2.77"),
    ("AAAA", "", "FD83:1::10"),
    ("MX", "", "10 mail.example."),
    ("TXT", "", '"site-verification=1"'),
    ("SPF", "", '"v=spf1 ip4:10.83.1.10 ip6:fd83:1::10 include:mx.ovh.com -all"'),
    ("DMARC", "_dmarc", '"v=DMARC1; p=none"'),
    ("A", "www", "10.83.1.10"),
    ("HTTPS", "www", "1 . alpn=h2 ipv4hint=10.83.1.10"),
    ("A", "*.www", "10.83.1.10"),
    ("A", "wwx", "10.83.1.10"),
    ("TXT", "www", "v=spf1 ip4:10.83.1.10 -all"),
)
FEW = (RECORDS[0], RECORDS[1], RECORDS[5], ("A", "www", "10.83.1.10"), ("A", "wwx", "10.83.1.10"))
ESTATE = estate_of({"ns1": "127.0.83.1"})
SHOP = ESTATE.vhosts["shop.example"]


def ovh(records: Sequence[tuple[str, str, str]] = FEW) -> Ovh:
    return Ovh().holding(records)


def wanted(there: Ovh) -> tuple[Change, ...]:
    """As planned from what its name servers give out."""

    def observed(name: str, rtype: str) -> tuple[str, ...]:
        sub = name.removesuffix("shop.example.").rstrip(".")
        kinds = TEXTS if rtype == "TXT" else (rtype,)
        found = [one for one in there.published.values() if one["subDomain"] == sub and one["fieldType"] in kinds]
        quoted = [one["target"] if rtype != "TXT" or '"' in one["target"] else f'"{one["target"]}"' for one in found]
        return tuple(value if rtype == "TXT" else key(rtype, value) for value in quoted)

    return changes(ESTATE, SHOP, WEB1, TWIN1, observed)


def run(there: Ovh, todo: Sequence[Change], waits: list[float] | None = None, keys: Keys = KEYS) -> None:
    def published() -> bool:
        return there.published == there.staged

    there.asked.clear()
    switch(Staged(Api(there, keys, wait=(waits if waits is not None else []).append), there.zone), todo, published)


def done(records: Sequence[tuple[str, str, str]] = FEW) -> tuple[Ovh, tuple[Change, ...]]:
    """A switch that nothing happened to."""
    there = ovh(records)
    todo = wanted(there)
    run(there, todo)
    return there, todo


def at(there: Ovh, words: Callable[[str], bool]) -> list[int]:
    """The numbers of the questions that these words fit."""
    return [number for number, asked in enumerate(there.asked) if words(asked)]


def test_records_are_changed_in_place_and_published_once_and_nothing_else() -> None:
    there, todo = done(RECORDS)
    said = {number: (one["fieldType"], one["target"]) for number, one in there.published.items()}
    before = {number: (kind, target) for number, (kind, _, target) in enumerate(RECORDS, 101)}
    assert said == before | {
        101: ("A", "10.83.3.10"),
        103: ("AAAA", "fd83:3::10"),
        106: ("SPF", '"v=spf1 ip4:10.83.3.10 ip6:fd83:3::10 include:mx.ovh.com -all"'),
        108: ("A", "10.83.3.10"),
        109: ("HTTPS", '1 . alpn="h2" ipv4hint="10.83.3.10"'),
        110: ("A", "10.83.3.10"),
        112: ("TXT", "v=spf1 ip4:10.83.3.10 -all"),
    }
    assert there.refreshes == 1
    assert [one["ttl"] for one in there.published.values() if "83:3:" in one["target"]] == [60, 60]
    assert not at(there, lambda asked: asked.startswith("DELETE") or asked == "POST /domain/zone/shop.example/record")
    run(there, todo)
    assert there.refreshes == 1
    assert not at(there, lambda asked: not asked.startswith("GET"))


@pytest.mark.parametrize("death", ["killed", "-killed"])
def test_killed_at_any_question_the_next_run_ends_the_same(death: str) -> None:
    whole, todo = done()
    for number in range(len(whole.asked)):
        there = ovh()
        there.faults = {number: death}
        with pytest.raises(Killed):
            run(there, todo)
        there.faults = {}
        run(there, todo)
        assert (there.staged, there.published) == (whole.staged, whole.published), number
        assert there.refreshes <= 1 + (number == len(whole.asked) - 1)


@pytest.mark.parametrize("fault", ["429", "500", "-lost"])
def test_what_is_busy_broken_or_lost_is_asked_again(fault: str) -> None:
    whole, todo = done()
    for number in range(len(whole.asked)):
        there, waits = ovh(), list[float]()
        there.faults = {number: fault}
        run(there, todo, waits)
        assert waits == [7.0 if fault == "429" else 0.5]
        assert (there.staged, there.published) == (whole.staged, whole.published)


@pytest.mark.parametrize("fault", ["reset", "-lost"])
def test_where_the_api_goes_away_the_next_run_ends_the_same(fault: str) -> None:
    whole, todo = done()
    for number in range(len(whole.asked)):
        there = ovh()
        there.before = {number: lambda it: it.faults.update({-1: fault})}
        with pytest.raises(Unreachable):
            run(there, todo)
        there.faults, there.before = {}, {}
        run(there, todo)
        assert (there.staged, there.published) == (whole.staged, whole.published), number


def test_an_edit_by_somebody_else_at_any_time_stays() -> None:
    """But for one in the very question that writes: the API has no compare-and-set."""
    whole, todo = done()
    reads = at(whole, lambda asked: asked.startswith("GET"))
    refused = 0
    for number in reads:
        for record, target in ((101, "198.51.100.7"), (104, "198.51.100.7"), (105, "198.51.100.7")):
            there = ovh()
            there.before = {number: lambda it, r=record, t=target: it.staged[r].update(target=t)}  # type: ignore[misc]
            start = deepcopy(there.staged)
            try:
                run(there, todo)
            except Refused:
                refused += 1
                assert there.refreshes == 0
                start[record]["target"] = target
                assert there.staged == start | {record: there.staged[record]}
            assert there.staged[record]["target"] == target
    assert refused > len(reads) / 2


def test_a_conflict_is_told_before_anything_is_written() -> None:
    there = ovh()
    todo = wanted(there)
    there.staged[104]["target"] = "198.51.100.7"
    with pytest.raises(Refused, match=r"www\.shop\.example\. A is www A 198\.51\.100\.7, not 10\.83\.1\.10"):
        run(there, todo)
    assert not at(there, lambda asked: not asked.startswith("GET"))


@pytest.mark.parametrize("fault", ["400", "500"])
def test_where_one_record_can_t_be_written_the_others_are_put_back(fault: str) -> None:
    whole, todo = done()
    for number in at(whole, lambda asked: asked.startswith("PUT")):
        there = ovh()
        start = deepcopy(there.staged)
        # longer than anybody waits
        there.faults = {number: fault} if fault == "400" else dict.fromkeys(range(number, number + 7), fault)
        with pytest.raises(Failed if fault == "400" else Unreachable):
            run(there, todo)
        assert there.refreshes == 0
        assert there.staged == start


def test_without_the_right_to_publish_all_is_put_back() -> None:
    there = ovh()
    start, todo = deepcopy(there.staged), wanted(there)
    there.granted = ("GET", "PUT", "POST", "DELETE")
    with pytest.raises(Untrusted, match="NOT_GRANTED_CALL"):
        run(there, todo)
    assert there.staged == start


def test_a_clock_that_is_off_or_set_meanwhile_does_no_harm() -> None:
    whole, todo = done()
    there = ovh()
    there.ahead = 7200
    there.before = {9: lambda it: setattr(it, "ahead", -7200)}
    run(there, todo)
    assert there.published == whole.published


@pytest.mark.parametrize(
    ("keys", "valid", "said"),
    [
        (KEYS, False, "INVALID_CREDENTIAL"),
        (Keys("app-key", "app-5ecret", "wr0ng"), True, "NOT_CREDENTIAL"),
        (Keys("wr0ng", "app-5ecret", "consumer-5ecret"), True, "INVALID_KEY"),
        (Keys("app-key", "wr0ng", "consumer-5ecret"), True, "INVALID_SIGNATURE"),
    ],
)
def test_keys_that_are_not_taken_are_told_without_showing_them(keys: Keys, valid: bool, said: str) -> None:
    there = ovh()
    there.valid = valid
    with pytest.raises(Untrusted, match=said) as told:
        run(there, wanted(there), keys=keys)
    assert not any(secret in f"{told.value} {keys!r}" for secret in (keys.secret, keys.consumer))


def test_a_name_that_its_wildcard_answers_for_follows_it() -> None:
    there = ovh([("A", "*", "10.83.1.10"), ("A", "", "10.83.1.10")])
    move = ("10.83.1.10",), ("10.83.3.10",)
    todo = [Change("shop.example", f"{n}shop.example.", "A", *move, 60) for n in ("", "*.", "www.")]
    run(there, todo)
    assert [one["target"] for one in there.published.values()] == ["10.83.3.10"] * 2


def test_what_was_taken_out_comes_back_once() -> None:
    """A twin without IPv6: the address goes, and the way back brings it again, though the answer gets lost."""
    address = Change("shop.example", "shop.example.", "AAAA", ("fd83:1::10",), (), 60)
    back = Change("shop.example", "shop.example.", "AAAA", (), ("fd83:1::10",), 60)
    for fault in ("", "-lost", "reset"):
        there = ovh(RECORDS)
        run(there, [address])
        assert 103 not in there.published
        run(there, [back])
        created = at(there, lambda asked: asked.startswith("POST") and asked.endswith("/record"))
        run(there, [address])
        there.faults = {created[0]: fault}
        run(there, [back])
        assert [one["target"] for one in there.published.values() if one["fieldType"] == "AAAA"] == ["fd83:1::10"]


def test_a_zone_that_the_customer_has_not() -> None:
    there = ovh()
    todo = wanted(there)
    there.zone = "other.example"
    with pytest.raises(Problem, match="404"):
        switch(Staged(Api(there, KEYS), "shop.example"), todo, lambda: False)
