"""A class that octoDNS's people wrote, at a real Knot: what is switched through it, and what it leaves alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dns_estate import SECRET
from two_servers import BIND, FOREIGN, KEY, KNOT, NEW, OLD, Lab, two_servers
from two_servers import tree as tree

from drp import dns
from drp.dns import octo, rfc2136
from effects.dns import Edit, Server, update
from estate.model import Estate
from estate.problem import Failed, Refused
from estate.secret import Secret
from estate.zones import Octodns, Setting

pytestmark = pytest.mark.lab
SHOP = "shop.example"


@pytest.fixture
def lab(tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(octo, "BEGUN", tmp_path / "begun")
    with two_servers(tree, tmp_path) as made:
        monkeypatch.setattr(octo, "look", lambda _: rfc2136.look(made.estate, port=made.port))
        yield made


def through_octodns(lab: Lab) -> Estate:
    """The same zone, as if Knot were a company's."""
    settings: dict[str, Setting] = {
        "host": KNOT,
        "port": lab.port,
        "key_name": "seawall",
        "key_algorithm": "hmac-sha256",
    }
    holder = Octodns("octodns_bind.Rfc2136Provider", "octodns-bind", settings, {"key_secret": Secret(env="TSIG")})
    zone = replace(lab.zone(), tsig=None, holder=holder)
    return replace(lab.estate, zones={**lab.estate.zones, SHOP: zone})


def reveal(secret: Secret) -> str:
    return SECRET


def test_a_real_class_switches_and_touches_only_what_pointed_at_the_lost_host(lab: Lab) -> None:
    hint = f'1 . alpn="h2" ipv4hint="{OLD}"'
    assert update(Server("ns1", KNOT, lab.port), SHOP, (Edit("shop.example.", "HTTPS", (), (hint,), 60),), KEY)
    estate, planned, before = through_octodns(lab), lab.plan(), lab.zone_file(SHOP)
    assert {change.rtype for change in planned} == {"A", "TXT", "HTTPS"}
    assert dns.switchable(estate, estate.zones[SHOP], reveal) == 0
    assert lab.zone_file(SHOP) == before
    for _ in range(2):  # the second time it is done, and no conflict
        assert dns.switch_all(estate, {SHOP: planned}, reveal) == {SHOP: None}
    lab.soon(planned)
    assert lab.at(BIND, "shop.example.") == tuple(sorted([NEW, "192.0.2.77"]))
    assert lab.at(BIND, "shop.example.", "TXT") == (f'"v=spf1 ip4:{NEW} -all"',)
    assert lab.zone_file(SHOP) == {line.replace(OLD, NEW) for line in before}
    back = lab.plan(back=planned)
    assert dns.switch_all(estate, {SHOP: back}, reveal) == {SHOP: None}
    assert lab.zone_file(SHOP) == before


def test_a_real_class_overwrites_nobody_and_its_refusal_is_told(lab: Lab) -> None:
    estate, planned = through_octodns(lab), lab.plan()
    foreign = (Edit("www.shop.example.", "A", (OLD,), (FOREIGN,), 60),)
    assert update(Server("ns1", KNOT, lab.port), SHOP, foreign, KEY)
    before = lab.zone_file(SHOP)
    fault = dns.switch_all(estate, {SHOP: planned}, reveal)[SHOP]
    assert isinstance(fault, Refused)
    assert f"www.shop.example. A is {FOREIGN}, not {OLD}" in str(fault)
    assert lab.zone_file(SHOP) == before
    wrong = dns.switch_all(estate, {SHOP: planned}, lambda _: SECRET[::-1].replace("=", "A"))[SHOP]
    assert isinstance(wrong, Failed)
    assert "shop.example: octodns_bind.Rfc2136Provider: " in str(wrong)
