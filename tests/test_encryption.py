"""Encryption at rest, before any host is touched: the estate's words, who may ask for what, what is written."""

import shutil
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from effects.onhost import encrypted
from effects.run import run
from estate.model import Estate
from estate.problem import BadEstate
from estate.secret import Secret
from inventory import load, secrets_for, slice_for
from inventory.data import host_data
from inventory.encryption import encryption_data
from inventory.render import plain
from playbooks.encryption import packages_for, tool
from playbooks.key_server import authorized
from seawall.commands.harden import waves, with_passphrases

EXAMPLE = files("inventory").joinpath("example.toml").read_text(encoding="utf-8")
PLACE = 'passphrase = { file = "secrets/web1.passphrase" }'
ASKED = 'encryption = { key_server = "vault-odd", passphrase = { file = "secrets/web1.volume" } }'
FAULTS = {
    'key_server = "web1"': 'hosts.web1.encryption.key_server: "web1" has the role production, not backup',
    'key_server = "vault-even"': '"vault-even" is in the same datacenter, and would be stolen along with it',
    'key_server = "vault-od"': 'no host "vault-od"; did you mean "vault-odd"?',
    'key_server = "vault-odd", x = 1': "hosts.web1.encryption.x",
}


def an_estate(path: Path, asked: str = ASKED, place: str = PLACE) -> Path:
    found = path / "estate.toml"
    assert EXAMPLE.count(place) == 1
    found.write_text(EXAMPLE.replace(place, f"{place}\n{asked}"), encoding="utf-8")
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return an_estate(tmp_path)


@pytest.fixture
def estate(file: Path) -> Estate:
    return load(file)


@pytest.mark.parametrize(("wrong", "said"), FAULTS.items())
def test_a_key_server_that_would_not_help_is_refused(tmp_path: Path, wrong: str, said: str) -> None:
    with pytest.raises(BadEstate) as caught:
        load(an_estate(tmp_path, ASKED.replace('key_server = "vault-odd"', wrong)))
    assert said in str(caught.value)


def test_only_hosts_that_serve_vhosts_have_it(tmp_path: Path) -> None:
    tree: dict[str, Any] = tomllib.loads(EXAMPLE)
    key = tree["hosts"]["ns1"]["host_key"]
    with pytest.raises(BadEstate, match="this is a dns host"):
        load(an_estate(tmp_path, ASKED, f'host_key = "{key}"'))


def test_an_estate_says_the_same_after_it_was_written_and_read(file: Path, estate: Estate) -> None:
    assert plain(estate)["hosts"]["web1"]["encryption"]["passphrase"] == {"file": "secrets/web1.volume"}
    assert estate.hosts["web1"].encryption is not None
    assert estate.hosts["web1"].encryption.passphrase == Secret(file="secrets/web1.volume")


@pytest.mark.parametrize("host", ["web1", "twin1", "vault-odd"])
def test_no_host_gets_the_passphrase_with_its_slice(file: Path, host: str) -> None:
    assert "volume" not in slice_for(file, host)
    assert not [name for name in secrets_for(file, host) if "volume" in name]


def test_a_host_that_does_not_ask_stays_as_it_is(estate: Estate) -> None:
    data = host_data(estate, estate.hosts["twin1"])
    assert data["encryption"] is None
    assert data["volumes"] == []
    assert packages_for(data["encryption"]) == ()


def test_the_key_server_lets_the_host_in_and_nobody_else_for_it(estate: Estate) -> None:
    data = host_data(estate, estate.hosts["vault-odd"])
    assert {"192.0.2.20", "2001:db8:1::20"} <= set(data["openings"][0]["sources"])
    (volume,) = data["volumes"]
    key = estate.hosts["web1"].host_key
    command = 'command="cat /var/lib/volume-web1/passphrase"'
    assert authorized(volume) == f'restrict,from="192.0.2.20,2001:db8:1::20",{command} {key}\n'


def test_the_key_server_comes_before_those_that_ask_it(estate: Estate) -> None:
    hosts = [host_data(estate, host) for host in estate.hosts.values()]
    first, rest = waves(hosts)
    assert [data["name"] for data in first] == ["vault-odd"]
    assert len(rest) == len(hosts) - 1
    assert waves(rest) == [rest]


def test_passphrases_are_looked_up_for_their_key_server_alone(file: Path, estate: Estate) -> None:
    secret = file.parent / "secrets/web1.volume"
    secret.parent.mkdir()
    secret.touch(mode=0o600)
    secret.write_text("known to nobody\n", encoding="utf-8")
    of = {name: with_passphrases(host_data(estate, host), estate, file) for name, host in estate.hosts.items()}
    assert of["vault-odd"]["passphrases"] == {"web1": "known to nobody"}
    assert not [name for name, data in of.items() if "known" in repr(data) and name != "vault-odd"]


def test_vhosts_databases_and_copies_on_their_way_are_encrypted(estate: Estate) -> None:
    data = encryption_data(estate, estate.hosts["web1"])
    assert data is not None
    assert data["places"] == ["/srv/vhosts", "/var/lib/mysql", "/var/lib/postgresql", "/var/lib/seawall/spool"]


def test_the_hosts_side_of_it_is_a_program_of_the_shell(estate: Estate, tmp_path: Path) -> None:
    data = encryption_data(estate, estate.hosts["web1"])
    assert data is not None
    path = tmp_path / "tool"
    path.write_text(tool("web1", data), encoding="utf-8")
    run([shutil.which("dash") or "sh", "-n", str(path)], timeout=10)
    assert "{{" not in path.read_text(encoding="utf-8")


def test_two_directories_exchange_their_names_at_once(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    encrypted.exchange(str(tmp_path / "old"), str(tmp_path / "new"))
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["new"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["old"]
    with pytest.raises(FileNotFoundError):
        encrypted.exchange(str(tmp_path / "old"), str(tmp_path / "gone"))


def test_where_nothing_is_encrypted_a_directory_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / encrypted.KEY).mkdir()  # by that name, and in the clear
    stage = tmp_path / "stage"
    stage.mkdir()
    encrypted.follow(str(stage))
    assert encrypted.policy(str(stage)) is None
