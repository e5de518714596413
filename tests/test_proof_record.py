"""Evidence is kept, and what was found against one archive says nothing against the others."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from saved_estate import T0, archive

from backups.proof import record
from backups.proof.record import Finding, Proof
from estate.model import Engine, Side
from estate.points import FILES, Archive


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "PROOFS", tmp_path / "proofs")


def of(archives: tuple[Archive, ...], *findings: Finding, after: float = 0.0) -> Proof:
    return Proof("web1", T0 + timedelta(hours=after), 1.5, archives, findings=findings)


def test_nothing_is_proven_before_anybody_looked() -> None:
    assert record.proven("web1") == frozenset()


def test_what_holds_is_proven_and_only_what_something_was_found_against_is_not() -> None:
    saved, copy = archive(FILES), archive(Engine.MARIADB, 0.5)
    record.keep(of((saved, copy), Finding("shop", "a table is gone", (copy.id,))))
    assert record.proven("web1") == {saved.id}
    assert record.verdicts("web1") == {saved.id: True, copy.id: False}
    assert record.proven("web2") == frozenset()
    (kept,) = (record.PROOFS).iterdir()
    assert kept.name.startswith("web1.2026-11-22T02:30:00Z.")
    assert kept.stat().st_mode & 0o777 == 0o600


def test_the_newest_look_counts_and_the_older_evidence_stays() -> None:
    one = archive(FILES)
    record.keep(of((one,)))
    record.keep(of((one,), Finding("web1", "broken", (one.id,)), after=1))
    assert record.verdicts("web1") == {one.id: False}
    record.keep(of((one,), after=2))
    assert record.verdicts("web1") == {one.id: True}
    assert len(record.proofs("web1")) == 3


@pytest.mark.parametrize("torn", ["", "{", '{"host": "web1"}', "[]"])
def test_a_torn_record_proves_nothing_and_hides_no_other(torn: str) -> None:
    one = archive(FILES)
    record.keep(of((one,)))
    (record.PROOFS / "web1.2027-01-01T00:00:00Z.json").write_text(torn, encoding="utf-8")
    assert record.proven("web1") == {one.id}


def test_what_could_not_be_looked_at_is_neither_proven_nor_failed() -> None:
    saved, copy = archive(FILES), archive(Engine.MARIADB, 0.5)
    away = Finding("mariadb", "not looked at: vault-odd does not answer", ())
    record.keep(replace(of((saved, copy), away), unseen=(copy.id,)))
    assert record.verdicts("web1") == {saved.id: True}
    assert not record.proofs("web1")[0].holds


def test_what_rotted_on_one_side_is_taken_from_the_other() -> None:
    even, odd = (archive(Engine.MARIADB, 1, side) for side in Side)
    older = archive(Engine.MARIADB, 3, Side.EVEN)
    assert record.readable("web1", (older, even, odd)) == (older, even, odd)
    record.keep(of((even,), Finding("mariadb", "shop.posts is corrupt", (even.id,))))  # so would be its sister
    assert record.readable("web1", (even, odd)) == (even, odd)
    record.keep(
        of((even,), Finding("mariadb", f"{even.name} on vault-even {record.LOST} 2 files", (even.id,)), after=1)
    )
    assert record.readable("web1", (older, even, odd)) == (older, odd)
    assert record.readable("web1", (older, even)) == (older, even)  # better than nothing, and said to be rotten
    record.keep(of((odd,), Finding("mariadb", f"{odd.name} on vault-odd {record.LOST} 1 files", (odd.id,)), after=2))
    assert record.readable("web1", (even, odd)) == (even, odd)
