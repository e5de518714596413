"""Putting back: killed between any two acts, the next run comes to its end and nothing that stood there is gone."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from saved_estate import archive

from backups import mark, restore
from backups.mark import Beyond, Mark
from backups.proof import hydrate
from backups.proof.hydrate import Target
from backups.repository import Repository
from effects import files
from estate.model import Check, Engine, Runtime, Vhost
from estate.points import FILES, Archive
from estate.problem import Failed

CONTENT = {"{0}/index.html": "saved", "{0}/deep/er.txt": "saved", "{1}/key.pem": "saved"}


class Killed(BaseException):
    """What nothing catches."""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mark, "RESTORED", tmp_path / "restored")
    monkeypatch.setattr(hydrate, "HYDRATED", tmp_path / "hydrated")


class Place(Vhost):
    """A vhost whose directories are below the test's own."""

    __slots__ = ()
    directory = property(lambda self: self.root)
    certificates = property(lambda self: self.root.parent.parent / "tls")


@pytest.fixture
def vhost(tmp_path: Path) -> Vhost:
    root = PurePosixPath(tmp_path / "srv/shop.example")
    return Place("shop.example", (), "web1", "shop", Runtime.STATIC, None, root, (), (), 1, Check("/", "ok"))


@pytest.fixture
def repository(vhost: Vhost, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Hydration alone is stood in for; it writes what an archive of the vhost holds, whatever is there already."""

    def hydrate(repository: Repository, archive: Archive, target: Target) -> None:
        for name, content in CONTENT.items():
            path = target.top / name.format(vhost.directory, vhost.certificates).lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content} {archive.id[:6]}", encoding="utf-8")
        target.mark.write(archive, target.top)

    monkeypatch.setattr(restore, "hydrate", hydrate)
    return Repository.__new__(Repository)


def stood_there(vhost: Vhost) -> None:
    Path(vhost.directory).mkdir(parents=True)
    (Path(vhost.directory) / "index.html").write_text("what stood there", encoding="utf-8")
    Path(vhost.certificates).mkdir(parents=True)
    (Path(vhost.certificates) / "key.pem").write_text("old key", encoding="utf-8")


def texts(folder: Path) -> list[str]:
    return sorted(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file())


def place(repository: Repository, vhost: Vhost, one: Archive, kept: Path) -> None:
    restore.place_files(repository, one, vhost, kept)


def test_what_the_archive_does_not_hold_is_said_and_nothing_is_touched(
    repository: Repository, vhost: Vhost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stood_there(vhost)
    monkeypatch.setattr(restore, "hydrate", lambda *_: None)
    with pytest.raises(Failed, match="holds nothing of shop"):
        place(repository, vhost, archive(FILES), tmp_path / "kept")
    assert texts(Path(vhost.directory)) == ["what stood there"]


def test_what_was_saved_stands_there_and_what_stood_there_is_kept(
    repository: Repository, vhost: Vhost, tmp_path: Path
) -> None:
    stood_there(vhost)
    one = archive(FILES)
    place(repository, vhost, one, tmp_path / "kept")
    assert texts(Path(vhost.directory)) == [f"saved {one.id[:6]}"] * 2
    assert texts(Path(vhost.certificates)) == [f"saved {one.id[:6]}"]
    assert texts(tmp_path / "kept") == ["old key", "what stood there"]
    assert Mark("shop.example").holds(one, Path(vhost.directory))


def test_a_host_on_which_nothing_stood_gets_it_all(repository: Repository, vhost: Vhost, tmp_path: Path) -> None:
    place(repository, vhost, archive(FILES), tmp_path / "kept")
    assert len(texts(Path(vhost.directory))) == 2
    assert not (tmp_path / "kept").exists()


def test_what_was_brought_beyond_an_archive_is_known_as_it_was_written(tmp_path: Path) -> None:
    mark, one = Mark("mariadb"), archive(Engine.MARIADB)
    for beyond in (None, Beyond("by its replica", one.taken), None):
        mark.write(one, tmp_path, beyond)
        assert mark.holds(one, tmp_path)
        assert mark.beyond == beyond


def test_a_directory_that_was_made_anew_is_not_the_one_that_was_restored(
    repository: Repository, vhost: Vhost, tmp_path: Path
) -> None:
    one, directory = archive(FILES), Path(vhost.directory)
    stood_there(vhost)
    place(repository, vhost, one, tmp_path / "kept")
    restored = directory.stat().st_ino
    shutil.rmtree(directory)
    for n in range(2000):  # file systems give a free inode to one of the next
        other = directory.with_name(f"other{n}")
        other.mkdir()
        if other.stat().st_ino == restored:
            other.rename(directory)
            assert not Mark("shop.example").holds(one, directory)
            return
    pytest.skip("this file system gives no inode twice")


def _boundaries(monkeypatch: pytest.MonkeyPatch, fuse: list[int]) -> None:
    """Every act that touches the disk may be the last, or the last before it."""

    def burning(act: Callable[..., Any]) -> Callable[..., Any]:
        def burn(*args: Any, **kwargs: Any) -> Any:
            fuse[0] -= 1
            if fuse[0] == 0:
                raise Killed
            done = act(*args, **kwargs)
            fuse[0] -= 1
            if fuse[0] == 0:
                raise Killed
            return done

        return burn

    monkeypatch.setattr(restore, "_move", burning(restore._move))
    monkeypatch.setattr(shutil, "rmtree", burning(shutil.rmtree))
    monkeypatch.setattr(files, "write", burning(files.write))
    monkeypatch.setattr(restore, "hydrate", burning(vars(restore)["hydrate"]))


def test_killed_between_any_two_acts_the_next_run_comes_to_the_same_end(
    repository: Repository, vhost: Vhost, tmp_path: Path
) -> None:
    one, killed = archive(FILES), 0
    for left in range(1, 60):
        shutil.rmtree(tmp_path / "srv", ignore_errors=True)
        shutil.rmtree(tmp_path / "tls", ignore_errors=True)
        stood_there(vhost)
        kept = tmp_path / f"kept{left}"
        with pytest.MonkeyPatch.context() as patch:
            _boundaries(patch, [left])
            try:
                place(repository, vhost, one, kept)
            except Killed:
                killed += 1
            else:
                break
        if not restore.placed(one, vhost):
            place(repository, vhost, one, kept)
        assert {path.name for path in (tmp_path / "srv").iterdir()} - {restore.STAGE} == {"shop.example"}
        assert not restore.target_of(vhost).mark.holds(one, restore.target_of(vhost).top)
        assert texts(Path(vhost.directory)) == [f"saved {one.id[:6]}"] * 2
        assert texts(Path(vhost.certificates)) == [f"saved {one.id[:6]}"]
        assert {"old key", "what stood there"} <= set(texts(kept))
    assert killed >= 14


def test_a_mark_is_for_one_directory_and_one_archive(tmp_path: Path) -> None:
    mark, one, folder = Mark("shop.example"), archive(FILES), tmp_path / "folder"
    folder.mkdir()
    assert not mark.holds(one, folder)
    mark.write(one, folder)
    assert mark.holds(one, folder)
    moved = folder.rename(tmp_path / "moved")
    assert mark.holds(one, moved)
    assert not mark.holds(one, folder)
    folder.mkdir()
    assert not mark.holds(one, folder)
    assert not mark.holds(replace(one, id="f" * 64), moved)


def test_a_torn_mark_holds_nothing(tmp_path: Path) -> None:
    Mark("shop.example").write(archive(FILES), tmp_path)
    (tmp_path / "restored/shop.example.json").write_text('{"archive": "', encoding="utf-8")
    assert not Mark("shop.example").holds(archive(FILES), tmp_path)


@pytest.mark.parametrize("kind", ["file", "directory", "link", "dangling"])
def test_whatever_stands_in_the_way_is_moved_and_nothing_kept_is_overwritten(tmp_path: Path, kind: str) -> None:
    kept, path = tmp_path / "kept", tmp_path / "there"
    for turn in range(3):
        new = tmp_path / "new"
        new.mkdir()
        if kind == "file":
            shutil.rmtree(path, ignore_errors=True)
            path.write_text(str(turn), encoding="utf-8")
        elif kind == "directory" and turn == 0:
            path.mkdir()
        elif kind in ("link", "dangling"):
            shutil.rmtree(path, ignore_errors=True)
            path.symlink_to(tmp_path / ("nowhere" if kind == "dangling" else "."))
        restore.swap(new, path, kept)
        assert path.is_dir()
        assert not path.is_symlink()
        assert not new.exists()
    assert sorted(os.listdir(kept)) == ["there.0", "there.1", "there.2"]  # noqa: PTH208 - links that lead nowhere too


def test_what_is_moved_to_another_file_system_keeps_its_owner_and_its_mode(tmp_path: Path) -> None:
    with TemporaryDirectory(dir="/dev/shm") as other:
        old, new = tmp_path / "old", Path(other) / "new"
        assert tmp_path.stat().st_dev != Path(other).stat().st_dev
        (old / "deep").mkdir(parents=True)
        (old / "deep/file").write_text("content", encoding="utf-8")
        (old / "deep/file").chmod(0o640)
        if os.geteuid() == 0:
            os.chown(old / "deep/file", 12345, 54321)
        before = (old / "deep/file").stat()
        (Path(other) / ".new.seawall").mkdir()  # of a run that was killed
        restore._move(old, new)
        after = (new / "deep/file").stat()
        assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
        assert after.st_mtime_ns == before.st_mtime_ns
        assert not old.exists()
        assert [path.name for path in Path(other).iterdir()] == ["new"]
