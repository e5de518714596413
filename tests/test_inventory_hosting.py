"""Who can stop a production host: read, written, told where it is wrong, and known to nobody but its twin."""

import json
from importlib.resources import files
from pathlib import Path

import pytest

from estate.hosting import Hosting, Product
from estate.problem import BadEstate
from estate.secret import Secret
from inventory import load, secrets_for, slice_for
from inventory.references import references
from inventory.render import plain

EXAMPLE = files("inventory").joinpath("example.toml").read_text(encoding="utf-8")
OVH = """
[hosts.web1.provider]
kind = "ovh"
product = "instance"
project = "p1"
service = "i1"
application_key = { env = "KEY" }
application_secret = { file = "secrets/ovh" }
consumer_key = { command = ["pass", "ovh"] }
"""
KEYS = (Secret(env="KEY"), Secret(file="secrets/ovh"), Secret(command=("pass", "ovh")))
NAMES = ["provider.web1.application_key", "provider.web1.application_secret", "provider.web1.consumer_key"]


def written(folder: Path, text: str) -> Path:
    path = folder / "estate.toml"
    path.write_text(EXAMPLE + text, encoding="utf-8")
    return path


def test_it_is_read_written_and_read_again(tmp_path: Path) -> None:
    estate = load(written(tmp_path, OVH))
    assert estate.hosts["web1"].provider == Hosting(Product.INSTANCE, "i1", *KEYS, project="p1")
    again = tmp_path / "again.json"
    again.write_text(json.dumps(plain(estate)), encoding="utf-8")
    assert load(again) == estate
    assert "hosts.web1.provider.consumer_key" in references(estate)


def test_only_the_twin_can_stop_it_and_never_the_host_itself(tmp_path: Path) -> None:
    path = written(tmp_path, OVH)
    assert [name for name in secrets_for(path, "twin1") if name.startswith("provider.")] == NAMES
    there = json.loads(slice_for(path, "twin1"))["hosts"]["web1"]["provider"]
    assert there["consumer_key"] == {"file": "/etc/seawall/secrets/provider.web1.consumer_key"}
    kept = tmp_path / "twin1.json"
    kept.write_text(slice_for(path, "twin1"), encoding="utf-8")
    assert load(kept).hosts["web1"].provider is not None
    for host in ("web1", "vault-even", "ns1"):
        assert not any(name.startswith("provider.") for name in secrets_for(path, host))
        assert "provider" not in slice_for(path, host)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('kind = "ovh"', 'kind = "acme"', "provider.kind: must be one of"),
        ('product = "instance"', "", "provider.product: is missing"),
        ('product = "instance"', 'product = "toaster"', "provider.product: "),
        ('project = "p1"', "", "provider.project: is missing; add it: the id"),
        ('product = "instance"', 'product = "vps"', "provider.project: a vps belongs to no project"),
        ('service = "i1"', 'service = "i1/../i2"', "provider.service: has characters"),
        ('application_key = { env = "KEY" }', 'application_key = "hunter2"', "a secret must not stand in this file"),
        ('consumer_key = { command = ["pass", "ovh"] }', "", "provider.consumer_key: is missing"),
        ("hosts.web1.provider", "hosts.twin1.provider", "only a production host is ever stopped"),
    ],
)
def test_faults_are_told_with_their_line(right: str, wrong: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadEstate) as caught:
        load(written(tmp_path, OVH.replace(right, wrong)))
    assert said in str(caught.value)
    assert "estate.toml:" in str(caught.value)
    assert "hunter2" not in str(caught.value)
