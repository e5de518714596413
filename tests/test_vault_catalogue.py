"""The catalogue: what was noted comes back, and nobody changes it unseen."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backups.vault import catalogue as module
from backups.vault.catalogue import Catalogue, read
from backups.vault.model import Known
from effects.journal import Journal, Json
from estate.problem import Untrusted

ONE: dict[str, Json] = {
    "id": "a" * 64,
    "stats": {"original": 9, "compressed": 5, "files": 2, "added": 0.5},
    "suspect": "",
}
NAME = "web1.files.2026-11-22T01:30:00Z"
WHERE = "web1.files.odd"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    monkeypatch.setattr(module, "VAULT", tmp_path)
    made = Catalogue("web1")
    made.note("seen", WHERE, NAME, **ONE)
    made.note("looked", WHERE, key="k", total=5, transaction=7)
    return made


def test_it_comes_back_as_it_was_noted(kept: Catalogue) -> None:
    state = Catalogue("web1").state(WHERE)
    (known,) = state.there.values()
    assert (known.name, known.stats and known.stats.files, state.key, state.total) == (NAME, 2, "k", 5)
    assert not Catalogue("web1").state("web1.files.even").archives


def test_decisions_change_what_is_known(kept: Catalogue) -> None:
    steps: list[tuple[str, dict[str, Json], Callable[[Known], bool]]] = [
        ("leaving", {}, lambda known: known.leaving is not None),
        ("held", {"by": "carol", "why": "a lawsuit"}, lambda known: known.held == "carol: a lawsuit"),
        ("leaving", {}, lambda known: known.leaving is not None),
        ("released", {}, lambda known: not known.held),
        ("deleting", {}, lambda known: known.deleting and known.there),
        ("left", {}, lambda known: not known.deleting),
        ("deleted", {}, lambda known: not known.there),
    ]
    for event, detail, seen in steps:
        kept.note(event, WHERE, NAME, id=ONE["id"], **detail)
        assert seen(kept.state(WHERE).archives[str(ONE["id"])]), event
    kept.note("frozen", WHERE, reasons=["it is gone"])
    assert kept.state(WHERE).frozen == ("it is gone",)
    kept.note("thawed", WHERE, by="carol", why="looked")
    assert kept.state(WHERE).frozen == ()


def test_a_changed_entry_is_named(kept: Catalogue) -> None:
    text = kept.path.read_text(encoding="ascii")
    kept.path.write_text(text.replace('"total":5', '"total":6'), encoding="ascii")
    with pytest.raises(Untrusted, match="line 2"):
        Catalogue("web1").entries()


def test_who_makes_the_chain_anew_still_lacks_the_key(kept: Catalogue, tmp_path: Path) -> None:
    forged = Journal(tmp_path / "forged.jsonl")
    for entry in kept.entries():
        detail = {**entry.detail, "suspect": "no"} if entry.event == "seen" else entry.detail
        forged.write(entry.event, entry.step, entry.subject, **detail)
    text = forged.path.read_text(encoding="ascii")
    with pytest.raises(Untrusted, match="entry 1: not signed"):
        read(text, kept.public, name="forged")
    assert len(read(kept.path.read_text(encoding="ascii"), kept.public, name="good")) == 2


def test_a_signature_stands_for_its_place(kept: Catalogue, tmp_path: Path) -> None:
    """Signed words of another entry are no signed entry."""
    first = json.loads(kept.path.read_text(encoding="ascii").splitlines()[0])
    moved = Journal(tmp_path / "moved.jsonl")
    for _ in range(2):
        moved.write(first["event"], first["step"], first["subject"], **first["detail"])
    with pytest.raises(Untrusted, match="entry 2"):
        read(moved.path.read_text(encoding="ascii"), kept.public, name="moved")


def test_the_key_is_made_once_and_for_root_alone(kept: Catalogue, tmp_path: Path) -> None:
    assert Catalogue("other").public == kept.public
    assert (tmp_path / "signing.key").stat().st_mode & 0o777 == 0o600


def test_a_torn_last_line_was_never_noted(kept: Catalogue) -> None:
    with kept.path.open("a", encoding="ascii") as stream:
        stream.write('{"number": 3, "at"')
    again = Catalogue("web1")
    again.note("looked", WHERE, key="k", total=6, transaction=8)
    assert Catalogue("web1").state(WHERE).total == 6
