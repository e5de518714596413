"""What stands ready on the twin and elsewhere, judged out of what was seen."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_estate import T0, everything, lab_estate

from backups.escrow.custody import Judged, Verdict
from backups.escrow.export import State
from backups.losses import Loss, Price
from backups.proof.record import Finding as Found
from backups.proof.record import Proof
from backups.standing import Level, Standing
from drp.ready import escrowed, findings, standing_by
from drp.ready.findings import Finding
from drp.ready.standing_by import BROKEN, DRIFT, Certificate, Room, covers
from estate.model import Engine, Estate
from estate.problem import Missing, Problem, Unreachable

NAMES = ("shop.example", "www.shop.example")
YEAR = timedelta(days=365)
SILENT = Unreachable("ns2 does not answer", hint="look")


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    return lab_estate(tmp_path_factory.mktemp("estate"))


def levels(found: Iterable[Finding]) -> list[Level]:
    return [one.level for one in found]


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (Certificate(T0 + YEAR, NAMES, fits=True), []),
        (Certificate(T0 + YEAR, ("shop.example", "*.shop.example"), fits=True), []),
        (Certificate(T0 + timedelta(days=15), NAMES, fits=True), []),
        (Certificate(T0 + timedelta(days=13), NAMES, fits=True), [Level.WARNING]),
        (Certificate(T0 - timedelta(seconds=1), NAMES, fits=True), [Level.CRITICAL]),
        (Certificate(T0 + YEAR, NAMES[:1], fits=True), [Level.CRITICAL]),
        (Certificate(T0 + YEAR, ("*.example",), fits=True), [Level.CRITICAL]),
        (Certificate(T0 + YEAR, NAMES, fits=False), [Level.CRITICAL]),
        (Missing("there is no certificate", hint="put it there"), [Level.CRITICAL]),
    ],
)
def test_a_certificate_that_visitors_would_not_take(estate: Estate, seen: Any, said: list[Level]) -> None:
    found = list(standing_by.certificate(estate.hosts["twin1"], estate.vhosts["shop.example"], seen, T0))
    assert levels(found) == said
    assert all("shop.example" in one.what and one.do for one in found)


def test_a_star_stands_for_one_label() -> None:
    assert covers("*.shop.example", "WWW.shop.example")
    assert not covers("*.shop.example", "a.b.shop.example")
    assert not covers("*.shop.example", "shop.example")


@pytest.mark.parametrize(
    ("free", "held", "said"), [(100, 0, []), (99, 0, [Level.CRITICAL]), (99, 1, [Level.WARNING]), (100, 100, [])]
)
def test_too_little_room_for_what_is_not_here_yet(estate: Estate, free: int, held: int, said: list[Level]) -> None:
    assert levels(standing_by.cramped(estate.hosts["twin1"], [Room("/srv", free, 100, held)])) == said


def test_what_could_not_be_measured_is_not_fine(estate: Estate) -> None:
    assert levels(standing_by.cramped(estate.hosts["twin1"], [Room("/srv", 100, None, 0)])) == [Level.UNKNOWN]


def test_a_night_without_a_proof_and_one_that_found_something(estate: Estate) -> None:
    def said(*proofs: Proof) -> list[Level]:
        return levels(standing_by.unproven(estate.hosts["twin1"], proofs, T0))

    good = Proof("web1", T0 - timedelta(hours=25), 60, everything())
    late = replace(good, at=T0 - timedelta(hours=27))
    bad = replace(good, findings=(Found("shop.example", "500", (everything()[0].id,)),))
    assert said(good) == said(bad, good) == []
    assert said() == [Level.CRITICAL]
    assert said(late) == [Level.WARNING]
    assert said(good, bad) == [Level.CRITICAL]


def test_what_is_not_saved_or_not_followed_is_passed_on() -> None:
    alone, pair = Loss("web1", frozenset({"web1"}), single=True), Loss("x", frozenset({"web1", "y"}), single=False)
    zero = timedelta(0)

    def said(*costs: tuple[Loss, Any, timedelta], faults: tuple[str, ...] = ()) -> list[tuple[Level, str]]:
        prices = tuple(Price(loss, kind, zero, zero, now) for loss, kind, now in costs)
        stands = Standing("web1", T0, (), prices, (), faults=faults)
        return [(one.level, one.about) for one in standing_by.unsaved(stands)]

    assert said((alone, Engine.MARIADB, timedelta(minutes=5)), (pair, Engine.MARIADB, timedelta(hours=5))) == []
    assert said((alone, Engine.MARIADB, timedelta(minutes=6))) == [(Level.WARNING, "stream")]
    assert said((alone, "files", timedelta(hours=20))) == []
    assert said(faults=("vault-even does not answer",)) == [(Level.UNKNOWN, "backup")]


@given(st.floats(-1000, 1000), st.floats(-1000, 1000))
def test_clocks_are_compared_with_the_twins_whoever_measured(ours: float, theirs: float) -> None:
    found = levels(standing_by.clocks("twin1", {"twin1": ours, "ns1": theirs}))
    apart = abs(theirs - ours)
    assert found == ([] if apart < DRIFT else [Level.CRITICAL] if apart >= BROKEN else [Level.WARNING])


def test_a_clock_that_nobody_could_read_is_unknown_and_with_the_twins_all_are() -> None:
    offsets: dict[str, float | Problem] = {"twin1": 0.0, "ns2": SILENT}
    assert [(one.host, one.level) for one in standing_by.clocks("twin1", offsets)] == [("ns2", Level.UNKNOWN)]
    both: dict[str, float | Problem] = {"twin1": SILENT, "ns1": 9999.0}
    assert [one.host for one in standing_by.clocks("twin1", both)] == ["twin1"]


def test_backup_servers_that_go_with_the_twin_or_with_each_other(estate: Estate) -> None:
    def moved(**places: str) -> list[tuple[str, Level]]:
        hosts = {
            name: replace(host, datacenter=places.get(name, host.datacenter)) for name, host in estate.hosts.items()
        }
        other = replace(estate, hosts=hosts)
        return [(one.host, one.level) for one in standing_by.beside(other, hosts["web1"])]

    even, odd = estate.hosts["web1"].backup.values()
    assert moved() == []
    assert moved(**{odd: "strasbourg"}) == [(odd, Level.WARNING)]
    assert moved(**{odd: "limburg"}) == [(even, Level.CRITICAL)]


def test_keys_that_nobody_could_open() -> None:
    def state(verdict: Verdict, *, current: bool = True) -> State:
        judged = (Judged("web1/files@odd", verdict, None),)
        return State("lab-0001", None, current, False, judged, {}, {})

    def said(seen: State | Problem | None) -> list[Level]:
        return levels(escrowed.locked_away("control", seen))

    assert said(None) == [Level.WARNING]
    assert said(SILENT) == [Level.UNKNOWN]
    assert said(state(Verdict.NONE)) == []
    assert said(state(Verdict.NONE, current=False)) == [Level.WARNING]
    assert said(state(Verdict.UNSEEN)) == [Level.UNKNOWN]
    assert said(state(Verdict.LOCKED)) == [Level.CRITICAL]


LEVELS = (Level.OK, Level.WARNING, Level.UNKNOWN, Level.CRITICAL)


@given(st.lists(st.sampled_from(LEVELS[1:])))
def test_ready_is_only_where_nothing_was_found_and_nothing_is_unknown(seen: list[Level]) -> None:
    found = [Finding(one, f"host{number}", "x", "y", "z") for number, one in enumerate(seen)]
    assert findings.level(found) is max(seen, key=LEVELS.index, default=Level.OK)
    told = levels(findings.worst_first([*found, *found]))
    assert told == sorted(seen, key=LEVELS.index, reverse=True)


def test_findings_travel_as_they_are() -> None:
    found = (Finding(Level.UNKNOWN, "ns1", "knot", "what", "do"),)
    assert findings.FINDINGS.validate_json(findings.FINDINGS.dump_json(found)) == found
