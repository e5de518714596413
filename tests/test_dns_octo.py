"""Zones at any company, through octoDNS: nobody is overwritten, nothing stays half done, whatever befalls the class."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from dns_estate import TWIN1, WEB1, estate_of
from octo_company import Company, Killed, Line, lines_of, store

from drp import dns
from drp.dns import Change, changes, octo
from drp.dns.errand import Order
from drp.dns.octo_zone import Held, planned, switch
from drp.dns.values import key
from estate.model import Estate, Zone
from estate.problem import BadEstate, Failed, Missing, Problem, Refused, Unreachable, Untrusted
from estate.secret import Secret
from estate.zones import Octodns, Setting

TOKEN = "t0ken-of-the-company"
SHOP = "shop.example"
LINES: tuple[Line, ...] = (
    (SHOP, "shop.example.", "A", "10.83.1.10"),
    (SHOP, "shop.example.", "A", "192.0.2.77"),
    (SHOP, "shop.example.", "AAAA", "fd83:1::10"),
    (SHOP, "shop.example.", "TXT", '"v=spf1 ip4:10.83.1.10 -all"'),
    (SHOP, "shop.example.", "TXT", '"verify; me"'),
    (SHOP, "www.shop.example.", "A", "10.83.1.10"),
    (SHOP, "www.shop.example.", "HTTPS", "1 . alpn=h2 ipv4hint=10.83.1.10"),
    (SHOP, "wwx.shop.example.", "A", "10.83.1.10"),
    ("late.example", "late.example.", "A", "10.83.1.10"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the company; its class can be found by a child."""
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", f"{here}{os.pathsep}{here.parent}")
    monkeypatch.setattr(octo, "BEGUN", tmp_path / "begun")
    monkeypatch.setattr(octo, "look", lambda _: served)
    return fresh(tmp_path)


def fresh(folder: Path, faults: Mapping[int, str] = {}) -> Path:
    store(folder, list(LINES))
    (folder / "asked").unlink(missing_ok=True)
    return befallen(folder, faults)


def befallen(folder: Path, faults: Mapping[int, str]) -> Path:
    (folder / "faults").write_text(json.dumps(faults))
    return folder


def served(name: str, rtype: str) -> tuple[str, ...]:
    """By the company's name servers."""
    return tuple(key(rtype, value) if rtype != "TXT" else value for _, *at, value in LINES if at == [name, rtype])


def wanted() -> tuple[Change, ...]:
    estate = estate_of({"ns1": "127.0.83.1"})
    return changes(estate, estate.vhosts[SHOP], WEB1, TWIN1, served)


def run(folder: Path, todo: tuple[Change, ...] | None = None) -> None:
    """In this process."""
    order = Order(SHOP, "-", "-", {}, wanted() if todo is None else todo, str(folder / "begun" / "shop.json"))
    switch(lambda: Held.read(Company("test", str(folder)), SHOP, "octo_company.Company"), order)


def asked(folder: Path) -> list[str]:
    return (folder / "asked").read_text().splitlines()


def switched(folder: Path) -> list[Line]:
    run(fresh(folder))
    return sorted(lines_of(folder))


def test_what_points_at_the_lost_host_is_changed_and_nothing_else(folder: Path) -> None:
    new = {
        LINES[0]: (SHOP, "shop.example.", "A", "10.83.3.10"),
        LINES[2]: (SHOP, "shop.example.", "AAAA", "fd83:3::10"),
        LINES[3]: (SHOP, "shop.example.", "TXT", '"v=spf1 ip4:10.83.3.10 -all"'),
        LINES[5]: (SHOP, "www.shop.example.", "A", "10.83.3.10"),
        LINES[6]: (SHOP, "www.shop.example.", "HTTPS", "1 . alpn=h2 ipv4hint=10.83.3.10"),
    }
    assert switched(folder) == sorted(new.get(line, line) for line in LINES)
    questions = len(asked(folder))
    run(folder)
    assert asked(folder)[questions:] == ["list"]  # done is done
    assert not list((folder / "begun").iterdir())


@pytest.mark.parametrize("death", ["death", "after death"])
def test_killed_at_any_question_the_next_run_ends_the_same(folder: Path, death: str) -> None:
    whole = switched(folder)
    for number in range(len(asked(folder))):
        fresh(folder, {number: death})
        with pytest.raises(Killed):
            run(folder)
        run(befallen(folder, {}))
        assert sorted(lines_of(folder)) == whole, number
        assert not list((folder / "begun").iterdir())


