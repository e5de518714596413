"""Finding, comparing and bringing back by hand, with real borg: nothing that stands there is lost uncounted."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from local_borg import Local, use_local_borg
from saved_estate import lab_estate

from backups import by_hand, looking
from backups.looking import Difference, Entry
from estate.model import Side
from estate.points import FILES, Archive, archive_name
from estate.problem import BadEstate, Missing, Refused

T1 = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
T2 = T1 + timedelta(days=1)


@dataclass(frozen=True)
class Saved:
    """A site that was saved twice, and then changed again."""

    site: Path
    repository: Local
    archives: tuple[Archive, ...]

    @property
    def inner(self) -> str:
        return str(self.site).lstrip("/")


def write(path: Path, content: str, changed: datetime) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    os.utime(path, (changed.timestamp(), changed.timestamp()))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    folder = tmp_path_factory.mktemp("saved")
    site = folder / "site"
    with pytest.MonkeyPatch.context() as patch:
        kept = use_local_borg(patch, folder)
        (folder / "web1").mkdir()
        server = lab_estate(folder).hosts["vault-odd"]
        repository = Local("web1", "files", Side.ODD, server, kept, folder=folder)
        repository.init()
        write(site / "index.php", "first", T1)
        write(site / "config.php", "the same", T1)
        (site / "link").symlink_to("index.php")
        repository.create(archive_name("web1", FILES, T1), [str(site).lstrip("/")], cwd=Path("/"))
        write(site / "index.php", "second", T2)
        write(site / "new.php", "new", T2)
        (site / "config.php").chmod(0o600)
        repository.create(archive_name("web1", FILES, T2), [str(site).lstrip("/")], cwd=Path("/"))
        return Saved(site, repository, repository.archives())


@pytest.fixture(autouse=True)
def borg(monkeypatch: pytest.MonkeyPatch, saved: Saved) -> None:
    use_local_borg(monkeypatch, saved.repository.folder)


def test_a_path_is_found_with_what_it_was_in_each_archive(saved: Saved) -> None:
    said: list[str] = []
    found = looking.find({Side.ODD: saved.repository}, saved.archives, f"{saved.site}/*.php", said.append)
    states = [(Path(one.path).name, one.entry and one.entry.size, len(one.archives)) for one in found]
    assert states == [("config.php", 8, 1), ("config.php", 8, 1), ("index.php", 5, 1), ("index.php", 6, 1),
                      ("new.php", None, 1), ("new.php", 3, 1)]  # fmt: skip
    assert [one.entry.mode for one in found[:2] if one.entry] == ["-rw-r--r--", "-rw-------"]
    assert len(said) == 2


def test_two_archives_are_compared_by_content_and_by_listing(saved: Saved) -> None:
    one, two = saved.archives
    by_content = {it.path.removeprefix(f"{saved.inner}/"): it.what for it in
                  looking.compared(saved.repository.compared(one, two, [f"pp:{saved.inner}"]))}  # fmt: skip
    assert by_content["new.php"] == "added, 3 B"
    assert by_content["index.php"].startswith("content changed")
    assert "-rw-r--r-- became -rw-------" in by_content["config.php"]
    assert "link" not in by_content
    patterns = [f"pp:{saved.inner}"]
    listings = [looking.listing(saved.repository, archive, patterns) for archive in saved.archives]
    by_listing = {it.path.removeprefix(f"{saved.inner}/"): it.what for it in looking.differences(*listings)}
    assert by_listing["index.php"] == "5 B became 6 B"
    assert {name for name in by_listing if name.endswith("php")} == {"index.php", "new.php", "config.php"}


def test_files_come_to_the_side_and_into_no_directory_that_is_there(saved: Saved, tmp_path: Path) -> None:
    wanted, into = [f"{saved.site}/index.php", f"{saved.site}/link"], tmp_path / "into"
    assert by_hand.measured(saved.repository, saved.archives[0], [str(saved.site)]) == (3, 22)
    assert by_hand.bring(saved.repository, saved.archives[0], wanted, into, foreign=True) == (2, 5 + len("index.php"))
    assert (into / saved.inner / "index.php").read_text("utf-8") == "first"
    assert (saved.site / "index.php").read_text("utf-8") == "second"
    with pytest.raises(Refused, match="not overwritten"):
        by_hand.bring(saved.repository, saved.archives[0], wanted, into, foreign=True)
    with pytest.raises(Missing, match="has no"):
        by_hand.bring(saved.repository, saved.archives[0], [f"{saved.site}/new.php"], tmp_path / "none", foreign=False)
    assert not (tmp_path / "none").exists()
    with pytest.raises(Missing, match="has no"):
        by_hand.measured(saved.repository, saved.archives[0], [f"{saved.site}/new.php"])


def place(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        write(folder / name.replace("__", "/"), content, T1)
    return folder


def test_everything_that_a_swap_would_take_away_is_counted(tmp_path: Path) -> None:
    restored = place(tmp_path / "restored", same="x", changed="old", deep__same="y")
    live = place(tmp_path / "live", same="x", changed="newer", deep__same="y", only="here", deep__only="too")
    (live / "link").symlink_to("deep")
    write(live / "only", "here", T2)
    found = by_hand.loss(live, restored)
    assert (found.changed, found.only_here) == (1, 3)
    assert found.bytes == len("newer") + len("here") + len("too") + len("deep")
    assert found.latest is not None
    assert by_hand.loss(restored, restored).none
    assert by_hand.loss(tmp_path / "nothing", restored).none
    one = by_hand.loss(live / "changed", restored / "changed")
    assert (one.changed, one.bytes) == (1, len("newer"))
    assert by_hand.loss(live, restored / "same").only_here == 6  # a directory whose place a file would take


def test_what_stood_there_is_kept(tmp_path: Path) -> None:
    restored, live = place(tmp_path / "restored", a="old"), place(tmp_path / "live", a="newer", b="only here")
    by_hand.swap(live, restored, tmp_path / "kept")
    assert {path.name: path.read_text("utf-8") for path in live.iterdir()} == {"a": "old"}
    assert (tmp_path / "kept/live.0/b").read_text("utf-8") == "only here"


@pytest.mark.parametrize("path", ["/", "/proc", "/nonexistent/deeper"])
def test_what_can_not_be_swapped_as_a_whole_is_refused(path: str) -> None:
    with pytest.raises(Refused, match="swapped"):
        by_hand.require_swappable(Path(path))


def test_the_newest_at_an_instant_is_taken_and_a_name_wins(saved: Saved) -> None:
    one, two = saved.archives
    assert by_hand.archive_of(saved.archives, None, None) == two
    assert by_hand.archive_of(saved.archives, None, T2 - timedelta(seconds=1)) == one
    assert by_hand.archive_of(saved.archives, one.name, None) == one
    assert by_hand.archive_of(saved.archives, one.id[:8], None) == one
    with pytest.raises(Missing, match="no archive of files at or before 2026-11-20"):
        by_hand.archive_of(saved.archives, None, T1 - timedelta(days=1))
    with pytest.raises(Missing, match=r"no archive web1\.files"):
        by_hand.archive_of(saved.archives, "web1.files.2020-01-01T00:00:00Z", None)


ENTRY = Entry("etc/x", "-", "-rw-r--r--", "root:root", 5, "2026-11-21T01:30:00", "")


def seen(*entries: Entry | None) -> Sequence[tuple[Archive, dict[str, Entry]]]:
    rows = []
    for n, entry in enumerate(entries):
        archive = Archive(f"{n:064}", "web1", FILES, T1 + timedelta(days=n), Side.ODD)
        rows.append((archive, {} if entry is None else {entry.path: entry}))
    return rows


def test_archives_in_a_row_with_the_same_state_are_one_version() -> None:
    other = replace(ENTRY, size=6)
    found = looking.versions(seen(None, ENTRY, ENTRY, other, None, ENTRY))
    assert [(one.entry, len(one.archives)) for one in found] == [
        (None, 1), (ENTRY, 2), (other, 1), (None, 1), (ENTRY, 1)]  # fmt: skip


@pytest.mark.parametrize(
    ("new", "what"),
    [
        (None, "removed, 5 B"),
        (replace(ENTRY, changed="2026-11-22T01:30:00"), "its content was written again"),
        (replace(ENTRY, owner="www-data:root"), "owner root:root became www-data:root"),
        (replace(ENTRY, mode="-rwsr-xr-x", size=6), "5 B became 6 B, mode -rw-r--r-- became -rwsr-xr-x"),
        (replace(ENTRY, type="l", target="/etc/shadow"), "- became l, link to  became one to /etc/shadow"),
    ],
)
def test_each_difference_has_its_words(new: Entry | None, what: str) -> None:
    after = {} if new is None else {new.path: new}
    assert looking.differences({ENTRY.path: ENTRY}, after) == [Difference("etc/x", what)]
    assert looking.differences(after, after) == []


def test_a_path_begins_at_the_root() -> None:
    assert looking.pattern("/etc/fstab") == "pf:etc/fstab"
    assert looking.pattern("/etc/**/*.conf") == "sh:etc/**/*.conf"
    with pytest.raises(BadEstate, match="no path from /"):
        looking.pattern("etc/fstab")
