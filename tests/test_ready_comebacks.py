"""Of every vhost and every loss: could it come back, from what, how much later, in how long."""

from dataclasses import replace
from datetime import timedelta

import pytest
from saved_estate import T0, archive, everything, lab_estate

from backups.losses import prices
from backups.proof.record import Finding, Proof
from drp.incident import Act, Run
from drp.plan import BYTES_A_SECOND, SWAP, TAIL
from drp.ready import durations
from drp.ready.comebacks import COMEBACKS, Comeback, Known, comebacks, losses
from drp.ready.durations import Span, spans
from estate.model import Engine, Estate, Side
from estate.points import FILES, Archive, kinds_on

EVEN, ODD = "vault-even", "vault-odd"


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    return lab_estate(tmp_path_factory.mktemp("estate"))


def known(estate: Estate, archives: tuple[Archive, ...], *proofs: Proof, unread: tuple[str, ...] = ()) -> Known:
    host = estate.hosts["web1"]
    saved = {
        kind: {s: max((a.taken for a in archives if (a.kind, a.side) == (kind, s)), default=None) for s in Side}
        for kind in kinds_on(estate, host)
    }
    told = {domain: Span(10, 20, 0) for domain in estate.vhosts}
    return Known(archives, unread, prices(estate, host, saved, T0), proofs, told)


def asked(estate: Estate, what: Known) -> dict[tuple[str, str], Comeback]:
    found = comebacks(estate, estate.hosts["web1"], estate.hosts["twin1"], what)
    return {(one.lost, one.domain): one for one in found}


def both(age: float = 1.0) -> tuple[Archive, ...]:
    """On either side: the files of yesterday on one."""
    odd, even = everything(age), tuple(archive(kind, age, Side.EVEN) for kind in Engine)
    return (*odd, *even, archive(FILES, age + 24, Side.EVEN))


def test_everything_that_can_be_lost_is_asked_about_production_first(estate: Estate) -> None:
    names = [loss.name for loss in losses(estate, estate.hosts["web1"], estate.hosts["twin1"])]
    assert names == ["web1", "limburg", "gravelines", "strasbourg", EVEN, ODD, "twin1", "ns1"]


def test_each_loss_leaves_what_is_on_the_other_side_and_costs_its_age(estate: Estate) -> None:
    found = asked(estate, known(estate, both()))
    shop = {lost: one for (lost, domain), one in found.items() if domain == "shop.example"}
    assert {lost for lost, one in shop.items() if one.could} == {"web1", "limburg", EVEN, ODD}
    assert {lost for lost, one in shop.items() if one.goes_on} == set(shop) - {"web1", "limburg"}
    assert shop["web1"].loses == shop["limburg"].loses == 3600
    assert shop[ODD].loses == 25 * 3600  # the even side has files of the day before
    assert all("(even)" in name for name in shop[ODD].archives)
    assert (shop["web1"].low, shop["web1"].high) == (10, 20)


def test_a_lost_twin_is_a_no_that_says_what_would_have_to_be_done(estate: Estate) -> None:
    found = asked(estate, known(estate, both()))
    for lost in ("twin1", "strasbourg"):
        one = found[lost, "shop.example"]
        assert (one.could, one.goes_on, one.low) == (False, True, None)
        assert "seawall install" in one.why


def test_without_the_primary_nobody_is_sent_to_what_comes_up(estate: Estate) -> None:
    found = asked(estate, known(estate, both()))
    for lost in ("ns1", "gravelines"):
        one = found[lost, "docs.example"]
        assert one.could is False
        assert "ns1 is gone" in one.why
        assert "seawall drp promote ns2" in one.why
    alone = {name: replace(zone, servers=("ns1",)) for name, zone in estate.zones.items()}
    one = asked(replace(estate, zones=alone), known(replace(estate, zones=alone), both()))["ns1", "docs.example"]
    assert "no server of its zone is left" in one.why


def test_a_name_in_no_zone_is_to_be_pointed_by_hand(estate: Estate) -> None:
    zones = {name: zone for name, zone in estate.zones.items() if name != "docs.example"}
    one = asked(replace(estate, zones=zones), known(estate, both()))["web1", "docs.example"]
    assert one.could
    assert "docs.example, www.docs.example" in one.why