@pytest.mark.parametrize("fault", ["lost", "after lost"])
def test_where_an_answer_is_lost_the_next_run_ends_the_same(folder: Path, fault: str) -> None:
    whole = switched(folder)
    last = len(asked(folder)) - 2  # the last one that writes
    for number in range(len(asked(folder))):
        fresh(folder, {number: fault})
        if (number, fault) == (last, "after lost"):
            run(folder)  # all was done: it looked again
            continue
        with pytest.raises(ConnectionResetError):
            run(folder)
        run(befallen(folder, {}))
        assert sorted(lines_of(folder)) == whole, number


@pytest.mark.parametrize("number", [0, 5, 6])
def test_a_foreign_value_is_a_conflict_and_nothing_is_written(folder: Path, number: int) -> None:
    fresh(folder)
    lines = [
        line if n != number else (*line[:3], LINES[number][3].replace("10.83.1.10", "198.51.100.7"))
        for n, line in enumerate(LINES)
    ]
    store(folder, lines)
    with pytest.raises(Refused, match=r"198\.51\.100\.7.*, not .*10\.83\.1\.10"):
        run(folder)
    assert (lines_of(folder), asked(folder)) == (lines, ["list"])


def test_what_somebody_took_out_is_a_conflict_unless_our_own_work_did(folder: Path) -> None:
    lines = [line for line in LINES if line != LINES[5]]
    store(folder, lines)
    with pytest.raises(Refused, match=r"www\.shop\.example\. A is nothing, not 10\.83\.1\.10"):
        run(folder)
    assert lines_of(folder) == lines


def test_an_edit_between_reading_and_writing_is_told(folder: Path) -> None:
    foreign = [SHOP, "www.shop.example.", "A", "198.51.100.7"]
    fresh(folder, {1: f"edit {json.dumps(foreign)}"})
    with pytest.raises(Refused, match=r"198\.51\.100\.7"):
        run(folder)
    assert foreign in [list(line) for line in lines_of(folder)]
    with pytest.raises(Refused, match=r"198\.51\.100\.7"):
        run(befallen(folder, {}))  # and stays


def test_a_name_that_its_wildcard_answers_for_follows_it(folder: Path) -> None:
    store(folder, [(SHOP, "*.shop.example.", "A", "10.83.1.10")])
    todo = tuple(Change(SHOP, f"{n}.shop.example.", "A", ("10.83.1.10",), ("10.83.3.10",), 60) for n in ("*", "www"))
    run(folder, todo)
    assert lines_of(folder) == [(SHOP, "*.shop.example.", "A", "10.83.3.10")]


def test_what_was_taken_out_comes_back(folder: Path) -> None:
    todo = Change(SHOP, "shop.example.", "AAAA", ("fd83:1::10",), (), 60)
    run(folder, (todo,))
    assert LINES[2] not in lines_of(folder)
    run(folder, (replace(todo, before=todo.after, after=todo.before),))
    assert sorted(lines_of(folder)) == sorted(LINES)


def test_what_else_a_record_has_stays_and_the_plan_has_nothing_else(folder: Path) -> None:
    held = Held.read(Company("test", str(folder)), SHOP, "-")
    old = held.records["shop.example.", "A"]
    old.octodns = {"company": {"comment": "of a person"}}
    plan = planned(held, wanted()[:1])
    (change,) = plan.changes
    assert change.new.octodns == old.octodns
    assert (change.new.ttl, change.new.values) == (60, ["10.83.3.10", "192.0.2.77"])
    assert old.values == ["10.83.1.10", "192.0.2.77"]
    assert len(plan.desired.records) == len(held.zone.records)


def estate(place: Path, class_path: str = "octo_company.Company", **more: Setting) -> Estate:
    own = estate_of({"ns1": "127.0.83.1"})
    holder = Octodns(class_path, "octodns-company", {"folder": str(place), **more}, {"token": Secret(env="T")})
    return replace(own, zones={**own.zones, SHOP: Zone(SHOP, ("ns.company.example",), None, 60, holder)})


def reveal(secret: Secret) -> str:
    return TOKEN


