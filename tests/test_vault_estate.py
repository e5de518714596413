"""What the estate says about the vault reaches those who go by it."""

from datetime import timedelta
from pathlib import Path

import pytest
from saved_estate import lab_estate

from estate.problem import BadEstate
from estate.vault import GB, Keep, VaultPolicy
from inventory import load
from inventory.backups_build import backups, plain_backups
from inventory.raw_backups import RawBackup
from playbooks.vault import authorized

TOLD = """
[backup.retention.files]
within_days = 3
daily = 10

[backup.vault]
delay_days = 14
quota_files_gb = 500

[drp]"""


@pytest.fixture
def told(tmp_path: Path) -> VaultPolicy:
    lab_estate(tmp_path)
    path = tmp_path / "estate.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("\n[drp]", TOLD), encoding="utf-8")
    return load(path).backup.vault


def test_what_is_said_counts_and_the_rest_is_usual(told: VaultPolicy) -> None:
    usual = VaultPolicy()
    assert told.files == Keep(timedelta(days=3), 10, usual.files.weekly, usual.files.monthly, 2, usual.files.at_least)
    assert told.databases == usual.databases
    assert (told.delay, told.quotas) == (timedelta(days=14), {"files": 500 * GB})


def test_it_is_read_back_as_it_was_written(told: VaultPolicy) -> None:
    written = {"retention": {"files": {"daily": 3}}, "vault": {"most_a_day": 5, "quota_databases_gb": 7}}
    policy = backups(RawBackup.model_validate(written))
    assert backups(RawBackup.model_validate(plain_backups(policy))) == policy


def test_never_fewer_than_one(tmp_path: Path) -> None:
    lab_estate(tmp_path)
    path = tmp_path / "estate.toml"
    none = "\n[backup.retention.databases]\nat_least = 0\n\n[drp]"
    path.write_text(path.read_text(encoding="utf-8").replace("\n[drp]", none), encoding="utf-8")
    with pytest.raises(BadEstate, match="at_least"):
        load(path)


def test_each_key_opens_one_thing() -> None:
    keys = {"writer": "ssh-ed25519 WEB", "reader": "ssh-ed25519 TWIN", "keeper": "ssh-ed25519 KEEPER"}
    found = authorized({"web1": keys}, {"files": 5})
    lines = {path: file.content.splitlines() for path, file in found.items()}
    adds, keeps = lines["/var/lib/borg-web1/.ssh/authorized_keys"]
    assert '/opt/seawall/bin/python -I -m backups.vault.gate writer web1 files=5",restrict ' in adds
    assert adds.endswith("WEB")
    assert '/opt/seawall/bin/python -I -m backups.vault.gate keeper web1",restrict ' in keeps
    assert keeps.endswith("KEEPER")
    assert [line.split()[-1] for line in lines["/var/lib/borg-web1-ro/.ssh/authorized_keys"]] == ["TWIN", "KEEPER"]
    assert all(
        line.startswith('command="') and line.count(",restrict ") == 1 for each in lines.values() for line in each
    )
