"""Zones in the estate: whoever holds them, read, written, checked, and cut for the one host that switches them."""

import json
from importlib.resources import files
from pathlib import Path

import pytest

from estate.problem import BadEstate
from estate.secret import Secret
from estate.zones import Octodns, Ovh, Setting
from inventory import load
from inventory.references import references
from inventory.render import plain
from inventory.slices import cut, secrets_for, slice_for
from inventory.zones_build import packages_of

EXAMPLE = files("inventory").joinpath("example.toml").read_text(encoding="utf-8")
OWN = """[zones."docs.example"]
servers = ["ns1", "ns2"]
tsig = { name = "seawall-drp", algorithm = "hmac-sha256", secret = { file = "secrets/tsig" } }
ttl = 60
"""
AT_OVH = """[zones."docs.example"]
servers = ["dns10.ovh.net", "ns10.ovh.net"]
provider = "ovh"
application_key = { file = "secrets/ovh-key" }
application_secret = { file = "secrets/ovh-secret" }
consumer_key = { env = "OVH" }
ttl = 60
"""
ELSEWHERE = """[zones."docs.example"]
servers = ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"]
provider = "octodns"
class = "octodns_cloudflare.CloudflareProvider"
package = "octodns-cloudflare>=1.2,<2"
settings = { account_id = "0a1b", retry_period = 10, pagerules = false, tags = ["a", "b"] }
secrets = { token = { env = "COMPANY" } }
ttl = 60
"""
KEYS = ("application_key", "application_secret", "consumer_key")


def written(folder: Path, zone: str) -> Path:
    assert OWN in EXAMPLE
    path = folder / "estate.toml"
    path.write_text(EXAMPLE.replace(OWN, zone), encoding="utf-8")
    return path


def test_a_zone_at_ovh_is_read_written_and_read_again(tmp_path: Path) -> None:
    estate = load(written(tmp_path, AT_OVH))
    zone = estate.zones["docs.example"]
    assert zone.holder == Ovh(
        "ovh-eu", Secret(file="secrets/ovh-key"), Secret(file="secrets/ovh-secret"), Secret(env="OVH")
    )
    assert (zone.servers, zone.hosts, zone.tsig) == (("dns10.ovh.net", "ns10.ovh.net"), (), None)
    again = tmp_path / "again.json"
    again.write_text(json.dumps(plain(estate)), encoding="utf-8")
    assert load(again) == estate
    assert {f'zones."docs.example".{key}' for key in KEYS} < set(references(estate))


