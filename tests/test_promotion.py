"""What a name server would read after a promotion: only what has to change, and again the same."""

import pytest
from dns_estate import estate_of

from drp.promotion import bind, knot, zones_of
from drp.promotion.asked import Ours
from estate.problem import BadEstate, Refused

KEY = Ours("seawall", "hmac-sha256", "c2VjcmV0")
KNOT = """\
# Configuration export (Knot DNS 3.2.6)

server:
    listen: [ "0.0.0.0@53", "::@53" ]

remote:
  - id: "ns1"
    address: "10.0.0.1"

acl:
  - id: "copies"
    address: "10.0.0.1"
    action: [ "transfer", "notify" ]

template:
  - id: "default"
    global-module: "mod-stats"
    storage: "/var/lib/knot"
    master: "ns1"
    acl: "copies"

  - id: "other"
    file: "%s.zone"

zone:
  - domain: "shop.example."

  - domain: "late.example."
    template: "other"
    master: "ns1"
    acl: [ "copies" ]

  - domain: "foreign.example."
"""
BIND = """\
options {
\tdirectory "/var/cache/bind";
\tallow-transfer  {
\t\t"none";
\t};
};
controls {
\tinet 127.0.0.1 port 953 allow {
\t\t127.0.0.1/32;
\t} keys {
\t\t"rndc-key";
\t};
};
zone "shop.example" {
\ttype secondary;
\tfile "shop.copy";
\tmax-refresh-time 60;
\tprimaries port 53 {
\t\t10.0.0.1;
\t\t10.0.0.2 key "transfers";
\t};
\tallow-transfer  {
\t\t10.0.0.3;
\t};
};
zone "foreign.example" {
\ttype secondary;
\tfile "foreign.copy";
\tprimaries {
\t\t10.0.0.1;
\t};
};
"""


def test_knot_becomes_the_primary_of_what_was_asked_alone() -> None:
    found = knot.promoted(KNOT, ["shop.example", "late.example"], KEY)
    before, now = set(knot.plain(KNOT).splitlines()), found.splitlines()
    assert before - set(now) == {'    acl: [ "copies" ]'}
    assert found.startswith("key:\n")  # in front of all that names it
    zones = found[found.index("\nzone:") :]
    assert zones.split('domain: "foreign.example."')[1].strip() == ""  # its template has a master still
    shop, late = zones.split('domain: "late.example."')
    assert 'template: "default-primary"' in shop
    assert 'acl: [ "copies", "seawall-updates" ]' in shop
    assert 'acl: [ "copies", "seawall-updates" ]' in late
    assert "master" not in zones
    copy = found.split('id: "default-primary"')[1].split("- id:")[0]
    assert "storage" in copy
    assert "master" not in copy
    assert "global-module" not in copy


def test_knot_that_is_the_primary_is_left_as_it_is() -> None:
    once = knot.promoted(KNOT, ["shop.example", "late.example"], KEY)
    assert knot.promoted(once, ["late.example", "shop.example"], KEY) == once
    assert knot.plain(once) == once


def test_a_key_that_says_something_else_is_never_replaced() -> None:
    other = Ours(KEY.name, KEY.algorithm, "b3RoZXI=")
    with pytest.raises(Refused, match="not the one of the estate"):
        knot.promoted(knot.promoted(KNOT, ["shop.example"], KEY), ["shop.example"], other)
    with pytest.raises(Refused, match="not the one of the estate"):
        bind.promoted(bind.promoted(BIND, ["shop.example"], KEY), ["shop.example"], other)


def test_a_zone_that_is_only_in_memory_is_left_to_people() -> None:
    with pytest.raises(Refused, match="in its memory alone"):
        knot.promoted(KNOT.replace('file: "%s.zone"', "zonefile-sync: -1"), ["late.example"], KEY)
    with pytest.raises(Refused, match="in its memory alone"):
        bind.promoted(BIND.replace('\tfile "shop.copy";\n', ""), ["shop.example"], KEY)
    both = KNOT.replace('file: "%s.zone"', 'zonefile-sync: -1\n    journal-content: "all"')
    assert knot.promoted(both, ["late.example"], KEY)


