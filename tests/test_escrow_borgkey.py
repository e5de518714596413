"""The keys of real repositories: read, judged, and put back by borg itself."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from escrowed import wrapped
from local_borg import Local, use_local_borg
from saved_estate import lab_estate

from backups.escrow import borgkey
from backups.escrow.custody import Found, Held, Verdict, judge
from estate.model import Side

PASS = "a test's own"  # as local_borg has it


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository."""
    folder = tmp_path_factory.mktemp("borg")
    with pytest.MonkeyPatch.context() as patch:
        kept = use_local_borg(patch, folder)
        server = lab_estate(folder).hosts["vault-odd"]
        (folder / "web1").mkdir()
        assert Local("web1", "files", Side.ODD, server, kept, folder=folder).init()
    return folder


def key_of(folder: Path) -> borgkey.RepositoryKey:
    found = borgkey.from_config((folder / "web1/files/config").read_text(encoding="utf-8"))
    assert found is not None
    return found


def borg(folder: Path, *words: str, **env: str) -> str:
    """Of the repository web1/files, as anybody on its machine can call it."""
    environment = {"BORG_BASE_DIR": str(folder / "home"), "BORG_PASSPHRASE": PASS, "PATH": "/usr/bin:/bin", **env}
    program = str(Path(sys.executable).with_name("borg"))
    return subprocess.run([program, *words], env=environment, capture_output=True, text=True, check=True).stdout


def test_a_key_is_exported_as_borg_does(made: Path) -> None:
    assert key_of(made).exported() == borg(made, "key", "export", str(made / "web1/files"))


def test_only_its_passphrase_opens_it(made: Path) -> None:
    key = key_of(made)
    assert key.material(PASS)
    assert key.material("another") is None
    assert replace(key, id="00" * 32).material(PASS) is None
    assert wrapped(b"a", "x").material("x") == wrapped(b"a", "y").material("y") != wrapped(b"b", "x").material("x")


@pytest.mark.parametrize("blob", ["", "!", "AAAA", "gqd2ZXJzaW9uAQ=="])
def test_what_is_no_key_opens_with_nothing(blob: str) -> None:
    assert borgkey.RepositoryKey("00" * 32, blob).material(PASS) is None


@pytest.mark.parametrize("config", ["", "[repository]", "[repository]\nid = ab", "key = \x00", "[repository\n"])
def test_what_is_no_config_has_no_key(config: str) -> None:
    assert borgkey.from_config(config) is None


def test_an_attacker_changes_the_passphrase_and_the_sealed_key_brings_the_repository_back(made: Path) -> None:
    good = key_of(made)
    held = {"web1/files@odd": Held(good, str(good.material(PASS)))}
    borg(made, "key", "change-passphrase", str(made / "web1/files"), BORG_NEW_PASSPHRASE="mallory")
    (judged,) = judge({"web1/files@odd": Found(key_of(made))}, held, {"web1": PASS})
    assert judged.verdict is Verdict.LOCKED
    assert judged.held == held["web1/files@odd"]  # never the attacker's
    with pytest.raises(subprocess.CalledProcessError):
        borg(made, "list", str(made / "web1/files"))
    (made / "sealed").write_text(good.exported(), encoding="utf-8")
    borg(made, "key", "import", str(made / "web1/files"), str(made / "sealed"))
    assert borg(made, "list", str(made / "web1/files")) == ""
    assert key_of(made) == good


def test_every_change_has_its_verdict() -> None:
    mine, rewrapped, foreign = wrapped(b"a", PASS), wrapped(b"a", "the new one"), wrapped(b"b", PASS)
    held = {"web1/files@odd": Held(mine, str(mine.material(PASS)))}

    def verdict(found: Found, known: dict[str, Held], passphrase: str = PASS, *accepted: str) -> tuple[Verdict, bool]:
        (one,) = judge({"web1/files@odd": found}, known, {"web1": passphrase}, frozenset(accepted))
        return one.verdict, one.held == held["web1/files@odd"]

    assert verdict(Found(mine), {}) == (Verdict.NEW, True)
    assert verdict(Found(mine), held) == (Verdict.SAME, True)
    assert verdict(Found(rewrapped), held, "the new one") == (Verdict.REWRAPPED, False)
    assert verdict(Found(rewrapped), held) == (Verdict.LOCKED, True)
    assert verdict(Found(rewrapped), {}) == (Verdict.LOCKED, False)
    assert verdict(Found(foreign), held) == (Verdict.REPLACED, True)
    assert verdict(Found(foreign), held, PASS, "web1/files@odd") == (Verdict.NEW, False)
    assert verdict(Found(None), held) == (Verdict.GONE, True)
    assert verdict(Found(None), {}) == (Verdict.NONE, False)
    assert verdict(Found(None, answered=False), held) == (Verdict.UNSEEN, True)
    assert [one for one in Verdict if not one.good] == [
        Verdict.UNSEEN, Verdict.GONE, Verdict.LOCKED, Verdict.REPLACED]  # fmt: skip
