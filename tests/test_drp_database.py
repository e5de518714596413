"""A database server stands as an order wants it, or it is brought again: what another order left there may be old."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from saved_estate import T0, archive, site

from backups import mark
from backups.mark import Beyond, Mark
from backups.replicas import promoting, state, tending
from backups.replicas.place import Replica
from backups.replicas.state import State
from backups.streams.frames import Position
from drp.job import Job, JobKind
from drp.orders import Signed
from drp.plan import Plan
from drp.step import World
from drp.steps import data
from drp.steps.data import Database
from effects import files
from effects.run import Result
from estate.model import Engine
from estate.points import Tail

BASE = archive(Engine.MARIADB, 1)
TAIL = Tail(BASE.id, Engine.MARIADB, "chain", "binlog.000001:900", T0)
STEP = Database(Engine.MARIADB, BASE, frozenset(), frozenset(), TAIL)


def ordered(folder: Path, seal: str) -> World:
    plan = Plan("activate", "web1", "twin1", T0, 0, ())
    return World(site(folder, "twin1"), Job(JobKind.ACTIVATE, seal * 64, plan, T0, Signed("{}")))


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its data, as an order called a brought it."""
    monkeypatch.setattr(mark, "RESTORED", tmp_path / "restored")
    folder = tmp_path / "mysql"
    folder.mkdir()
    mine = SimpleNamespace(data=folder, unit="mariadb.service", databases=set)
    monkeypatch.setattr(data, "server", lambda _: mine)
    monkeypatch.setattr(data, "attempt", lambda argv, **_: Result(tuple(argv), 0, "", ""))
    Mark(Engine.MARIADB).write(BASE, folder, Beyond("by its replica", T0, "binlog.000001:900"), "a" * 12)
    return folder


def test_what_was_brought_for_another_order_lacks_what_came_since(served: Path, tmp_path: Path) -> None:
    mine, other = ordered(tmp_path, "a"), ordered(tmp_path, "b")
    assert "by its replica" in str(STEP.proof(mine))
    assert STEP.proof(other) is None
    assert replace(STEP, standing=True).proof(other)  # visitors write there: it is joined as it is, and never replaced


def test_a_mark_of_before_orders_were_noted_is_anybodys(served: Path, tmp_path: Path) -> None:
    note = tmp_path / "restored" / "mariadb.json"
    row = json.loads(note.read_text())
    del row["order"]
    note.write_text(json.dumps(row))
    assert STEP.proof(ordered(tmp_path, "b"))


def test_a_replica_that_was_stopped_for_another_order_is_not_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "REPLICAS", tmp_path)
    monkeypatch.setattr(tending, "REPLICAS", tmp_path)
    replica = SimpleNamespace(engine=Engine.MARIADB, data=tmp_path)
    monkeypatch.setattr(Replica, "of", lambda _: replica)
    known = State(BASE.id, "chain", Position("binlog.000001", 300), files.identity(tmp_path), T0)
    known.stopped(Engine.MARIADB, Position("binlog.000001", 900), "a" * 12)
    here = site(tmp_path, "twin1")
    found = promoting.promote(here, here.partner, BASE, TAIL, "b" * 12)
    assert (found.data, found.said) == (None, "its replica was stopped for an order that came to nothing")
    assert promoting.standbys(here.estate, here.partner, [TAIL]) == ()
