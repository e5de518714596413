"""Hydration with the real borg: what is in the archive is in the tree, whatever stood there, and whoever made it."""

import errno
import gc
import io
import os
import shutil
import socket
import stat
import threading
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import borg.crypto.key
import pytest
from borg.archiver import Archiver
from local_borg import Local, use_local_borg
from saved_estate import T0, archive, lab_estate

from backups import mark
from backups.proof import hydrate, opened, worker
from backups.proof.fill import Counted
from backups.proof.hydrate import Target
from backups.proof.worker import ORDER
from effects.run import Result
from estate.model import Side
from estate.points import FILES, Archive, archive_name
from estate.problem import Failed, Problem, Untrusted

SAVED = ("--compression=lz4", "--chunker-params=buzhash,10,16,12,4095")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Local:
    kept = use_local_borg(monkeypatch, tmp_path)
    monkeypatch.setattr(mark, "RESTORED", tmp_path / "restored")
    monkeypatch.setattr(hydrate, "HYDRATED", tmp_path / "hydrated")
    server = lab_estate(tmp_path).hosts["vault-odd"]
    (tmp_path / "borg/web1").mkdir(parents=True)
    made = Local("web1", "files", Side.ODD, server, kept, folder=tmp_path / "borg")
    here(made, monkeypatch)
    assert made.init()
    return made


