"""A look at what happened around an instant: where an older snapshot's log has a gap, a younger one's goes on."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from saved_estate import T0, archive, site

from backups.streams import looking
from backups.streams.coverage import Run
from backups.streams.frames import Position
from backups.streams.notes import Note
from backups.streams.replay import Log
from backups.streams.transactions import Transaction
from estate.model import Engine
from estate.points import Archive
from estate.problem import Refused

HERE = Position("binlog.000001", 0)
WIDTH = timedelta(minutes=10)


class Known(Log):
    def transactions(self) -> list[Transaction]:
        until = self.run.instant
        assert until
        return [Transaction(f"until {until:%H:%M}", until, HERE, HERE, "dropped")]


def look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *until: int) -> list[str]:
    """What is found around T0, where snapshots' logs reach so many minutes after it."""

    def logs(*_: object) -> Iterator[tuple[Archive, Log]]:
        for minutes in until:
            run = Run(HERE, HERE, T0 + timedelta(minutes=minutes), (), gap=minutes < 0)
            yield archive(Engine.MARIADB), Known(Engine.MARIADB, tmp_path, run, Note("chain", HERE, T0))

    monkeypatch.setattr(looking, "_logs", logs)
    monkeypatch.setattr(looking, "ROOM", tmp_path / "room")
    here = site(tmp_path)
    found, _ = looking.around(here, here.host, Engine.MARIADB, T0, WIDTH)
    return [one.id for one in found]


def test_the_log_that_reaches_the_instant_is_shown_and_no_further_one_is_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert look(monkeypatch, tmp_path, -5, 1, 2) == ["until 03:01"]


def test_where_none_reaches_it_the_farthest_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert look(monkeypatch, tmp_path, -5, -2, -3) == ["until 02:58"]


def test_without_a_log_it_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no stream goes on"):
        look(monkeypatch, tmp_path)
