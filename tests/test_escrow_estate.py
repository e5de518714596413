"""[escrow] of the estate file: read, checked, written, and on no host."""

import json
from pathlib import Path

import pytest
from saved_estate import lab_estate

from backups.escrow import people
from estate.escrow import Escrow
from estate.problem import BadEstate
from estate.secret import Secret
from inventory import load, secrets_for, slice_for
from inventory.references import references
from inventory.render import plain

ALICE, BOB = (people.Private(bytes([n]) * 32).public for n in (1, 2))


def written(folder: Path, table: str) -> Path:
    """The lab's estate file with a table of its own."""
    lab_estate(folder)
    path = folder / "estate.toml"
    path.write_text(path.read_text(encoding="utf-8") + f"\n[escrow]\n{table}\n", encoding="utf-8")
    return path


def test_people_are_named_with_their_keys(tmp_path: Path) -> None:
    path = written(tmp_path, f'needed = 2\nrecipients = {{ alice = "{ALICE}", bob = "{BOB}" }}')
    estate = load(path)
    assert estate.escrow == Escrow({"alice": ALICE, "bob": BOB}, 2)
    assert estate.escrow.wanted
    again = tmp_path / "again.json"
    again.write_text(json.dumps(plain(estate)), encoding="utf-8")
    assert load(again) == estate


def test_nobody_is_named_by_default(tmp_path: Path) -> None:
    assert not lab_estate(tmp_path).escrow.wanted
    assert "escrow" not in plain(lab_estate(tmp_path))


def test_every_secret_is_found_wherever_it_stands(tmp_path: Path) -> None:
    """A new kind of them is sealed too, without anybody thinking of it."""
    third = ('[third_copy]\nendpoint = "https://s3.example"\nbucket = "copies"\naccess_key = { env = "A" }\n'
             'secret_key = { command = ["pass", "s3"] }\nseal = { file = "secrets/seal" }\n'
             'servers = ["vault-odd"]\n')  # fmt: skip
    path = written(tmp_path, f'passphrase = {{ env = "P" }}\nrecipients = {{ alice = "{ALICE}" }}\n\n{third}')
    assert set(references(load(path))) == {
        "hosts.web1.passphrase", "hosts.twin1.passphrase", "escrow.passphrase",
        *(f"third_copy.{name}" for name in ("access_key", "secret_key", "seal")),
        *(f'zones."{name}.example".tsig.secret' for name in ("shop", "ledger", "docs")),
    }  # fmt: skip


def test_a_host_knows_nothing_of_it(tmp_path: Path) -> None:
    path = written(tmp_path, f'passphrase = {{ file = "safe" }}\nrecipients = {{ alice = "{ALICE}" }}')
    assert references(load(path))["escrow.passphrase"] == Secret(file="safe")
    for host in load(path).hosts:
        assert "escrow" not in slice_for(path, host)
        assert not [name for name in secrets_for(path, host) if "escrow" in name]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (f'recipients = {{ alice = "{ALICE[:-2]}aa" }}', "escrow.recipients.alice: is no public key, or was mistyped"),
        (f'recipients = {{ alice = "{ALICE}", bob = "{ALICE}" }}', 'already the key of "alice"'),
        (f'needed = 3\nrecipients = {{ alice = "{ALICE}", bob = "{BOB}" }}', "3 people are needed, and 2 are named"),
        ("needed = 2", "2 people are needed, and 0 are named"),
        (
            f'needed = 2\npassphrase = {{ env = "P" }}\nrecipients = {{ alice = "{ALICE}", bob = "{BOB}" }}',
            "open alone",
        ),
        ('passphrase = "correct horse"', "a secret must not stand in this file"),
        ('recipients = { "Alice!" = "seawall1" }', "approver"),
    ],
)
def test_faults_are_told(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(BadEstate) as fault:
        load(written(tmp_path, table))
    assert said in str(fault.value)
    assert "correct horse" not in str(fault.value)
