"""Hydration with the real borg: what is in the archive is in the tree, whatever stood there, and whoever made it."""

import os
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hydration import brought, everything, saved, swapped, target
from hydration import live as live
from hydration import local as local
from hydration import repository as repository
from local_borg import Local

from backups.proof import opened


def test_a_tree_is_what_was_saved_in_every_respect(repository: Local, live: Path, tmp_path: Path) -> None:
    counted = brought(repository, one := saved(repository, live), target(tmp_path))
    assert everything(tmp_path / "ready/tree/srv") == everything(live)
    assert target(tmp_path).holds(one) == counted
    assert (tmp_path / "ready/tree/sparse").exists() is False
    assert (tmp_path / "ready/tree/srv/sparse").stat().st_blocks * 512 < 1_000_000
    assert sorted(path.name for path in (tmp_path / "ready/tree").iterdir()) == ["srv"]
    assert (tmp_path / "ready/tree").stat().st_mode & 0o777 == 0o700


def test_a_second_run_does_nothing_and_a_proof_reads_every_byte_and_moves_none(
    repository: Local, live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, later, there = saved(repository, live), saved(repository, live, 1), target(tmp_path)
    first = brought(repository, one, there)
    assert first.fetched > 300_000
    again = brought(repository, later, there)
    assert (again.written, again.fetched, again.removed, again.kept) == (0, 0, 0, first.files)
    with monkeypatch.context() as patch:
        patch.setattr(opened.Opened, "hashed", lambda *_: pytest.fail("it read"))
        brought(repository, saved(repository, live, 2), there)
    proven = brought(repository, later, there, prove=True)
    assert (proven.written, proven.fetched, proven.files, proven.bytes) == (0, 0, first.files, first.bytes)


def test_only_what_changed_moves_and_the_rest_is_not_touched(repository: Local, live: Path, tmp_path: Path) -> None:
    there = target(tmp_path)
    brought(repository, saved(repository, live), there)
    untouched = (tmp_path / "ready/tree/srv/index.html").stat()
    large = bytearray((live / "deep/er/two").read_bytes())
    large[150_000] ^= 1
    (live / "deep/er/two").write_bytes(large)
    (live / "dangling").unlink()
    shutil.rmtree(live / "closed")
    (live / "new").write_text("new", encoding="utf-8")
    counted = brought(repository, saved(repository, live, 1), there)
    assert counted.written == 2
    assert 0 < counted.fetched < 70_000
    assert counted.removed == 2
    now = (tmp_path / "ready/tree/srv/index.html").stat()
    assert (now.st_ino, now.st_ctime_ns) == (untouched.st_ino, untouched.st_ctime_ns)
    assert everything(tmp_path / "ready/tree/srv") == everything(live)


def _forge(live: Path) -> None:
    """Other content, with the size and the time of the old."""
    before = (live / "index.html").stat()
    (live / "index.html").write_text("two\n", encoding="utf-8")
    os.utime(live / "index.html", ns=(before.st_atime_ns, before.st_mtime_ns))


def _apart(live: Path) -> None:
    """A link becomes a file of its own, with the same content."""
    (live / "deep/hard").unlink()
    (live / "deep/hard").write_text("linked", encoding="utf-8")


def _modes(live: Path) -> None:
    (live / "index.html").chmod(0o600)
    os.removexattr(live / "index.html", "user.note")
    os.setxattr(live / "empty", "user.other", b"new")
    (live / "closed").chmod(0o755)
    os.utime(live / "hard", ns=(5 * 10**17, 5 * 10**17))


def _one_name_less(live: Path) -> None:
    (live / "deep/er/hard").unlink()
    (live / "linked anew").hardlink_to(live / "deep/er/two")


def _moved(live: Path) -> None:
    (live / "deep").rename(live / "moved")


@pytest.mark.parametrize("change", [_forge, _apart, swapped, _modes, _one_name_less, _moved])
def test_whatever_changes_and_changes_back_the_tree_follows(
    repository: Local, live: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    there, ready = target(tmp_path), tmp_path / "ready/tree/srv"
    before, first = everything(live), saved(repository, live)
    brought(repository, first, there)
    change(live)
    assert everything(live) != before  # so that this test can fail
    brought(repository, saved(repository, live, 1), there)
    assert everything(ready) == everything(live)
    brought(repository, first, there)
    assert everything(ready) == before


def test_what_somebody_changed_in_the_tree_is_put_right(repository: Local, live: Path, tmp_path: Path) -> None:
    there, ready = target(tmp_path), tmp_path / "ready/tree/srv"
    brought(repository, saved(repository, live), there)
    same = (ready / "index.html").stat()
    (ready / "index.html").write_text("bad\n", encoding="utf-8")
    os.utime(ready / "index.html", ns=(same.st_atime_ns, same.st_mtime_ns))
    (ready / "deep/more").mkdir()
    (ready / "deep/more/file").touch()
    (ready / "empty").unlink()
    brought(repository, saved(repository, live, 1), there)
    assert everything(ready) == everything(live)


def test_only_the_named_members_come_and_links_to_the_others_are_files(
    repository: Local, live: Path, tmp_path: Path
) -> None:
    there = target(tmp_path, "srv/deep", "srv/index.html")
    brought(repository, saved(repository, live), there)
    ready = tmp_path / "ready/tree/srv"
    assert sorted(path.name for path in ready.iterdir()) == ["deep", "index.html"]
    assert (ready / "deep/hard").read_text(encoding="utf-8") == "linked"
    assert (ready / "deep/hard").stat().st_ino == (ready / "deep/er/hard").stat().st_ino
    assert brought(repository, saved(repository, live, 1), there).written == 0


def test_what_the_host_has_is_not_fetched_and_never_believed(repository: Local, live: Path, tmp_path: Path) -> None:
    one = saved(repository, live)
    shutil.copytree(live, tmp_path / "own/srv", symlinks=True, ignore=shutil.ignore_patterns("pipe"))
    (tmp_path / "own/srv/index.html").write_text("bad\n", encoding="utf-8")
    (tmp_path / "own/srv/empty").unlink()
    (tmp_path / "own/srv/empty").symlink_to("/dev/zero")
    shutil.rmtree(tmp_path / "own/srv/deep/er")
    (tmp_path / "own/srv/deep/er").symlink_to(live / "deep/er")
    (tmp_path / "own/srv/hard").unlink()
    os.mkfifo(tmp_path / "own/srv/hard")
    counted = brought(repository, one, target(tmp_path, seed=tmp_path / "own"))
    assert everything(tmp_path / "ready/tree/srv") == everything(live)
    assert counted.fetched == 4 + 300_000 + 6


def test_a_socket_is_left_out(repository: Local, live: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(live / "s"))
        brought(repository, saved(repository, live), target(tmp_path))
    assert not os.path.lexists(tmp_path / "ready/tree/srv/s")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make these")
def test_nothing_of_it_runs_as_another_user_and_no_device_is_made(
    repository: Local, live: Path, tmp_path: Path
) -> None:
    for name in ("suid", "able"):
        shutil.copy("/bin/true", live / name)
        os.chown(live / name, 12345, 54321)
    (live / "suid").chmod(0o6755)
    os.setxattr(live / "able", "security.capability", b"\x01\x00\x00\x02\x80\x00\x00\x00" + bytes(12))
    os.mknod(live / "disk", stat.S_IFBLK | 0o666, os.makedev(8, 0))
    counted = brought(repository, saved(repository, live), target(tmp_path))
    ready = tmp_path / "ready/tree/srv"
    assert (ready / "suid").stat().st_mode & 0o7777 == 0o755
    assert (ready / "suid").stat().st_uid == 12345
    assert os.listxattr(ready / "able") == []
    assert not (ready / "disk").exists()
    assert counted.devices == 1
    assert brought(repository, saved(repository, live, 1), target(tmp_path)).written == 0
