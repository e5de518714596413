"""Several trees that an archive is read for once: each comes to what it would alone, whatever befalls the others."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hydration import brought, everything, here, saved
from hydration import local as local
from hydration import repository as repository
from local_borg import Local

from backups.proof.hydrate import Target, hydrate_all
from estate.points import Archive
from estate.problem import Problem

SITES = ("a", "b", "c")


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """Sites, with something of each elsewhere, and a file that two of them share."""
    top = tmp_path / "live/srv"
    for site in SITES:
        (top / site / "public").mkdir(parents=True)
        (top / site / "public/index.html").write_text(f"{site} one\n", encoding="utf-8")
        (top / "tls" / site).mkdir(parents=True)
        (top / "tls" / site / "key.pem").write_text(f"key of {site}\n", encoding="utf-8")
    (top / "a/shared").write_text("of both", encoding="utf-8")
    (top / "c/shared").hardlink_to(top / "a/shared")
    (top / "ab").mkdir()
    (top / "ab/index.html").write_text("begins like another", encoding="utf-8")
    return top


@pytest.fixture
def targets(tmp_path: Path) -> list[Target]:
    # one names a path twice, in two depths
    more = {"b": ("srv/b/public",)}
    return [
        Target(site, tmp_path / "ready" / site, (f"srv/{site}", f"srv/tls/{site}", *more.get(site, ())))
        for site in SITES
    ]


@pytest.fixture
def reads(repository: Local, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often workers were begun."""
    begun, real = list[str](), Local.read_by

    def read_by(self: Local, *args: Any, **more: Any) -> str:
        begun.append("begun")
        return real(self, *args, **more)

    monkeypatch.setattr(Local, "read_by", read_by)
    return begun


def later(repository: Local, live: Path, targets: list[Target]) -> Archive:
    """An archive after the one that all of them hold."""
    first = saved(repository, live)
    for one in targets:
        brought(repository, first, one)
    for site in SITES:
        (live / site / "public/index.html").write_text(f"{site} two, and longer\n", encoding="utf-8")
        (live / site / "new").write_text("new", encoding="utf-8")
    (live / "b/public/more").symlink_to("index.html")
    shutil.rmtree(live / "tls/a")
    return saved(repository, live, 1)


def same(live: Path, targets: list[Target]) -> None:
    for site, target in zip(SITES, targets, strict=True):
        assert everything(target.top / "srv" / site) == everything(live / site)
        assert (target.top / "srv/tls" / site).exists() == (live / "tls" / site).exists()
        assert sorted(path.name for path in (target.top / "srv").iterdir()) in ([site, "tls"], [site])


def test_all_come_to_what_each_would_alone_and_the_archive_is_read_once(
    repository: Local, live: Path, targets: list[Target], reads: list[str]
) -> None:
    archive = later(repository, live, targets)
    reads.clear()
    hydrate_all(repository, archive, targets)
    assert reads == ["begun"]
    same(live, targets)
    for one in targets:
        assert one.holds(archive) == one.counted
        assert brought(repository, archive, one).files in (3, 4)
    assert reads == ["begun"]
    for one in targets:
        brought(repository, archive, one, prove=True)  # what it believes of its files is true
    same(live, targets)


def test_a_fault_of_one_is_its_own_and_told_when_it_is_asked_for(
    repository: Local, live: Path, targets: list[Target]
) -> None:
    archive = later(repository, live, targets)
    broken = targets[1].top
    shutil.rmtree(broken)
    broken.write_text("somebody's", encoding="utf-8")
    hydrate_all(repository, archive, targets)
    assert [one.holds(archive) is not None for one in targets] == [True, False, True]
    with pytest.raises((Problem, OSError)):
        brought(repository, archive, targets[1])
    broken.unlink()
    brought(repository, archive, targets[1])
    same(live, targets)


def test_a_repository_that_is_gone_is_told_by_each_alone(
    local: Local, live: Path, targets: list[Target], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        here(local, patch)
        archive = later(local, live, targets)
    (tmp_path / "borg/web1/files").rename(tmp_path / "away")
    hydrate_all(local, archive, targets)
    assert [one.holds(archive) for one in targets] == [None, None, None]
    with pytest.raises(Problem):
        brought(local, archive, targets[0])
    (tmp_path / "away").rename(tmp_path / "borg/web1/files")
    hydrate_all(local, archive, targets)
    same(live, targets)


def test_what_never_stood_ready_is_not_begun_here(
    repository: Local, live: Path, targets: list[Target], reads: list[str]
) -> None:
    first = saved(repository, live)
    brought(repository, first, targets[0])
    (live / "a/new").write_text("new", encoding="utf-8")
    archive = saved(repository, live, 1)
    reads.clear()
    hydrate_all(repository, archive, targets)
    assert reads == []
    assert not targets[1].top.exists()
