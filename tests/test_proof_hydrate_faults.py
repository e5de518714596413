"""Hydration that is killed, runs out of disk, meets damage, or an archive that somebody made by hand."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from borg.locking import LockTimeout
from hydration import brought, everything, here, saved, swapped, target
from hydration import live as live
from hydration import local as local
from hydration import repository as repository
from local_borg import Local
from saved_estate import T0

from backups.proof import errand, hydrate, opened, worker
from estate.points import FILES, archive_name
from estate.problem import Failed, Problem, Untrusted


def test_without_the_version_that_it_was_tried_with_the_command_line_does_it(
    repository: Local, live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = target(tmp_path)
    brought(repository, saved(repository, live), there)
    (live / "index.html").write_text("two\n", encoding="utf-8")
    monkeypatch.setattr(errand, "TRIED", "1.4.4")
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
    swapped(live)
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


def test_in_processes_of_their_own_shards_do_the_same_and_borg_errors_keep_their_kind(
    local: Local, live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        here(local, patch)
        one = saved(local, live)
    counted = brought(local, one, target(tmp_path))
    assert everything(tmp_path / "ready/tree/srv") == everything(live)
    assert counted.fetched == counted.bytes
    assert sorted(part.name for part in (target(tmp_path).index / "now").iterdir()) == ["0", "1", "finish"]
    local.passphrase.write_text("another", encoding="utf-8")
    with pytest.raises(Untrusted, match="does not open with this passphrase"):
        brought(local, one, replace(target(tmp_path), subject="other"))


def test_what_is_not_whole_in_a_new_tree_is_found_by_its_hash(
    repository: Local, live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of a new tree stand in their places at once: one that was cut off may have its size and not its content."""
    there, one = target(tmp_path), saved(repository, live)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", burning(os.pwrite, [6]))
        with pytest.raises(Killed):
            brought(repository, one, there)
    begun = next(path for path in (tmp_path / "ready/tree").rglob("*") if path.is_file() and path.stat().st_size == 0)
    begun.write_bytes(b"\1" * (live.parent / begun.relative_to(tmp_path / "ready/tree")).stat().st_size)
    brought(repository, one, there)
    assert everything(tmp_path / "ready/tree/srv") == everything(live)


def test_who_finds_borgs_lock_taken_looks_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []

    def taken(_repository: object, _manifest: object, wait: int) -> None:
        waits.append(wait)
        if len(waits) < 3:
            raise LockTimeout("somewhere")

    monkeypatch.setattr(opened, "assert_secure", taken)
    opened._require_known(None, None)
    assert waits == [1, 1, 1]