def test_what_was_never_saved_is_a_no_and_what_could_not_be_read_is_unknown(estate: Estate) -> None:
    without = tuple(one for one in both() if one.kind is not Engine.MARIADB)
    one = asked(estate, known(estate, without))["web1", "shop.example"]
    assert (one.could, one.loses) == (False, None)
    one = asked(estate, known(estate, without, unread=("vault-odd does not answer",)))["web1", "shop.example"]
    assert one.could is None
    assert "vault-odd" in one.why
    assert asked(estate, known(estate, without))["web1", "docs.example"].could


def test_with_both_sides_in_the_datacenter_nothing_is_left(estate: Estate) -> None:
    hosts = {**estate.hosts, ODD: replace(estate.hosts[ODD], datacenter="limburg")}
    one = asked(replace(estate, hosts=hosts), known(estate, both()))["limburg", "shop.example"]
    assert one.could is False
    assert "third copy" in one.why


def test_proven_is_what_all_parts_of_it_were_and_the_newest_word_counts(estate: Estate) -> None:
    mine = everything()
    good = Proof("web1", T0 - timedelta(hours=2), 60, mine)
    shop = next(one for one in mine if one.kind is Engine.MARIADB)
    bad = replace(good, at=T0 - timedelta(hours=1), findings=(Finding("shop.example", "500", (shop.id,)),))
    part = replace(good, archives=tuple(one for one in mine if one.kind is not Engine.MARIADB))

    def said(*proofs: Proof) -> tuple[bool | None, bool]:
        one = asked(estate, known(estate, mine, *proofs))["web1", "shop.example"]
        return one.whole, one.proven == good.at

    assert said() == (None, False)
    assert said(good) == (True, True)
    assert said(part) == (None, False)
    assert said(good, bad) == (False, False)
    assert said(bad, replace(good, at=T0)) == (True, False)


def test_answers_travel_as_they_are(estate: Estate) -> None:
    found = comebacks(estate, estate.hosts["web1"], estate.hosts["twin1"], known(estate, both()))
    assert COMEBACKS.validate_json(COMEBACKS.dump_json(found)) == found


def run(*seconds: float, outcome: str = "done", ok: bool = True, days: float = 1) -> Run:
    """An activation: after so many seconds each vhost was found."""
    ordered = T0 - timedelta(days=days)
    acts = tuple(
        Act("dns", domain, ordered, ordered + timedelta(seconds=took), outcome, "")
        for domain, took in zip(("shop.example", "ledger.example", "docs.example"), seconds, strict=False)
    )
    return Run("activate", "twin1", "alice", ordered, "f" * 64, {}, ordered, ok, acts, "")


def told(estate: Estate, *runs: Run, proofs: tuple[Proof, ...] = (), size: int = 0) -> dict[str, Span]:
    sizes = dict.fromkeys(kinds_on(estate, estate.hosts["web1"]), (size, 0))
    return spans(estate, estate.vhosts_on(estate.hosts["web1"]), sizes, runs, proofs)


def test_without_a_measure_each_vhost_waits_for_those_before_it(estate: Estate) -> None:
    found = told(estate)
    assert list(found) == ["shop.example", "ledger.example", "docs.example"]
    assert [one.low for one in found.values()] == [TAIL + SWAP, 2 * (TAIL + SWAP), 3 * TAIL + 2 * SWAP]
    assert not any(one.measured for one in found.values())


def test_what_was_measured_counts_and_disturbed_activations_do_not(estate: Estate) -> None:
    found = told(estate, run(30, 60), run(40, 50, days=2), run(9999, outcome="failed"), run(1, ok=False))
    assert (found["shop.example"].low, found["shop.example"].high) == (30, 40)
    assert (found["ledger.example"].low, found["ledger.example"].high) == (50, 60)
    assert found["shop.example"].measured == 2
    assert found["docs.example"].measured == 0


def test_the_slow_end_is_a_twin_that_has_nothing_yet(estate: Estate) -> None:
    size = int(BYTES_A_SECOND * 100)
    quick = told(estate, run(30, 60, 90), size=size)["shop.example"]
    assert quick.low == 30
    assert quick.high == pytest.approx(2 * 100 + TAIL + SWAP)
    seen = {"shop.example": {"bytes": size, "files": 0, "fetched": size}}
    slow = Proof("web1", T0, 1000, (), vhosts=seen)
    assert durations.cold_rate([slow]) == pytest.approx(size / 1000)
    warm = replace(slow, seconds=5000, vhosts={"shop.example": {"bytes": size, "files": 0, "fetched": 0}})
    assert durations.cold_rate([slow, warm]) == pytest.approx(size / 1000)
    assert told(estate, proofs=(slow,), size=size)["shop.example"].high == pytest.approx(2000 + TAIL + SWAP)