def told(folder: Path, made: Estate | None = None) -> Problem | None:
    """By a child."""
    return dns.switch_all(made or estate(folder), {SHOP: wanted()}, reveal)[SHOP]


def test_a_child_does_it_and_what_kills_it_is_made_good_by_the_next(folder: Path) -> None:
    whole = switched(folder)
    fault = told(fresh(folder, {3: "kill"}))
    assert isinstance(fault, Failed)
    assert "shop.example: octo_company.Company died with -9" in str(fault)
    assert sorted(lines_of(folder)) not in (whole, sorted(LINES))
    assert told(befallen(folder, {})) is None
    assert sorted(lines_of(folder)) == whole


def test_one_that_sleeps_is_ended_and_its_last_words_are_told_without_the_secret(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(octo, "LIMIT", 15.0)  # it has to come as far as that first
    fault = told(fresh(folder, {0: "429"}))
    assert isinstance(fault, Unreachable)
    assert "octo_company.Company did not end within 15 s; the last it said:" in str(fault)
    assert "rate limit encountered with …, pausing" in str(fault)
    assert TOKEN not in str(fault)


@pytest.mark.parametrize(("word", "kind"), [("auth", Untrusted), ("lost", Unreachable)])
def test_what_the_class_raises_is_told_without_the_secret(folder: Path, word: str, kind: type[Problem]) -> None:
    fault = told(fresh(folder, {0: word}))
    assert isinstance(fault, kind)
    assert fault.what.startswith("shop.example: octo_company.Company: ")
    assert TOKEN not in str(fault)


@pytest.mark.parametrize(
    ("class_path", "more", "kind", "said"),
    [
        ("octodns_nobody.Provider", {}, Missing, "the package octodns-company of octodns_nobody.Provider is not inst"),
        ("octo_company.Provider", {}, BadEstate, "is no class of octoDNS that can change a zone"),
        ("octo_company.Killed", {}, BadEstate, "is no class of octoDNS that can change a zone"),
        ("octo_company.Company", {"region": "eu"}, BadEstate, "unexpected keyword argument 'region'"),
        ("octo_company.Company", {"folder": "/nowhere"}, Unreachable, "FileNotFoundError"),
    ],
)
def test_what_can_t_work_is_told_beforehand(
    folder: Path, class_path: str, more: dict[str, Setting], kind: type[Problem], said: str
) -> None:
    made = estate(folder, class_path, **more)
    with pytest.raises(kind, match=said):
        dns.switchable(made, made.zones[SHOP], reveal)


def test_readiness_reads_the_zone_and_changes_nothing(folder: Path) -> None:
    made = estate(folder)
    assert dns.switchable(made, made.zones[SHOP], reveal) == 0
    assert (asked(folder), lines_of(folder)) == (["list"], list(LINES))
    (folder / "dynamic").touch()
    with pytest.raises(Refused, match=r"www\.shop\.example\. (A|HTTPS) is dynamic"):
        dns.switchable(made, made.zones[SHOP], reveal)
    assert "is dynamic" in str(told(folder))
    store(folder, [line for line in LINES if line[0] != SHOP])
    with pytest.raises(Missing, match="finds no such zone"):
        dns.switchable(made, made.zones[SHOP], reveal)


def test_a_type_that_stands_there_and_can_t_be_written_is_told_beforehand(folder: Path) -> None:
    made = estate(folder, "octo_company.Old")
    with pytest.raises(Refused, match=r"can't write what stands there: www\.shop\.example\. HTTPS"):
        dns.switchable(made, made.zones[SHOP], reveal)
    fault = told(folder, made)
    assert isinstance(fault, Refused)
    assert "can't write HTTPS records" in str(fault)
    assert lines_of(folder) == list(LINES)


def test_a_name_that_a_proxy_answers_for_is_told_beforehand(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def proxied(name: str, rtype: str) -> tuple[str, ...]:
        return ("104.16.0.1",) if (name, rtype) == ("www.shop.example.", "A") else served(name, rtype)

    monkeypatch.setattr(octo, "look", lambda _: proxied)
    made = estate(folder)
    with pytest.raises(Refused, match=r"www.* A is 10\.83\.1\.10, and visitors get 104\.16\.0\.1"):
        dns.switchable(made, made.zones[SHOP], reveal)
