"""A host's slice of the estate loads there, and holds nothing about its neighbours."""

import json
from importlib.resources import files
from pathlib import Path

import pytest

from estate.problem import BadEstate
from estate.secret import Secret
from inventory import load, secrets_for, slice_for
from inventory.render import plain

NEIGHBOUR = """
[hosts.web2]
role = "production"
datacenter = "gravelines"
ipv4 = "198.51.100.20"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBRtMUbtycjxZA/awOSRmwE9r49AnRkA7MifZdUbRanz"
twin = "twin2"
backup = { even = "vault-even", odd = "vault-odd" }
passphrase = { command = ["pass", "show", "web2"] }

[hosts.twin2]
role = "drp"
datacenter = "strasbourg"
ipv4 = "203.0.113.21"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP1lz2nOlhHX4tA5HYUT36GU60w1KCJZfdlhcEUl4RyY"
backup = { even = "vault-even", odd = "vault-odd" }
passphrase = { env = "TWIN2" }

[vhosts."rival.example"]
host = "web2"
user = "rival"
runtime = "static"
check = { expect = "Rival" }

[databases.rival]
engine = "mariadb"
vhost = "rival.example"

[zones."rival.example"]
servers = ["ns1", "ns2"]
tsig = { name = "rival-key", secret = { file = "secrets/rival" } }
"""
HOSTS = ["web1", "twin1", "vault-even", "vault-odd", "ns1", "ns2", "web2", "twin2"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The example estate, and a second pair beside it."""
    found = tmp_path / "estate.toml"
    example = files("inventory").joinpath("example.toml").read_text(encoding="utf-8")
    found.write_text(example + NEIGHBOUR, encoding="utf-8")
    return found


@pytest.mark.parametrize("host", HOSTS)
def test_a_slice_loads_on_its_host_and_says_whose_it_is(path: Path, host: str) -> None:
    there = path.with_name(f"{host}.json")
    there.write_text(slice_for(path, host), encoding="utf-8")
    estate = load(there)
    assert estate.slice is not None
    assert estate.slice.host == host
    assert estate.hosts[host].host_key == load(path).hosts[host].host_key
    assert estate.control.ssh_key is None
    assert json.loads(slice_for(there, host)) == json.loads(slice_for(path, host))  # a slice of a slice is the slice


@pytest.mark.parametrize("host", ["web1", "twin1"])
def test_a_slice_holds_nothing_about_neighbours(path: Path, host: str) -> None:
    text = slice_for(path, host)
    for word in ("web2", "twin2", "rival", "198.51.100.20", "203.0.113.21", "TWIN2"):
        assert word in path.read_text(encoding="utf-8")
        assert word not in text


def test_a_production_host_knows_its_twin_and_no_zone(path: Path) -> None:
    part = json.loads(slice_for(path, "web1"))
    assert list(part["hosts"]) == ["web1", "twin1", "vault-even", "vault-odd"]
    assert list(part["vhosts"]) == ["shop.example", "ledger.example", "docs.example"]
    assert part["zones"] == {}
    assert list(secrets_for(path, "web1")) == ["passphrase.web1", "passphrase.twin1"]


def test_a_twin_gets_the_keys_of_the_zones_it_may_switch(path: Path) -> None:
    part = json.loads(slice_for(path, "twin1"))
    assert list(part["zones"]) == ["shop.example", "ledger.example", "docs.example"]
    assert {"ns1", "ns2", "web1"} < set(part["hosts"])
    found = secrets_for(path, "twin1")
    assert found["tsig.shop.example"] == Secret(file="secrets/tsig")
    assert set(found) == {"passphrase.twin1", "passphrase.web1", *(f"tsig.{zone}" for zone in part["zones"])}


@pytest.mark.parametrize("host", HOSTS)
def test_a_slice_refers_to_exactly_the_secrets_that_are_put_there(path: Path, host: str) -> None:
    part = json.loads(slice_for(path, host))
    kept = [entry["passphrase"] for entry in part["hosts"].values() if "passphrase" in entry]
    kept += [zone["tsig"]["secret"] for zone in part["zones"].values()]
    assert {place["file"] for place in kept} == {f"/etc/seawall/secrets/{name}" for name in secrets_for(path, host)}


def test_a_backup_server_knows_only_the_names_of_its_clients(path: Path) -> None:
    part = json.loads(slice_for(path, "vault-odd"))
    assert list(part["hosts"]) == ["vault-odd"]
    assert part["slice"]["clients"] == ["web1", "twin1", "web2", "twin2"]
    assert not part["vhosts"]
    assert secrets_for(path, "vault-odd") == {}


def test_who_saves_itself_gets_the_words_that_others_hear_of_it_by(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("# heartbeat =", "heartbeat =").replace("# notify =", "notify ="), encoding="utf-8")
    told = {"heartbeat": Secret(file="secrets/heartbeat"), "notify": Secret(file="secrets/notify")}
    assert told.items() <= secrets_for(path, "web1").items()
    assert not told.keys() & secrets_for(path, "vault-odd").keys()
    assert json.loads(slice_for(path, "twin1"))["backup"]["notify"] == {"file": "/etc/seawall/secrets/notify"}
    assert "notify" not in json.loads(slice_for(path, "vault-odd"))["backup"]


def test_the_estate_survives_being_written_and_read(path: Path) -> None:
    estate = load(path)
    again = path.with_name("again.json")
    again.write_text(json.dumps(plain(estate)), encoding="utf-8")
    assert load(again) == estate


def test_a_slice_for_nobody_is_refused(path: Path) -> None:
    for ask in (slice_for, secrets_for):
        with pytest.raises(BadEstate, match='no host "wbe1" in the estate; did you mean "web1"'):
            ask(path, "wbe1")


@pytest.mark.parametrize("host", HOSTS)
def test_a_slice_knows_no_staff_no_networks_and_no_credentials(path: Path, host: str) -> None:
    whole, part = plain(load(path)), json.loads(slice_for(path, host))
    tables = {"ssh", "firewall", "patches", "staff", "credentials"}
    assert {"firewall", "patches", "staff", "credentials"} <= whole.keys()
    assert not tables & part.keys()


def test_the_policy_is_read_back_as_it_was_written(path: Path) -> None:
    again = path.with_suffix(".json")
    again.write_text(json.dumps(plain(load(path))), encoding="utf-8")
    assert load(again).policy == load(path).policy
    assert load(path).policy.staff_on("web1")[0].until.isoformat() == "2027-06-30"
    assert load(path).policy.staff_on("ns1") == ()
