"""The third copy's seal, and the decision what is sent, locked for longer, and removed."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from local_borg import Local, use_local_borg
from saved_estate import lab_estate, site

from backups import paths
from backups.third import contents, settings
from backups.third.manifest import Copy, Found, Item, Manifest, Stored, checked, dropped, extended, lock_end, work
from backups.third.sealing import FRAME, TAG, Seal, Sealing, sealed_size, unsealed
from effects.run import run
from estate.model import Side
from estate.problem import BadEstate, Untrusted
from inventory import load, slice_for
from inventory.render import plain

SEAL = Seal("0123456789abcdef0123456789abcdef")
NOW = datetime(2026, 11, 22, 5, tzinfo=UTC)
PROMISE = timedelta(days=30)
SIZES = st.sampled_from([0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 2 * FRAME + 7])


def sealed(clear: bytes, name: str = "one") -> bytes:
    return Sealing(SEAL, name, io.BytesIO(clear), len(clear)).read()


def opened(data: bytes, name: str = "one", seal: Seal = SEAL, step: int = 65_536) -> bytes:
    return b"".join(unsealed(seal, name, (data[at : at + step] for at in range(0, len(data), step))))


@settings_of_hypothesis(max_examples=20)
@given(SIZES, st.integers(1, 3 * FRAME))
def test_what_is_sealed_comes_back_however_it_is_cut(size: int, step: int) -> None:
    clear = bytes(size)
    data = sealed(clear)
    assert len(data) == sealed_size(size)
    assert opened(data, step=max(step, 1000)) == clear


@pytest.mark.parametrize("size", [0, 100, FRAME, FRAME + 1])
def test_nothing_of_it_can_be_changed_cut_off_added_or_exchanged(size: int) -> None:
    data = sealed(bytes(size))
    for at in (0, 10, 24, len(data) - 1):
        with pytest.raises(Untrusted):
            opened(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    for wrong in (
        data[:-1],
        data[: -TAG - 1],
        data + b"x",
        b"",
        data[: 8 + 16 + FRAME + TAG] if size > FRAME else b"x",
    ):
        with pytest.raises(Untrusted):
            opened(wrong)
    with pytest.raises(Untrusted):
        opened(data, name="another")
    with pytest.raises(Untrusted):
        opened(data, seal=Seal("another seal of thirty-two characters"))


def test_frames_cannot_change_places() -> None:
    data = sealed(bytes(2 * FRAME) + b"end")
    head, one, two = data[:24], data[24 : 24 + FRAME + TAG], data[24 + FRAME + TAG : 24 + 2 * (FRAME + TAG)]
    with pytest.raises(Untrusted):
        opened(head + two + one + data[24 + 2 * (FRAME + TAG) :])


def test_names_say_nothing_and_are_never_shared() -> None:
    names = {
        SEAL.name("file", "web1", "data/0/1"),
        SEAL.name("file", "web1", "data/0/11"),
        SEAL.name("manifest", "web1"),
    }
    assert len(names) == 3
    assert all(len(name) == 64 and set(name) <= set("0123456789abcdef") for name in names)
    assert SEAL.name("a", "bc") != SEAL.name("ab", "c")


def test_a_file_that_became_shorter_while_it_was_read_is_no_copy() -> None:
    with pytest.raises(EOFError):
        Sealing(SEAL, "one", io.BytesIO(b"short"), 100).read()


def found(number: int) -> Found:
    return Found(f"data/0/{number}", 100 + number, number)


def item(number: int, until: datetime = NOW + 2 * PROMISE) -> Item:
    return Item(found(number), "digest", Stored(f"name{number}", "v", until))


def manifest(*items: Item, gone: tuple[Stored, ...] = ()) -> Manifest:
    return Manifest("vault-odd", "web1", "files", 1, NOW, 9, items, gone)


def test_only_what_is_new_is_sent_and_only_short_locks_are_renewed() -> None:
    short, long = item(1, NOW + PROMISE - timedelta(seconds=1)), item(2)
    todo = work(manifest(short, long), [found(1), found(2), found(3)], NOW, PROMISE)
    assert (todo.keep, todo.extend, todo.send) == ((long,), (short,), (found(3),))
    assert extended(short, lock_end(NOW, PROMISE)).stored.until == NOW + 2 * PROMISE
    assert work(None, [found(1)], NOW, PROMISE).send == (found(1),)


def test_a_segment_whose_number_is_used_again_is_sent_again() -> None:
    again = Found("data/0/1", 101, 77)
    assert work(manifest(item(1)), [again], NOW, PROMISE).send == (again,)


def test_what_no_copy_needs_goes_when_its_lock_has_ended_and_not_before() -> None:
    over, later = Stored("over", "v", NOW), Stored("later", "v", NOW + timedelta(seconds=1))
    before = Copy(manifest(item(1), item(2), gone=(over, later)), Stored("manifest", "v", NOW + 2 * PROMISE))
    todo = work(before.manifest, [found(2)], NOW, PROMISE)
    assert todo.remove == (over,)
    assert dropped(before, [item(2)], todo.remove) == (later, item(1).stored, before.stored)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_for_as_long_as_promised_every_copy_is_whole(days: list[int]) -> None:
    """Copies at any times, of a repository that loses its oldest file each time: nothing of a copy goes too early."""
    before: Copy | None = None
    at = NOW
    alive: dict[int, tuple[datetime, set[str]]] = {}
    for number, pause in enumerate(days, 1):
        at += timedelta(days=pause)
        files = [found(n) for n in range(number, number + 3)]
        todo = work(before.manifest if before else None, files, at, PROMISE)
        until = lock_end(at, PROMISE)
        items = [*todo.keep, *(extended(i, until) for i in todo.extend)]
        items += [Item(f, "d", Stored(f"{f.path}.{number}", "v", until)) for f in todo.send]
        for removed in todo.remove:
            assert removed.until <= at
            assert all(removed.name not in names for ended, names in alive.values() if ended > at)
        gone = dropped(before, items, todo.remove) if before else ()
        made = Manifest("v", "c", "files", number, at, number, tuple(items), gone)
        before = Copy(made, Stored(f"manifest{number}", "v", until))
        alive[number] = (at + PROMISE, {i.stored.name for i in items})
        assert all(i.stored.until >= at + PROMISE for i in items)


@pytest.mark.parametrize("path", ["/etc/passwd", "../config", "data/0/../1", "data/0/1\n", "lock.exclusive/x"])
def test_a_manifest_that_leads_elsewhere_is_refused(path: str) -> None:
    bad = Item(Found(path, 1, 1), "d", Stored("n", "v", NOW))
    with pytest.raises(Untrusted, match="no repository has"):
        checked(manifest(bad))


def test_what_is_copied_of_a_repository_opens_without_its_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = use_local_borg(monkeypatch, tmp_path)
    repository = Local("web1", "files", Side.ODD, site(tmp_path).host, kept, folder=tmp_path / "odd")
    there = tmp_path / "odd/web1/files"
    there.parent.mkdir(parents=True)
    repository.init()
    (tmp_path / "live").mkdir()
    (tmp_path / "live/file").write_text("what was saved", encoding="utf-8")
    repository.create("one", ["live"], cwd=tmp_path)
    last = contents.transaction(there)
    copied = tmp_path / "copy/web1/files"
    for file in contents.contents(there, last):
        target = copied / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((there / file.path).read_bytes())
    assert not list(copied.glob("index.*"))
    environment = {
        "BORG_BASE_DIR": str(tmp_path / "elsewhere"),
        "BORG_PASSCOMMAND": f"cat {kept}",
        "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        "PATH": "/usr/bin:/bin",
    }
    out = run([str(paths.BORG), "list", "--short", str(copied)], timeout=60, env=environment)
    assert out.split() == ["one"]
    assert contents.transaction(tmp_path) == 0


THIRD = """
[third_copy]
endpoint = "https://s3.example.com"
bucket = "third"
access_key = { env = "ACCESS" }
secret_key = { file = "secrets/s3" }
seal = { file = "secrets/seal" }
servers = ["vault-odd"]
locked_days = 40
"""


def test_the_estate_names_it_and_a_hosts_slice_says_nothing_of_it(tmp_path: Path) -> None:
    lab_estate(tmp_path)
    path = tmp_path / "estate.toml"
    path.write_text(path.read_text(encoding="utf-8") + THIRD, encoding="utf-8")
    estate = load(path)
    assert estate.third_copy is not None
    assert (estate.third_copy.servers, estate.third_copy.locked) == (("vault-odd",), timedelta(days=40))
    again = tmp_path / "again.json"
    again.write_text(json.dumps(plain(estate)), encoding="utf-8")
    assert load(again).third_copy == estate.third_copy
    assert "third" not in slice_for(path, "web1") + slice_for(path, "vault-odd")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (THIRD.replace("https", "http"), "must be like https://s3.example.com"),
        (THIRD.replace("vault-odd", "web1"), "has the role production"),
        (THIRD.replace('seal = { file = "secrets/seal" }', ""), "third_copy.seal: is missing"),
        (THIRD.replace('"third"', '"Third_"'), "bucket"),
    ],
)
def test_faults_are_named(tmp_path: Path, wrong: str, said: str) -> None:
    lab_estate(tmp_path)
    path = tmp_path / "estate.toml"
    path.write_text(path.read_text(encoding="utf-8") + wrong, encoding="utf-8")
    with pytest.raises(BadEstate, match=said):
        load(path)


def test_a_short_seal_is_refused(tmp_path: Path) -> None:
    lab_estate(tmp_path)
    path, kept = tmp_path / "estate.toml", tmp_path / "secrets/seal"
    path.write_text(path.read_text(encoding="utf-8") + THIRD, encoding="utf-8")
    kept.parent.mkdir()
    kept.touch(mode=0o600)
    kept.write_text("too short\n", encoding="utf-8")
    with pytest.raises(BadEstate, match="9 characters, and 32 are the least"):
        settings.of(load(path), tmp_path)
