"""What the tests of hydration share: a repository whose workers are this process, and a tree of everything."""

import gc
import os
import shutil
import stat
import threading
import warnings
from dataclasses import replace
from pathlib import Path

import borg.crypto.key
import pytest
from local_borg import Local, use_local_borg
from saved_estate import archive, lab_estate

from backups import mark
from backups.proof import hydrate, worker
from backups.proof.errand import ANSWERS, ORDERS, Counted
from backups.proof.hydrate import Target
from estate.model import Side
from estate.points import FILES, Archive, archive_name

SAVED = ("--compression=lz4", "--chunker-params=buzhash,10,16,12,4095")


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Local:
    """Its borg and its workers are processes, as in life."""
    kept = use_local_borg(monkeypatch, tmp_path)
    monkeypatch.setattr(mark, "RESTORED", tmp_path / "restored")
    monkeypatch.setattr(hydrate, "HYDRATED", tmp_path / "hydrated")
    server = lab_estate(tmp_path).hosts["vault-odd"]
    (tmp_path / "borg/web1").mkdir(parents=True)
    monkeypatch.setattr(hydrate, "cores", lambda: 2)
    made = Local("web1", "files", Side.ODD, server, kept, folder=tmp_path / "borg")
    with monkeypatch.context() as patch:
        here(made, patch)
        assert made.init()
    return made


@pytest.fixture
def repository(local: Local, monkeypatch: pytest.MonkeyPatch) -> Local:
    """All of it is this process."""
    here(local, monkeypatch)
    return local


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
                return ANSWERS.dump_json(worker.work(ORDERS.validate_json(stdin))).decode()
            finally:
                gc.collect()

    monkeypatch.setattr(worker, "forked", lambda acts: [act() for act in acts])
    monkeypatch.setattr(Local, "read_by", read_by, raising=False)
    monkeypatch.setattr(borg.crypto.key, "PBKDF2_ITERATIONS", 1)  # of a passphrase that is no secret


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


def swapped(live: Path) -> None:
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
