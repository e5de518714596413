"""Whoever watches is told where each vhost is; what nobody measured is not said."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from saved_estate import T0

from backups import progress
from drp import underway
from drp.underway import Row, rows
from effects.journal import Journal
from seawall import show_course

MOVES: list[Any] = [
    {"domain": "shop.example", "archives": [{"kind": "files"}, {"kind": "mariadb"}]},
    {"domain": "docs.example", "archives": [{"kind": "files"}]},
    {"domain": "last.example", "archives": [{"kind": "files"}]},
]


class Watched:
    """A journal of which somebody sees every state."""

    def __init__(self, folder: Path) -> None:
        self.now = T0
        self.journal = Journal(folder / "journal.jsonl", clock=lambda: self.now)
        self.journal.write("opened", plan={"moves": MOVES})

    def after(self, event: str, step: str, subject: str, *copied: Any, seconds: int = 10) -> dict[str, Row]:
        self.journal.write(event, step, subject)
        self.now += timedelta(seconds=seconds)
        return {row.domain: row for row in rows(self.journal.entries(), copied, self.now)}


def states(found: dict[str, Row]) -> list[str]:
    return [row.state for row in found.values()]


def test_every_vhost_is_somewhere(tmp_path: Path) -> None:
    seen = Watched(tmp_path)
    copied = {"step": "files", "subject": "shop.example", "bytes": 4_000_000, "total": 6_000_000}
    found = seen.after("begun", "files", "shop.example", copied)
    assert states(found) == ["copying", "waiting", "waiting"]
    assert found["shop.example"] == Row("shop.example", "copying", 4_000_000, 6_000_000, 400_000.0, 5.0)
    assert states(seen.after("done", "files", "shop.example")) == ["copied", "waiting", "waiting"]
    assert states(seen.after("begun", "database", "mariadb")) == ["importing", "waiting", "waiting"]
    seen.after("done", "database", "mariadb")
    assert states(seen.after("failed", "files", "docs.example")) == ["imported", "failed: files", "waiting"]
    assert states(seen.after("done", "prove", "shop.example"))[0] == "proven"
    assert states(seen.after("begun", "dns", "shop.example"))[0] == "switching"
    assert states(seen.after("held", "dns", "shop.example"))[0] == "switched"


def test_a_job_that_is_taken_up_again_begins_with_nobody_on_the_way(tmp_path: Path) -> None:
    seen = Watched(tmp_path)
    seen.after("begun", "files", "shop.example")
    seen.journal.write("opened", plan={"moves": MOVES})
    assert {row.state for row in rows(seen.journal.entries(), (), seen.now)} == {"waiting"}
    assert rows((), (), T0) == []


def test_what_is_measured_comes_from_who_copies_and_may_be_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backups.proof.hydrate.HYDRATED", tmp_path)
    seen = Watched(tmp_path)
    seen.after("begun", "files", "shop.example")
    seen.after("begun", "dns", "docs.example")
    entries = seen.journal.entries()
    assert underway.measured(entries) == []
    folder = tmp_path / "shop.example"
    folder.mkdir()
    for shard in ("0", "1"):
        progress.Tally(folder, shard)(1000, 3)
    (folder / "progress-2").write_text("torn")
    assert progress.tallied(folder) == (2000, 6)
    assert underway.measured(entries) == [{"step": "files", "subject": "shop.example", "bytes": 2000, "total": None}]
    progress.forget(folder)
    assert progress.tallied(folder) is None


def test_with_many_vhosts_those_are_shown_that_something_is_done_with() -> None:
    found = [Row(f"site{n}.example", "waiting") for n in range(200)] + [Row("busy.example", "copying", 5, 10, 1.0, 5.0)]
    console = Console(width=100, height=24, record=True, file=io.StringIO())
    console.print(show_course.table("twin1", found, console.height))
    said = console.export_text()
    assert "busy.example" in said
    assert "200 waiting, 1 copying" in said
    assert len(said.splitlines()) < 24


def test_who_stops_watching_is_told_that_the_work_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(show_course.Detached, match="activate-1 goes on") as told, show_course.shown("activate-1"):
        raise KeyboardInterrupt
    assert told.value.exit_code == 130
