"""Between a plan and its activation a stream may become longer, and never shorter."""

from datetime import timedelta
from pathlib import Path

import pytest
from saved_estate import T0, archive, site

from backups.engines import Server
from backups.streams import forward
from backups.streams.coverage import Run
from backups.streams.frames import Position
from backups.streams.mirror import Mirror
from backups.streams.notes import Note
from backups.streams.replay import Log
from backups.streams.scratch import Scratch
from backups.streams.transactions import Transaction
from estate.model import Engine
from estate.points import Tail
from estate.problem import Refused

CHAIN = "20261122T010000Z-aaaaaa"


@pytest.mark.parametrize(("end", "refused"), [(899, True), (900, False), (1200, False)])
def test_a_stream_that_got_shorter_since_the_plan_is_refused_before_anything_is_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: int, refused: bool
) -> None:
    twin, snapshot = site(tmp_path, "twin1"), archive(Engine.MARIADB)
    start = Position("binlog.000001", 0)
    replayed: list[int] = []
    monkeypatch.setattr(forward, "noted", lambda *_: Note(CHAIN, Position("binlog.000001", 300), T0))
    monkeypatch.setattr(Mirror, "fetch", lambda *_: ())
    run = Run(start, Position("binlog.000001", end), T0, ("binlog.000001",), gap=False)
    monkeypatch.setattr(Mirror, "unseal", lambda *_: (run, []))
    monkeypatch.setattr(forward, "replay", lambda *_: replayed.append(1))
    tail = Tail(snapshot.id, Engine.MARIADB, CHAIN, "binlog.000001:900", T0)
    scratch = Scratch(Server(Engine.MARIADB, "mariadb.service", tmp_path, "mysql"), tmp_path, tmp_path)
    if refused:
        with pytest.raises(Refused, match=r"ends at binlog\.000001:899, and the plan was made with binlog\.000001:900"):
            forward._through(twin, twin.partner, snapshot, tail, scratch, None)
    else:
        assert forward._through(twin, twin.partner, snapshot, tail, scratch, None) == (0, T0, run.end)
    assert replayed == ([] if refused else [1])


def test_up_to_an_instant_it_stops_before_what_came_later_and_needs_no_more_of_the_stream_than_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin, snapshot = site(tmp_path, "twin1"), archive(Engine.MARIADB)
    place = Position("binlog.000001", 300)
    found = [Transaction(str(n), T0 + timedelta(minutes=n), place, place, "") for n in range(4)]
    stopped: list[Transaction | None] = []
    monkeypatch.setattr(forward, "noted", lambda *_: Note(CHAIN, place, T0))
    monkeypatch.setattr(Mirror, "fetch", lambda *_: ())
    run = Run(Position(place.name, 0), Position(place.name, 500), T0 + timedelta(minutes=3), (place.name,), gap=False)
    monkeypatch.setattr(Mirror, "unseal", lambda *_: (run, []))
    monkeypatch.setattr(Log, "transactions", lambda _: found)
    monkeypatch.setattr(forward, "replay", lambda _scratch, _log, stop, _found: stopped.append(stop))
    tail = Tail(snapshot.id, Engine.MARIADB, CHAIN, f"{place.name}:900", T0)  # since then a side was lost
    scratch = Scratch(Server(Engine.MARIADB, "mariadb.service", tmp_path, "mysql"), tmp_path, tmp_path)
    at = T0 + timedelta(minutes=1, seconds=30)
    assert forward._through(twin, twin.partner, snapshot, tail, scratch, at) == (2, at, place)
    assert stopped == [found[2]]