@pytest.mark.parametrize("kind", [knot, bind])
def test_a_zone_of_a_catalog_is_left_to_people(kind: object) -> None:
    text = KNOT if kind is knot else BIND
    with pytest.raises(Refused, match=r"unknown\.example does not stand"):
        (knot if kind is knot else bind).promoted(text, ["unknown.example"], KEY)


def test_bind_becomes_the_primary_of_what_was_asked_alone() -> None:
    found = bind.promoted(BIND, ["shop.example"], KEY)
    head, rest = found.split('zone "shop.example" {\n')
    mine, others = rest.split('zone "foreign.example"')
    assert others == BIND.split('zone "foreign.example"')[1]
    stood = BIND.split("zone ", maxsplit=1)[0]
    assert head == f'key "seawall" {{\n\talgorithm "hmac-sha256";\n\tsecret "c2VjcmV0";\n}};\n{stood}'
    assert mine == (
        '\ttype primary;\n\tfile "shop.copy";\n\tallow-transfer  {\n\t\t10.0.0.3;\n\t};\n'
        '\tmasterfile-format raw;\n\tupdate-policy {\n\t\tgrant "seawall" zonesub A AAAA HTTPS TXT;\n\t};\n};\n'
    )
    assert bind.promoted(found, ["shop.example"], KEY) == found


def inside(view: str, zone: str) -> str:
    """`zone`, one level deeper."""
    return f'view "{view}" {{\n' + "".join(f"\t{line}\n" for line in zone.splitlines()) + "};\n"


def test_the_format_of_the_file_is_the_nearest_one_that_is_said() -> None:
    zone = BIND[BIND.index('zone "shop') : BIND.index('zone "foreign')]
    options = BIND.split("controls", maxsplit=1)[0]
    loud = options.replace("options {\n", "options {\n\tmasterfile-format text;\n")
    assert "masterfile-format text;" in bind.promoted(loud + zone, ["shop.example"], KEY).split("zone ")[1]
    view = inside("in", f"masterfile-format map;\n{zone}")
    found = bind.promoted(loud + view + inside("out", zone), ["shop.example"], KEY).split('zone "shop')
    assert "\t\tmasterfile-format map;" in found[1]
    assert "\t\tmasterfile-format text;" in found[2]
    own = zone.replace("\ttype secondary;\n", "\ttype slave;\n\tmasterfile-format raw;\n")
    assert "masterfile-format raw;" in bind.promoted(loud + own, ["shop.example"], KEY).split("zone ")[1]


def test_who_signs_is_seen() -> None:
    assert knot.unsigned(KNOT, "late.example")
    assert not knot.unsigned(KNOT.replace('file: "%s.zone"', "dnssec-signing: on"), "late.example")
    assert bind.unsigned(BIND, "shop.example")
    signs = BIND.replace('file "shop.copy";', 'file "shop.copy";\n\tdnssec-policy "default";')
    assert not bind.unsigned(signs, "shop.example")
    assert bind.unsigned(signs, "foreign.example")


def test_no_secret_is_shown() -> None:
    assert "c2VjcmV0" not in repr(KEY)


def test_only_another_server_of_a_zone_can_be_promoted() -> None:
    estate = estate_of({"ns1": "10.0.0.1", "ns2": "10.0.0.2"})
    assert [zone.name for zone in zones_of(estate, "ns2", [])] == ["shop.example", "late.example"]
    assert [zone.name for zone in zones_of(estate, "ns2", ["late.example"])] == ["late.example"]
    for server, wanted in (("ns1", []), ("web1", []), ("ns2", ["shop.example", "typo.example"])):
        with pytest.raises(BadEstate, match="is no second server of"):
            zones_of(estate, server, wanted)