def test_only_a_twin_gets_the_keys_of_the_holder(tmp_path: Path) -> None:
    path = written(tmp_path, AT_OVH)
    found = secrets_for(path, "twin1")
    assert {name for name in found if "docs.example" in name} == {f"zone.docs.example.{key}" for key in KEYS}
    assert found["zone.docs.example.consumer_key"] == Secret(env="OVH")
    there = tmp_path / "twin1.json"
    there.write_text(slice_for(path, "twin1"), encoding="utf-8")
    zone = load(there).zones["docs.example"]
    assert isinstance(zone.holder, Ovh)
    assert zone.holder.consumer_key == Secret(file="/etc/seawall/secrets/zone.docs.example.consumer_key")
    for host in ("web1", "vault-even", "ns1"):
        assert "ovh" not in slice_for(path, host)
        assert not any(name.startswith("zone.") for name in secrets_for(path, host))


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('provider = "ovh"', 'provider = "gandi"', "provider: must be one of"),
        ('provider = "ovh"\n', "", 'servers[0]: no host "dns10.ovh.net"'),
        ('provider = "ovh"\n', "", "application_key: is not what a zone with provider"),
        ('provider = "ovh"\n', "", "tsig: is missing; add it"),
        ('consumer_key = { env = "OVH" }\n', "", "consumer_key: is missing; add it"),
        ('{ env = "OVH" }', '"5ecret"', "a secret must not stand in this file"),
        ('"ns10.ovh.net"', '"dns10.ovh.net"', "each needs its own"),
        ('"ns10.ovh.net"', '"ns10.ovh.net."', "without the last dot"),
        ("ttl = 60", "ttl = 59", "ttl: must be at least 60 at OVH"),
        ('provider = "ovh"', 'provider = "ovh"\nendpoint = "ovh-fr"', "endpoint: must be one of"),
        ('provider = "ovh"', 'provider = "ovh"\ntsig = { name = "a", secret = { env = "A" } }', "tsig: is not what"),
    ],
)
def test_faults_are_told_with_what_to_do(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    assert right in AT_OVH
    with pytest.raises(BadEstate) as caught:
        load(written(tmp_path, AT_OVH.replace(right, wrong)))
    assert said in str(caught.value)
    assert "5ecret" not in str(caught.value)


def test_a_zone_through_octodns_is_read_written_and_read_again(tmp_path: Path) -> None:
    estate = load(written(tmp_path, ELSEWHERE))
    settings: dict[str, Setting] = {"account_id": "0a1b", "retry_period": 10, "pagerules": False, "tags": ["a", "b"]}
    assert estate.zones["docs.example"].holder == Octodns(
        "octodns_cloudflare.CloudflareProvider",
        "octodns-cloudflare>=1.2,<2",
        settings,
        {"token": Secret(env="COMPANY")},
    )
    again = tmp_path / "again.json"
    again.write_text(json.dumps(plain(estate)), encoding="utf-8")
    assert load(again) == estate
    assert references(estate)['zones."docs.example".secrets.token'] == Secret(env="COMPANY")
    package = 'package = "octodns-cloudflare>=1.2,<2"\n'
    short = load(written(tmp_path, ELSEWHERE.replace(package, ""))).zones["docs.example"].holder
    assert isinstance(short, Octodns)
    assert short.package == "octodns-cloudflare"


def test_only_a_twin_gets_the_secrets_and_the_package_of_a_class(tmp_path: Path) -> None:
    path = written(tmp_path, ELSEWHERE)
    assert secrets_for(path, "twin1")["zone.docs.example.token"] == Secret(env="COMPANY")
    there = tmp_path / "twin1.json"
    there.write_text(slice_for(path, "twin1"), encoding="utf-8")
    holder = load(there).zones["docs.example"].holder
    assert isinstance(holder, Octodns)
    assert holder.secrets == {"token": Secret(file="/etc/seawall/secrets/zone.docs.example.token")}
    estate = load(path)
    assert packages_of(cut(estate, estate.hosts["twin1"]).zones) == ("octodns-cloudflare>=1.2,<2",)
    for host in ("web1", "vault-even", "ns1"):
        assert "cloudflare" not in slice_for(path, host)
        assert packages_of(cut(estate, estate.hosts[host]).zones) == ()


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('class = "octodns_cloudflare.CloudflareProvider"\n', "", "class: is missing; add it"),
        ('class = "octodns_cloudflare.CloudflareProvider"', 'class = "Cloudflare"', 'class: "Cloudflare" is no class'),
        ('class = "octodns_cloudflare.CloudflareProvider"', 'clas = "a.B"', 'did you mean "class"'),
        ('"octodns-cloudflare>=1.2,<2"', '"--index-url=https://a.example"', "is no package"),
        ('"octodns-cloudflare>=1.2,<2"', '"git+https://a.example"', "is no package"),
        ('account_id = "0a1b"', 'api_key = "5ecret"', "settings.api_key: is a secret by its name"),
        ('account_id = "0a1b"', 'id = "0a1b"', "is no argument of the class"),
        ('account_id = "0a1b"', "account_id = { a = 1 }", "account_id: must be text, a number"),
        ('{ token = { env = "COMPANY" } }', '{ token = "5ecret" }', "a secret must not stand in this file"),
        ('{ token = { env = "COMPANY" } }', '{ account_id = { env = "A" } }', "stands among the secrets as well"),
        ('"bob.ns.cloudflare.com"', '"bob.ns.cloudflare.com."', "without the last dot"),
        ("ttl = 60", 'ttl = 60\nendpoint = "ovh-eu"', "endpoint: is not what a zone with provider"),
        ('provider = "octodns"\n', "", "settings: is not what a zone with provider"),
    ],
)
def test_faults_of_a_zone_through_octodns_are_told(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    assert right in ELSEWHERE
    with pytest.raises(BadEstate) as caught:
        load(written(tmp_path, ELSEWHERE.replace(right, wrong)))
    assert said in str(caught.value)
    assert "5ecret" not in str(caught.value)
