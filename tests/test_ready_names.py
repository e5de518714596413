"""What would keep visitors from following, out of what name servers said."""

from dataclasses import replace

import pytest
from saved_estate import lab_estate

from backups.standing import Level
from drp.dns.soa import Soa
from drp.ready import names
from effects.onhost.ready_state import parsed
from estate.model import Estate, Zone
from estate.problem import Failed, Problem, Unreachable, Untrusted

SILENT, REFUSED = Unreachable("ns2: no answer", hint="look"), Failed("ns2: REFUSED", hint="look")
GOOD = Soa(7, 300, 60)


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    return lab_estate(tmp_path_factory.mktemp("estate"))


@pytest.fixture
def zone(estate: Estate) -> Zone:
    return estate.zones["shop.example"]


def test_records_that_visitors_keep_for_long_are_named_as_served_and_as_in_the_estate(
    estate: Estate, zone: Zone
) -> None:
    short = {("shop.example.", "A"): ("ns1", 300)}
    assert list(names.slow_records(estate, short)) == []
    (found,) = names.slow_records(estate, short | {("www.shop.example.", "AAAA"): ("ns1", 301)})
    assert (found.host, found.level) == ("ns1", Level.WARNING)
    assert "www.shop.example. AAAA is kept for 301 s" in found.what
    slow = replace(estate, zones={**estate.zones, zone.name: replace(zone, ttl=3600)})
    (found,) = names.slow_records(slow, short)
    assert "3600" in found.what
    assert "[zones]" in found.do


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (0, None),
        (Untrusted("ns1: the TSIG key is not the one expected", hint="compare"), Level.CRITICAL),
        (Failed("ns1: REFUSED", hint="acl"), Level.CRITICAL),
        (SILENT, Level.UNKNOWN),
    ],
)
def test_a_primary_that_would_not_take_the_switch_is_known_before(
    zone: Zone, answer: int | Problem, level: Level | None
) -> None:
    assert [one.level for one in names.unswitchable(zone, answer)] == ([level] if level else [])


@pytest.mark.parametrize(
    ("primary", "secondary", "said"),
    [
        (GOOD, GOOD, []),
        (GOOD, replace(GOOD, serial=6), [("ns2", "lag", Level.CRITICAL)]),
        (GOOD, SILENT, [("ns2", "name server", Level.WARNING)]),
        (SILENT, GOOD, [("ns1", "name server", Level.CRITICAL)]),
        (GOOD, REFUSED, [("ns2", "name server", Level.CRITICAL)]),
        (SILENT, SILENT, [("ns1", "name server", Level.UNKNOWN), ("ns2", "name server", Level.UNKNOWN)]),
        (Soa(7, 86400, 60), Soa(7, 86400, 60), [("ns1", "refresh", Level.WARNING)]),
        (Soa(7, 300, 3600), Soa(7, 300, 3600), [("ns1", "refresh", Level.WARNING)]),
    ],
)
def test_servers_that_lag_are_silent_or_would_be_behind_for_long(
    zone: Zone, primary: Soa | Problem, secondary: Soa | Problem, said: list[tuple[str, str, Level]]
) -> None:
    found = names.behind(zone, {"ns1": primary, "ns2": secondary})
    assert [(one.host, one.about, one.level) for one in found] == said


def test_who_is_ahead_of_the_primary_was_perhaps_made_it(zone: Zone) -> None:
    (found,) = names.behind(zone, {"ns1": GOOD, "ns2": replace(GOOD, serial=8)})
    assert (found.host, found.about) == ("ns2", "lag")
    assert "make ns1 its secondary" in found.do


def test_a_lost_primary_says_who_can_take_its_place(zone: Zone) -> None:
    (found,) = names.behind(zone, {"ns1": SILENT, "ns2": GOOD})
    assert "seawall drp promote ns2" in found.do
    (found,) = names.rivals({"shop.example": ("ns1", "ns2")})
    assert "ns1 and ns2" in found.what
    assert "docs/dns.md" in found.do


def test_a_lonely_server_needs_no_refresh(zone: Zone) -> None:
    alone = replace(zone, servers=("ns1",))
    assert list(names.behind(alone, {"ns1": Soa(7, 86400, 3600)})) == []


EXPORTED = """# Configuration export (Knot DNS 3.2.6)

key:
  - id: "seawall."
    secret: "bm90IGZvciBhbnlib2R5"

template:
  - id: "default"
    file: "%s.zone"
{default}
  - id: "other"
    zonefile-load: "whole"

zone:
  - domain: "shop.example."
{own}
"""


@pytest.mark.parametrize(
    ("default", "own", "bad"),
    [
        ("", "", False),
        ('    zonefile-load: "difference"', "", False),
        ('    zonefile-load: "difference-no-serial"', "", True),
        ('    zonefile-load: "difference-no-serial"', '    template: "other"', False),
        ('    zonefile-load: "difference-no-serial"', '    zonefile-load: "none"', False),
        ("", '    zonefile-load: "difference-no-serial"', True),
        ('    zonefile-sync: "-1"', "", False),
        ('    zonefile-sync: "-1"\n    journal-content: "none"', "", True),
    ],
)
def test_a_knot_that_forgets_a_switch_when_it_is_started_again(
    estate: Estate, zone: Zone, default: str, own: str, bad: bool
) -> None:
    seen = parsed(EXPORTED.format(default=default, own=own))
    assert "bm90IGZvciBhbnlib2R5" not in str(seen)  # of its configuration no key leaves the host
    found = list(names.forgetful(estate.hosts["ns1"], [zone], seen["template"], seen["zone"]))
    assert [one.level for one in found] == ([Level.CRITICAL] if bad else [])
    assert all("knotc reload" in one.do for one in found)


def test_name_servers_that_are_lost_at_once_or_with_what_they_point_at(estate: Estate) -> None:
    def moved(**places: str) -> list[tuple[str, Level]]:
        hosts = {
            name: replace(host, datacenter=places.get(name, host.datacenter)) for name, host in estate.hosts.items()
        }
        return [(one.host, one.level) for one in names.together(replace(estate, hosts=hosts))]

    assert moved() == []
    assert moved(ns1="strasbourg") == [("ns1", Level.CRITICAL)] * len(estate.zones)
    assert moved(ns1="limburg") == [("ns1", Level.CRITICAL)] * len(estate.zones)
    assert moved(ns2="limburg") == []
