"""The journal believes what it acknowledged, and nothing else."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from effects import files
from effects.journal import START, Journal, parse
from estate.problem import Failed, Untrusted

AT = datetime(2026, 11, 22, 3, 0, 0, 123456, tzinfo=UTC)


def journal(folder: Path) -> Journal:
    return Journal(folder / "journal", clock=lambda: AT)


def three(folder: Path) -> Journal:
    book = journal(folder)
    book.write("opened", by="anna", kind="activation", host="twin1", plan={"seal": "ab", "vhosts": [1, 2]})
    book.write("begun", "files", "shop.example")
    book.write("done", "files", "shop.example", proof="1,234 files; « à jour »")
    return book


def test_an_entry_reads_back_as_it_was_written(tmp_path: Path) -> None:
    written = journal(tmp_path).write("failed", "dns", "shop.example", error="ns1: REFUSED")
    (read,) = journal(tmp_path).entries()
    assert read == written
    assert (read.number, read.at, read.previous) == (1, AT, START)
    assert read.detail == {"error": "ns1: REFUSED"}


def test_a_journal_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert journal(tmp_path).entries() == ()
    assert journal(tmp_path).head == START


def test_each_entry_names_the_one_before_and_the_head_names_the_last(tmp_path: Path) -> None:
    book = three(tmp_path)
    first, second, third = book.entries()
    assert [second.previous, third.previous] == [first.digest, second.digest]
    assert book.head == third.digest


def test_a_local_time_is_written_as_utc(tmp_path: Path) -> None:
    paris = timezone(timedelta(hours=1))
    entry = Journal(tmp_path / "journal", clock=lambda: AT.astimezone(paris)).write("opened")
    assert entry.at.utcoffset() == timedelta(0)
    assert journal(tmp_path).entries() == (entry,)


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    assert three(tmp_path).path.stat().st_mode & 0o777 == 0o600


def test_a_cut_at_any_byte_loses_only_what_was_not_acknowledged_and_the_next_entry_fits(
    tmp_path: Path,
) -> None:
    book = three(tmp_path)
    content = book.path.read_bytes()
    for length in range(len(content)):
        book.path.write_bytes(content[:length])
        kept = journal(tmp_path).entries()
        assert len(kept) == content[:length].count(b"\n")
        added = journal(tmp_path).write("held", "dns")
        assert journal(tmp_path).entries() == (*kept, added)


@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_no_byte_of_it_can_be_changed_unseen(tmp_path_factory: pytest.TempPathFactory, place: int, value: int) -> None:
    book = three(tmp_path_factory.mktemp("journal"))
    content = bytearray(book.path.read_bytes())
    place %= len(content) - 1  # without the last newline, the last line is merely torn
    if content[place] == value:
        return
    content[place] = value
    book.path.write_bytes(bytes(content))
    with pytest.raises(Untrusted, match=r"journal, line \d"):
        book.entries()


@pytest.mark.parametrize("drop", [0, 1])
def test_a_line_taken_out_is_noticed_and_named(tmp_path: Path, drop: int) -> None:
    lines = three(tmp_path).path.read_text(encoding="ascii").splitlines(keepends=True)
    del lines[drop]
    with pytest.raises(Untrusted, match=f"twin1's journal, line {drop + 1}"):
        parse("".join(lines), name="twin1's journal")


def test_nothing_is_added_to_a_journal_that_was_changed(tmp_path: Path) -> None:
    book = three(tmp_path)
    changed = book.path.read_text(encoding="ascii").replace("anna", "hugo")
    book.path.write_text(changed, encoding="ascii")
    with pytest.raises(Untrusted, match="line 1"):
        journal(tmp_path).write("closed", ok=True)
    assert book.path.read_text(encoding="ascii") == changed


def test_two_journals_on_one_file_continue_each_other(tmp_path: Path) -> None:
    one, other = journal(tmp_path), journal(tmp_path)
    for number in range(6):
        (one if number % 2 else other).write("held", "files", str(number))
    assert [entry.subject for entry in one.entries()] == list("012345")


def test_a_full_disk_says_so_and_the_entry_can_be_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = three(tmp_path)

    def half(path: Path, line: str) -> None:
        with path.open("a", encoding="ascii") as stream:
            stream.write(line[: len(line) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files, "append", half)
        with pytest.raises(Failed, match="No space left"):
            book.write("closed", ok=True)
    assert len(book.entries()) == 3
    book.write("closed", ok=True)
    assert book.entries()[-1].detail == {"ok": True}
