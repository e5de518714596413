"""`seawall estate`, as an operator types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seawall.cli import run


def seawall(*words: str) -> int:
    """The exit code; what was said is for capsys."""
    return run(["estate", *words])


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the example estate in it, as the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEAWALL_ESTATE", raising=False)
    assert seawall("init") == 0
    return tmp_path / "estate.toml"


def test_init_writes_an_estate_that_holds(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seawall("check") == 0
    assert "3 datacenters, 6 hosts, 3 vhosts, 2 databases, 3 zones" in capsys.readouterr().out


def test_init_never_overwrites(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written.write_text("mine")
    assert seawall("init") == 6
    assert "already there, and is not overwritten" in capsys.readouterr().err
    assert written.read_text() == "mine"


def test_init_says_where_it_can_not_write(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seawall("init", "nowhere/estate.toml") == 3
    assert "there is no directory nowhere" in capsys.readouterr().err


def test_check_tells_faults_with_exit_code_2(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written.write_text(written.read_text().replace('datacenter = "limburg"', 'datacenter = "limbrg"'))
    assert seawall("check", "--json") == 2
    said = capsys.readouterr()
    assert 'estate.toml:24: hosts.web1.datacenter: no datacenter "limbrg"; did you mean "limburg"?' in said.err
    assert "mend these 2 faults" in said.err
    assert said.out == ""


def test_check_looks_secrets_up_when_asked_and_never_shows_them(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert seawall("check", "--secrets") == 3
    told = capsys.readouterr().err
    assert "hosts.web1.passphrase: the secret" in told
    assert "hosts.twin1.passphrase: the secret" in told
    (written.parent / "secrets").mkdir()
    for name in ("web1.passphrase", "twin1.passphrase", "tsig"):
        (written.parent / "secrets" / name).write_text("correct horse")
        (written.parent / "secrets" / name).chmod(0o600)
    assert seawall("check", "--secrets", "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["secrets"] == 5
    assert "correct horse" not in said.out + said.err


def test_show_names_every_host_and_vhost(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert seawall("show") == 0
    shown = capsys.readouterr().out
    for word in ("limburg", "vault-even", "2001:db8:1::20", "www.shop.example", "ledger (postgresql)", "alice, bob"):
        assert word in shown


def test_show_as_json_is_the_whole_estate(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert seawall("show", "--json") == 0
    assert json.loads(capsys.readouterr().out)["hosts"]["web1"]["twin"] == "twin1"


def test_the_shell_completes_commands() -> None:
    env = {**os.environ, "_SEAWALL_COMPLETE": "bash_complete", "COMP_WORDS": "seawall estate ", "COMP_CWORD": "2"}
    program = Path(sys.executable).with_name("seawall")
    done = subprocess.run([program], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == ["check", "init", "pin-backups", "show"]
