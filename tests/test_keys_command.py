"""`seawall backup keys`, as people type it: their own keys, their papers, and the way back."""

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from escrowed import PEOPLE, Yard, yard

from backups.escrow import people
from seawall.cli import run

Said = pytest.CaptureFixture[str]
PASSPHRASE = "correct horse battery"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Yard:
    """An estate whose keys are sealed, and three people's key files beside it."""
    made = yard(monkeypatch, tmp_path, set())
    for name, private in PEOPLE.items():
        (tmp_path / f"{name}.key").write_text(people.key_file(name, private, PASSPHRASE), "utf-8")
    (tmp_path / "pass").touch(mode=0o600)
    (tmp_path / "pass").write_text(f"{PASSPHRASE}\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert keys("export", "--estate", "estate.toml") == 0
    return made


def keys(*words: str) -> int:
    return run(["backup", "keys", *words])


def sealed(here: Yard) -> str:
    (path,) = (here.base / "hosts/vault-odd").glob("*.sealed")
    return str(path)


def lines(said: str) -> list[str]:
    """Of a page, what has to be typed."""
    return [line.strip() for line in said.splitlines() if re.match(r" *(\d+|END)  [0-9A-Z-]{4,}", line)]


def printed(said: Said, *words: str) -> list[str]:
    said.readouterr()
    assert keys("paper", *words, "--passphrase-file", "pass", "--estate", "estate.toml") == 0
    return lines(said.readouterr().out)


def typed(monkeypatch: pytest.MonkeyPatch, written: Sequence[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(written) + "\n"))


def test_a_person_makes_a_key_that_the_estate_takes_and_that_is_never_overwritten(here: Yard, capsys: Said) -> None:
    capsys.readouterr()
    assert keys("recipient", "dora", "--passphrase-file", "pass", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert people.recipient(made["public"])
    assert Path("dora.key").stat().st_mode & 0o777 == 0o600
    before = Path("dora.key").read_bytes()
    assert keys("recipient", "dora", "--passphrase-file", "pass") == 6
    assert Path("dora.key").read_bytes() == before
    assert keys("recipient", "dora", "--show") == 0
    assert f'recipients.dora = "{made["public"]}"' in capsys.readouterr().out
    Path("pass").write_text("short\n", "utf-8")
    assert keys("recipient", "emil", "--passphrase-file", "pass") == 2
    assert not Path("emil.key").exists()
    assert keys("recipient", "../x", "--passphrase-file", "pass") == 2


def test_two_papers_that_are_typed_bring_everything_back(
    here: Yard, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = printed(capsys, "alice.key", "--open"), printed(capsys, "bob.key")
    assert (len(alice), len(bob)) == (4, 7)
    wrong = [*alice[:1], alice[1][:-1] + ("0" if alice[1][-1] != "0" else "1"), *alice[1:]]
    typed(monkeypatch, [*wrong, *(line.lower().replace("-", "") for line in bob)])
    way = ("--paper", "-", "--paper", "-", "--passphrase-file", "pass")
    assert keys("restore", sealed(here), "--to", "new", "--dry-run", *way) == 0
    assert "line 2 is not what was printed" in capsys.readouterr().err
    assert not Path("new").exists()
    typed(monkeypatch, [*alice, *bob])
    assert keys("restore", sealed(here), "--to", "new", *way) == 0
    assert Path("new/estate.toml").read_bytes() == here.estate_file.read_bytes()
    modes = {path.stat().st_mode & 0o77 for path in Path("new").rglob("*")} | {Path("new").stat().st_mode & 0o77}
    assert modes == {0}
    assert "the content of" not in capsys.readouterr().out
    assert keys("verify", "--estate", "new/estate.toml", "--json") == 0


def test_a_share_is_read_over_a_telephone_and_opens_this_file_alone(here: Yard, capsys: Said) -> None:
    old = sealed(here)
    capsys.readouterr()
    assert keys("share", old, "--key", "alice.key", "--passphrase-file", "pass") == 0
    Path("heard").write_text("\n".join(lines(capsys.readouterr().out)), "utf-8")
    way = ("--paper", "heard", "--key", "carol.key", "--passphrase-file", "pass")
    assert keys("restore", old, "--to", "new", *way) == 0
    assert Path("new/secrets/web1.passphrase").exists()
    (here.base / "secrets/tsig").write_text("another\n", "utf-8")
    assert keys("export", "--estate", "estate.toml") == 0
    newer = max(str(path) for path in Path("escrow").glob("*.sealed"))
    assert keys("restore", newer, "--to", "newer", *way) == 5
    assert "this share is of another sealed file" in capsys.readouterr().err


def test_an_estate_that_a_backup_server_made_up_is_refused_on_paper(here: Yard, capsys: Said) -> None:
    """Whoever is root there can seal one of his own to the same people; he can't sign it as our control machine."""
    for name in ("alice", "bob"):
        Path(f"{name}.typed").write_text("\n".join(printed(capsys, f"{name}.key", "--open")), "utf-8")
    way = ("--paper", "alice.typed", "--paper", "bob.typed")
    genuine = sealed(here)
    for path in Path("escrow").iterdir():
        path.unlink()
    Path("ssh_key").write_text("mallory's\n", "utf-8")
    assert keys("export", "--estate", "estate.toml") == 0
    (forged,) = (str(path) for path in Path("escrow").glob("*.sealed"))
    capsys.readouterr()
    assert keys("restore", forged, "--to", "new", *way) == 5
    assert re.search(r"was sealed by (\S{19}), and the paper knows (?!\1)\S{19}\n", capsys.readouterr().err)
    assert keys("restore", genuine, "--to", "new", *way) == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--key", "alice.key", "--passphrase-file", "pass"), 6, "one person alone can't open this"),
        ((), 2, "it takes 2 of alice, bob, carol"),
        (("--key", "alice.key"), 3, "has to be typed, and this is no terminal"),
        (("--key", "nobody.key"), 3, "nobody.key can't be read"),
        (("--key", "estate.toml", "--passphrase-file", "pass"), 5, "this is no key file"),
        (("--with-passphrase", "--passphrase-file", "pass"), 6, "sealed to people"),
        (("--paper", "alice.key"), 2, "alice.key: begin with the number"),
    ],
)
def test_what_does_not_open_is_told(
    here: Yard, capsys: Said, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, said: str
) -> None:
    typed(monkeypatch, [])
    assert keys("restore", sealed(here), "--to", "new", *words) == code
    assert said in capsys.readouterr().err
    assert not Path("new").exists()


def test_a_paper_of_a_key_that_is_not_in_the_estate_says_so(here: Yard, capsys: Said) -> None:
    assert keys("recipient", "dora", "--passphrase-file", "pass") == 0
    capsys.readouterr()
    assert keys("paper", "dora.key", "--passphrase-file", "pass", "--estate", "estate.toml") == 0
    page = capsys.readouterr().out
    assert "DOES NOT STAND IN [escrow]" in page
    assert "vault-even: 10.84.1.20 port 2222, in limburg" in page
    assert max(map(len, page.splitlines())) <= 88


def test_a_repository_without_a_fault_needs_nothing_put_back(here: Yard, capsys: Said) -> None:
    capsys.readouterr()
    assert keys("put-back", "web1/files@odd", "--yes", "--json", "--estate", "estate.toml") == 0
    assert json.loads(capsys.readouterr().out) == {"done": False, "repository": "web1/files@odd", "was": "same"}
    assert keys("put-back", "web9/files@odd", "--estate", "estate.toml") == 2
    (here.base / "borg/web1/files/config").unlink()
    assert keys("put-back", "web1/files@odd", "--yes", "--estate", "estate.toml") == 6
