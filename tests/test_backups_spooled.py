"""What is kept here while both sides are down: encrypted, bounded, and gone when it is needed no longer."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from local_borg import Local, use_local_borg
from saved_estate import T0, site

from backups import memory, paths, spooled, standing
from backups.memory import Taken
from backups.site import Site
from backups.vault.compare import LATE
from effects import disk
from estate.model import Engine, Side
from estate.points import archive_name
from estate.problem import Failed, Unreachable, Untrusted

HOUR = timedelta(hours=1)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    found = site(tmp_path)
    kept = use_local_borg(monkeypatch, tmp_path)
    (tmp_path / "secrets").mkdir(exist_ok=True)
    kept.rename(tmp_path / "secrets/passphrase.web1")
    monkeypatch.setattr(paths, "SECRETS", tmp_path / "secrets")
    monkeypatch.setattr(paths, "SPOOL", tmp_path / "spool")
    monkeypatch.setattr(paths, "STATUS", tmp_path / "backup.json")
    monkeypatch.setattr(spooled, "KEPT", tmp_path / "spool/kept")
    (tmp_path / "spool/copy").mkdir(parents=True)
    (tmp_path / "spool/copy/table").write_bytes(b"a row that stands nowhere else\n" * 10)
    return allowed(found, spool_mb=10, keep_free_percent=1)


def allowed(found: Site, **limits: int) -> Site:
    return Site(replace(found.estate, backup=replace(found.estate.backup, **limits)), found.host)  # type: ignore[arg-type]


def keep(found: Site, hours: float, said: list[str] | None = None) -> None:
    name = archive_name("web1", Engine.MARIADB, T0 + hours * HOUR)
    spooled.keep(found, name, paths.SPOOL / "copy", ["--compression=none"], (said if said is not None else []).append)


def ages(found: Site) -> list[float]:
    return [(archive.taken - T0) / HOUR for archive in spooled.kept(found)]


def test_what_is_kept_is_encrypted_and_comes_back(here: Site, tmp_path: Path) -> None:
    said: list[str] = []
    assert ages(here) == []
    keep(here, 0, said)
    assert "kept here, encrypted" in said[-1]
    assert ages(here) == [0]
    raw = b"".join(path.read_bytes() for path in spooled.KEPT.rglob("*") if path.is_file())
    assert raw
    assert b"stands nowhere else" not in raw
    (tmp_path / "back").mkdir()
    spooled.repository(here).extract(spooled.kept(here)[0], tmp_path / "back")
    assert (tmp_path / "back/table").read_bytes() == (tmp_path / "spool/copy/table").read_bytes()


def test_the_oldest_goes_first_and_the_bound_holds(here: Site, tmp_path: Path) -> None:
    bound, said = 3, list[str]()
    for hours in (0, 2, 4):
        (tmp_path / "spool/copy/table").write_bytes(bytes((hours * 7 + n * n) % 251 for n in range(1_200_000)))
        keep(allowed(here, spool_mb=bound), hours, said)
        assert disk.size(spooled.KEPT) <= bound * spooled.MB
    assert ages(here)[-1] == 4
    assert 0 not in ages(here)
    assert "older ones had to go" in said[-1]


def test_a_disk_that_would_become_too_full_is_left_alone(here: Site, tmp_path: Path) -> None:
    tight, said = allowed(here, keep_free_percent=100), list[str]()
    with pytest.raises(Failed, match=r"web1: .* stay free"):
        spooled.require_room(tight, 0)
    keep(tight, 0, said)
    assert "not kept here either" in said[-1]
    assert not (tmp_path / "kept").exists()
    spooled.require_room(here, 0)


def test_nothing_is_kept_where_nothing_may_be(here: Site, tmp_path: Path) -> None:
    keep(allowed(here, spool_mb=0), 0)
    assert not (tmp_path / "kept").exists()


@pytest.fixture
def sides(here: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Side, Local]:
    """Both are back; only the odd one has its repository by now."""
    kept = paths.SECRETS / "passphrase.web1"
    server = here.estate.hosts["vault-odd"]
    made = {side: Local("web1", "databases", side, server, kept, folder=tmp_path / side) for side in Side}
    monkeypatch.setattr(Site, "repository", lambda _site, _host, _kind, side: made[side])
    (tmp_path / "odd/web1").mkdir(parents=True)
    made[Side.ODD].init()
    return made


def release(found: Site, hours: float, said: list[str] | None = None) -> int:
    hear = (said if said is not None else []).append
    return spooled.release(found, T0 + hours * HOUR, ["--compression=none"], hear)


def younger(side: Side, hours: float, kind: Engine = Engine.MARIADB, error: str | None = None) -> None:
    memory.remember([Taken("n", side, "v", kind, T0 + hours * HOUR, 1.0, 0, error, 4 if error else 0)])


def test_what_is_kept_goes_when_a_side_has_a_younger_one_and_the_newest_of_it(
    here: Site, sides: dict[Side, Local]
) -> None:
    for hours in (0, 1, 3):
        keep(here, hours)
    younger(Side.ODD, 5, error=str(Unreachable("no answer", hint="look")))
    younger(Side.ODD, 5, Engine.POSTGRESQL)
    assert release(here, 5) == 0
    younger(Side.ODD, 2)
    assert release(here, 5) == 2
    assert ages(here) == [3]
    assert [(one.taken - T0) / HOUR for one in sides[Side.ODD].archives()] == [1]
    younger(Side.ODD, 5)
    assert release(here, 5) == 1
    assert [(one.taken - T0) / HOUR for one in sides[Side.ODD].archives()] == [1, 3]
    assert not spooled.KEPT.exists()
    assert release(here, 5) == 0


def test_what_a_side_does_not_take_stays_until_it_would_come_too_late(here: Site, sides: dict[Side, Local]) -> None:
    said: list[str] = []
    keep(here, 0)
    younger(Side.EVEN, 1)  # whose repository does not answer
    assert release(here, 2, said) == 0
    assert "stays here" in said[-1]
    assert ages(here) == [0]
    assert release(here, 49, said) == 1
    assert "taken for a forged one" in said[-1]
    assert not sides[Side.ODD].archives()
    assert spooled.YOUNG < LATE


def test_a_kept_repository_whose_creation_died_is_made_anew(here: Site) -> None:
    spooled.KEPT.mkdir()
    (spooled.KEPT / "README").write_text("This is a Borg Backup repository.", "utf-8")
    assert ages(here) == []
    keep(here, 0)
    assert ages(here) == [0]


def test_what_was_kept_with_a_wrong_passphrase_stands_in_the_way_of_nothing(here: Site) -> None:
    secret, said = paths.SECRETS / "passphrase.web1", list[str]()
    right = secret.read_text("utf-8")
    secret.write_text("not-the-one\n", "utf-8")
    keep(here, 0)
    os.utime(spooled.KEPT, (T0.timestamp(), T0.timestamp()))
    secret.write_text(right, "utf-8")
    with pytest.raises(Untrusted, match=f"web1: what is kept in {spooled.KEPT} does not open"):
        release(here, 1)  # it may be this one that is wrong: no side took anything with it
    assert "does not open" in standing.own(here, T0 + HOUR).faults[0]
    for engine in (Engine.MARIADB, Engine.POSTGRESQL):
        younger(Side.ODD, 2, engine)
    assert release(here, 2, said) == 0
    assert "out of the way" in said[-1]
    keep(here, 3)
    assert ages(here) == [3]
    assert [path.name for path in paths.SPOOL.glob(".unopened*")] == [".unopened-kept.0"]


def test_the_size_of_a_tree_is_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "tree/deep").mkdir(parents=True)
    (tmp_path / "tree/deep/file").write_bytes(b"x" * 10_000)
    (tmp_path / "tree/link").symlink_to("/usr")
    assert 10_000 <= disk.size(tmp_path / "tree") <= 50_000