def here(repository: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the workers be this process: a Python for each would take most of these tests' time."""
    for word, value in repository._environment().items():
        monkeypatch.setenv(word, value)

    turn = threading.Lock()

    def read_by(self: Local, argv: list[str], *, stdin: str, timeout: float) -> str:
        assert argv[1:] == ["-m", "backups.proof.worker"]
        with turn, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # borg leaves files to the garbage collector where it is interrupted
            try:
                return worker.ANSWER.dump_json(worker.work(ORDER.validate_json(stdin))).decode()
            finally:
                gc.collect()

    monkeypatch.setattr(Local, "read_by", read_by, raising=False)
    monkeypatch.setattr(Local, "_started", borg_here, raising=False)
    monkeypatch.setattr(hydrate, "cores", lambda: 2)
    monkeypatch.setattr(borg.crypto.key, "PBKDF2_ITERATIONS", 1)  # of a passphrase that is no secret


@cache
def archiver() -> Any:
    """borg's command line; to learn all of its options takes it longer than most of what is asked of it here."""
    one = Archiver(lock_wait=1)
    parser = one.build_parser()
    one.build_parser = lambda *_, **__: parser
    return one


def borg_here(self: Local, argv: list[str], *, timeout: float, cwd: Path | None = None) -> Result:
    """borg's own command line, in this process: a Python for each would take most of these tests' time."""
    said, before = io.StringIO(), Path.cwd()
    os.chdir(cwd or before)
    try:
        with redirect_stdout(said), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = archiver().run(archiver().parse_args(list(argv[1:])))
    finally:
        os.chdir(before)
        gc.collect()
    return Result(tuple(argv), code, said.getvalue(), "")


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """What a host may hold: of everything one."""
    live = tmp_path / "live/srv"
    (live / "deep/er").mkdir(parents=True)
    (live / "index.html").write_text("one\n", encoding="utf-8")
    (live / "deep/er/two").write_bytes(os.urandom(300_000))
    (live / "empty").touch()
    (live / "new\nline").write_text("newline", encoding="utf-8")
    Path(os.fsdecode(os.fsencode(live) + b"/\xff\xfe")).write_text("no UTF-8", encoding="utf-8")
    (live / "link").symlink_to("deep/er/two")
    (live / "dangling").symlink_to("/nowhere/at all")
    os.mkfifo(live / "pipe", 0o640)
    (live / "hard").write_text("linked", encoding="utf-8")
    (live / "deep/hard").hardlink_to(live / "hard")
    (live / "deep/er/hard").hardlink_to(live / "hard")
    with (live / "sparse").open("wb") as hole:
        hole.seek(4_000_000)
        hole.write(b"end")
    (live / "closed").mkdir(mode=0o700)
    os.setxattr(live / "index.html", "user.note", b"kept")
    (live / "deep").chmod(0o2775)
    os.utime(live / "deep", ns=(10**18, 10**18))
    return live


def saved(repository: Local, live: Path, hours: float = 0, *members: str) -> Archive:
    name = archive_name("web1", FILES, replace(archive(FILES, -hours)).taken)
    repository.create(name, list(members) or ["srv"], cwd=live.parent, options=SAVED)
    return next(one for one in repository.archives() if one.name == name)


def target(tmp_path: Path, *members: str, seed: Path | None = None) -> Target:
    return Target("shop.example", tmp_path / "ready/tree", members, seed)


def everything(top: Path) -> dict[bytes, tuple[object, ...]]:
    """All that a tree is: kinds, modes, owners, times, content, links among each other, attributes."""
    found: dict[bytes, tuple[object, ...]] = {}
    first: dict[int, bytes] = {}
    walked = (f"{at}/{name}" for at, folders, others in os.walk(top) for name in folders + others)
    for path in sorted(os.fsencode(one) for one in [str(top), *walked]):
        s = os.lstat(path)
        name = os.path.relpath(path, os.fsencode(top))
        if stat.S_ISSOCK(s.st_mode):
            continue
        held: object = None
        if stat.S_ISLNK(s.st_mode):
            held = Path(os.fsdecode(path)).readlink()
        elif stat.S_ISREG(s.st_mode):
            held = Path(os.fsdecode(path)).read_bytes()
        linked = None if stat.S_ISDIR(s.st_mode) else first.setdefault(s.st_ino, name)
        attributes = (
            {}
            if stat.S_ISFIFO(s.st_mode)
            else {
                key: os.getxattr(path, key, follow_symlinks=False) for key in os.listxattr(path, follow_symlinks=False)
            }
        )
        mode = s.st_mode if stat.S_ISDIR(s.st_mode) else s.st_mode & ~0o6000
        found[name] = (mode, s.st_uid, s.st_gid, s.st_mtime_ns, held, linked, attributes)
    return found


def brought(repository: Local, one: Archive, there: Target, *, prove: bool = False) -> Counted:
    return hydrate.hydrate(repository, one, there, prove=prove)


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


def _swapped(live: Path) -> None:
    """A file becomes a directory, a directory a file, a link a directory, a pipe a file."""
    (live / "index.html").unlink()
    (live / "index.html").mkdir()
    (live / "index.html/inner").write_text("inner", encoding="utf-8")
    shutil.rmtree(live / "deep")
    (live / "deep").write_text("was a directory", encoding="utf-8")
    (live / "link").unlink()
    (live / "link").mkdir()
    (live / "link/below").symlink_to("..")
    (live / "pipe").unlink()
    (live / "pipe").write_text("was a pipe", encoding="utf-8")


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


@pytest.mark.parametrize("change", [_forge, _apart, _swapped, _modes, _one_name_less, _moved])
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


def test_without_the_version_that_it_was_tried_with_the_command_line_does_it(
    repository: Local, live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = target(tmp_path)
    brought(repository, saved(repository, live), there)
    (live / "index.html").write_text("two\n", encoding="utf-8")
    monkeypatch.setattr(opened, "TRIED", "1.4.4")
    monkeypatch.setattr(worker, "work", lambda _: pytest.fail("it used borg's modules"))
    one = saved(repository, live, 1)
    counted = brought(repository, one, there)
    assert everything(tmp_path / "ready/tree/srv") == everything(live)
    assert there.holds(one) == counted
    assert counted.bytes > 4_000_000


def test_a_full_disk_is_said_and_the_next_run_goes_on(
    repository: Local, live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, one = target(tmp_path), saved(repository, live)
    whole, left = os.pwrite, [20]

    def full(*args: object) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(Failed, match="No space left"):
            brought(repository, one, there)
    assert there.holds(one) is None
    brought(repository, one, there)
    assert everything(tmp_path / "ready/tree/srv") == everything(live)


class Killed(BaseException):
    """What nothing catches."""


def burning(act: Callable[..., object], left: list[int]) -> Callable[..., object]:
    """The act, until so many of them were done."""

    def burn(*args: object, **more: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return act(*args, **more)

    return burn


def test_killed_anywhere_the_next_run_comes_to_the_same_end_and_nothing_is_marked_before(
    repository: Local, live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, first = target(tmp_path), saved(repository, live)
    before = everything(live)
    _swapped(live)
    second, after, killed = saved(repository, live, 1), everything(live), 0
    brought(repository, first, there)
    acts: dict[str, Callable[..., object]]
    acts = {"rename": os.rename, "ftruncate": os.ftruncate, "unlink": os.unlink, "utime": os.utime, "fchown": os.fchown}
    for fuse in range(1, 60, 8):
        left = [fuse]
        with monkeypatch.context() as patch:
            for word, act in acts.items():
                patch.setattr(os, word, burning(act, left))
            try:
                brought(repository, second, there)
            except Killed:
                killed += 1
        if left[0] >= 0:
            break
        assert there.holds(second) is None
        assert there.holds(first) is None or everything(tmp_path / "ready/tree/srv") == before
        brought(repository, second, there)
        assert everything(tmp_path / "ready/tree/srv") == after
        brought(repository, first, there)
        assert everything(tmp_path / "ready/tree/srv") == before
    assert killed >= 4


def _spoil(repository: Local, content: bytes) -> None:
    for path in Path(repository.url).glob("data/*/*"):
        data = path.read_bytes()
        if content in data:
            at = data.index(content)
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def test_a_damaged_chunk_names_its_files_and_leaves_them_as_they_were(
    repository: Local, live: Path, tmp_path: Path
) -> None:
    there, ready = target(tmp_path), tmp_path / "ready/tree/srv"
    brought(repository, saved(repository, live), there)
    victim = os.urandom(2000)
    (live / "index.html").write_bytes(victim)
    (live / "good").write_text("good", encoding="utf-8")
    name = archive_name("web1", FILES, T0.replace(hour=9))
    repository.create(name, ["srv"], cwd=live.parent, options=["--compression=none"])
    one = next(found for found in repository.archives() if found.name == name)
    data = list(Path(repository.url).glob("data/*/*"))
    newest = max((path for path in data if path.stat().st_size > 2000), key=lambda path: int(path.name))
    blob = bytearray(newest.read_bytes())
    blob[600] ^= 1
    newest.write_bytes(blob)
    with pytest.raises(Problem) as said:
        brought(repository, one, there)
    assert there.holds(one) is None
    assert (ready / "index.html").read_text(encoding="utf-8") == "one\n" or "srv/" not in str(said.value)


def made_by_hand(monkeypatch: pytest.MonkeyPatch, change: Callable[[list[object]], list[object]]) -> None:
    """Let the archive hold what borg would never have saved."""
    real = opened.Opened.items
    monkeypatch.setattr(opened.Opened, "items", lambda self: iter(change(list(real(self)))))


@pytest.mark.parametrize("path", ["../evil", "srv/../../evil", "/var/evil", "srv/way/evil", "srv/hard/evil"])
def test_a_path_that_leads_out_is_refused_and_nothing_is_written_there(
    repository: Local, live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (live / "way").symlink_to(outside)
    one = saved(repository, live)

    def change(items: list[object]) -> list[object]:
        bad = next(item for item in items if item.path == "srv/index.html")  # type: ignore[attr-defined]
        from borg.item import Item  # noqa: PLC0415

        return [*items, Item(internal_dict=bad.as_dict() | {"path": os.fsencode(path)})]  # type: ignore[attr-defined]

    made_by_hand(monkeypatch, change)
    monkeypatch.setattr(hydrate, "cores", lambda: 1)
    with pytest.raises(Untrusted, match=r"evil|srv/way|srv/hard"):
        brought(repository, one, target(tmp_path))
    assert list(outside.iterdir()) == []
    assert not list(tmp_path.rglob("evil"))
    assert not Path("/var/evil").exists()
    assert target(tmp_path).holds(one) is None


def test_an_archive_that_took_anothers_name_is_refused(repository: Local, live: Path, tmp_path: Path) -> None:
    one = saved(repository, live)
    with pytest.raises(Untrusted, match="no longer the archive"):
        brought(repository, replace(one, id="f" * 64), target(tmp_path))


def test_memory_does_not_grow_with_a_large_file(repository: Local, live: Path, tmp_path: Path) -> None:
    with (live / "huge").open("wb") as hole:
        hole.truncate(2_000_000_000)
    repository.create("web1.files.2026-11-22T09:00:00Z", ["srv"], cwd=live.parent, options=["--sparse"])
    one = repository.archives()[-1]
    counted = brought(repository, one, target(tmp_path))
    assert counted.bytes > 2_000_000_000
    assert counted.fetched < 50_000_000
    assert (tmp_path / "ready/tree/srv/huge").stat().st_blocks == 0
