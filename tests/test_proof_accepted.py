"""What became small on purpose stops being a finding when somebody says so, and nothing else does."""

from datetime import timedelta
from pathlib import Path

import pytest
from saved_estate import T0, archive

from backups.proof import accepted, record
from backups.proof.judge import SMALLER
from backups.proof.record import Finding, Proof
from backups.tables import Evidence
from estate.points import FILES
from estate.problem import Missing

SHOP, BLOG = "shop.example", "blog.example"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "PROOFS", tmp_path / "proofs")


def proven(hours: float, files: dict[str, int], *small: str) -> None:
    seen: dict[str, Evidence] = {domain: {"files": count} for domain, count in files.items()}
    found = tuple(Finding(one, f"{SMALLER}: files: 90 before, {files[one]} left", ()) for one in small)
    record.keep(Proof("web1", T0 + timedelta(hours=hours), 1.0, (archive(FILES, hours),), vhosts=seen, findings=found))


def test_without_a_word_of_anybody_the_last_proof_that_held_counts() -> None:
    assert accepted.baseline("web1") == {}
    proven(1, {SHOP: 90, BLOG: 90})
    proven(2, {SHOP: 10, BLOG: 20}, SHOP, BLOG)
    assert accepted.baseline("web1") == {SHOP: {"files": 90}, BLOG: {"files": 90}}


def test_what_was_accepted_counts_for_that_subject_alone_until_a_proof_holds() -> None:
    proven(1, {SHOP: 90, BLOG: 90})
    proven(2, {SHOP: 10, BLOG: 20}, SHOP, BLOG)
    made = accepted.accept("web1", SHOP, T0 + timedelta(hours=3), "alice", "it was moved")
    assert (made.by, made.what) == ("alice", (f"{SMALLER}: files: 90 before, 10 left",))
    assert accepted.accepted("web1") == (made,)
    assert accepted.accepted("web2") == ()
    assert accepted.baseline("web1") == {SHOP: {"files": 10}, BLOG: {"files": 90}}
    proven(4, {SHOP: 80, BLOG: 80})
    assert accepted.baseline("web1") == {SHOP: {"files": 80}, BLOG: {"files": 80}}


def test_only_what_the_newest_proof_found_can_be_accepted() -> None:
    with pytest.raises(Missing, match="nothing of web1 was proven yet"):
        accepted.accept("web1", SHOP, T0, "alice", "why")
    proven(1, {SHOP: 90, BLOG: 90})
    proven(2, {SHOP: 10, BLOG: 90}, SHOP)
    with pytest.raises(Missing, match=rf"of {BLOG} nothing about its size; it is of {SHOP}"):
        accepted.accept("web1", BLOG, T0, "alice", "why")
    assert accepted.accepted("web1") == ()


@pytest.mark.parametrize("torn", ["", "{", '{"host": "web1"}'])
def test_a_torn_record_accepts_nothing(torn: str) -> None:
    proven(1, {SHOP: 90})
    (record.PROOFS / "accepted").mkdir()
    (record.PROOFS / "accepted" / f"{SHOP}.json").write_text(torn, encoding="utf-8")
    assert accepted.baseline("web1") == {SHOP: {"files": 90}}
