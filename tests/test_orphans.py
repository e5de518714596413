"""What production wrote alone: trees against the archive, logs after a position, and how it is told."""

import json
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from begun import ordered_here
from hydration import live as live
from hydration import local as local
from hydration import repository as repository
from hydration import saved
from local_borg import Local
from saved_estate import T0, everything, lab_estate, site

from backups.engines import Server
from backups.mark import Beyond, Mark
from backups.orphans import logs, trees
from backups.streams import binlog
from backups.streams.frames import Position
from backups.streams.notes import Note
from drp import job as jobs
from drp import origins, orphans
from drp.job import JobKind
from drp.step import World
from effects.run import run
from estate.model import Engine
from estate.points import FILES, Tail
from estate.problem import Failed, Missing
from seawall.commands import drp_orphans

CHAIN = "20261122T010000Z-aaaaaa"


def test_the_tree_that_was_saved_differs_in_nothing_and_what_was_written_since_is_named(
    repository: Local, live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, kept = saved(repository, live), tmp_path / "kept"
    vhost = lab_estate(tmp_path).vhosts["shop.example"]
    monkeypatch.setattr(trees, "parts_of", lambda _: (Path("/srv"),))
    (kept / "srv.1").mkdir(parents=True)  # of another part with that name
    run(["cp", "--archive", str(live), str(kept / "srv.0")], timeout=60)
    quiet = trees.look(repository, one, vhost, kept)
    assert quiet.kept == (kept / "srv.0",)
    assert [*quiet.added, *quiet.changed, *quiet.removed, *quiet.rights] == []
    (kept / "srv.0/alone.txt").write_text("alone", encoding="utf-8")
    (kept / "srv.0/index.html").write_text("much later", encoding="utf-8")
    (kept / "srv.0/deep/er/two").chmod(0o604)
    found = trees.look(repository, one, vhost, kept)
    assert [(it.path, it.what) for it in found.added] == [("srv/alone.txt", "added, 5 B")]
    assert [it.path for it in found.changed] == ["srv/index.html"]
    assert {it.path for it in found.rights} - {it.path for it in quiet.rights} == {"srv/deep/er/two"}
    assert found.written == 15
    assert found.newest is not None


def event(kind: int, seconds: int, body: bytes) -> bytes:
    return binlog.EVENT.pack(seconds, kind, 1, binlog.EVENT.size + len(body), 0, 0) + body


def commit(number: int, table: bytes, seconds: int) -> bytes:
    """One transaction that inserts into a table of the shop."""
    rows = (7).to_bytes(6, "little") + bytes(2)
    names = rows + bytes([4]) + b"shop\0" + bytes([len(table)]) + table + b"\0"
    begin = event(binlog.GTID, seconds, struct.pack("<QIB", number, 0, 0))
    return begin + event(binlog.TABLE_MAP, seconds, names) + event(30, seconds, rows) + event(16, seconds, bytes(8))


def test_binary_logs_tell_what_was_not_whole_at_the_recovery_point(tmp_path: Path) -> None:
    there, alone = commit(1, b"wp_posts", 100), commit(2, b"wp_posts", 200)
    (tmp_path / "binlog.000004").write_bytes(binlog.MAGIC + there + alone)
    (tmp_path / "binlog.000005").write_bytes(binlog.MAGIC + commit(3, b"wp_options", 300))
    (tmp_path / "binlog.000003").write_bytes(binlog.MAGIC + commit(0, b"before", 50))
    for torn in (0, 20):  # the stream ended between two, or in the middle of the second
        found = logs.mariadb(tmp_path, Position("binlog.000004", len(binlog.MAGIC + there) + torn))
        assert found.tables == {"shop.wp_options": {"insert": 1}, "shop.wp_posts": {"insert": 1}}
        assert (found.transactions, found.faults) == (2, ())
        assert (found.first, found.last) == (datetime.fromtimestamp(200, UTC), datetime.fromtimestamp(300, UTC))


def test_a_log_that_can_not_be_read_is_named_and_the_others_are_counted(tmp_path: Path) -> None:
    (tmp_path / "binlog.000005").write_bytes(binlog.MAGIC + event(binlog.ENCRYPTION, 1, bytes(20)))
    (tmp_path / "binlog.000006").write_bytes(binlog.MAGIC + commit(3, b"wp_options", 300))
    found = logs.mariadb(tmp_path, Position("binlog.000004", 300))
    assert found.transactions == 1
    assert ["binlog.000004" in found.faults[0], "binlog.000005 is encrypted" in found.faults[1]] == [True, True]


def test_events_and_rows_are_counted_by_table_and_a_file_without_a_name_stays_a_number() -> None:
    said = ["insert shop.a (3 events), delete shop.b", "insert shop.a", "shop: CREATE TABLE c (x INT, y INT)"]
    assert logs.by_events(said) == {
        "shop.*": {"statement": 1}, "shop.a": {"insert": 4}, "shop.b": {"delete": 1},
    }  # fmt: skip
    rows = logs.by_rows(["2 insert in 5/10, 1 update in 5/11", "", "1 insert in 5/10"])
    assert rows == {"5/10": {"insert": 3}, "5/11": {"update": 1}}
    assert list(logs.named(rows, {"5/10": "ledger.public.entries"})) == ["ledger.public.entries", "5/11"]


def test_a_write_ahead_log_that_is_gone_is_said(tmp_path: Path) -> None:
    tail = Tail("a", Engine.POSTGRESQL, CHAIN, "000000010000000000000004:16777216", T0)
    with pytest.raises(Missing, match="000000010000000000000005"):  # the end of one file is the head of the next
        logs.look(tmp_path, tail)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An activation on the twin that held."""
    monkeypatch.setattr("backups.mark.RESTORED", tmp_path / "restored")
    return ordered_here(tmp_path, monkeypatch)


def test_the_twin_tells_from_what_it_was_brought_up_and_only_of_what_held(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step, subject in ((FILES, "shop.example"), ("database", "mariadb"), ("database", "postgresql")):
        world.job.journal.write("done", step=step, subject=subject)
    world.job.journal.write("failed", step=FILES, subject="docs.example")
    data = {engine: tmp_path / engine for engine in Engine}
    for path in data.values():
        path.mkdir()
    monkeypatch.setattr(origins, "server", lambda engine: Server(engine, "x", data[engine], "x"))
    monkeypatch.setattr(origins, "noted", lambda *_: Note(CHAIN, Position("log.000001", 300), T0))
    base = {one.kind: one for one in everything()}
    Mark(Engine.MARIADB).write(base[Engine.MARIADB], data[Engine.MARIADB], Beyond("", T0, "log.000002:77"))
    withdrawn = replace(world.job, kind=JobKind.WITHDRAW, ordered=T0 + timedelta(hours=1))
    found = origins.of(world.site, withdrawn)
    assert found.files == {"shop.example": base[FILES]}
    assert {tail.engine: tail.position for tail in found.engines} == {
        Engine.MARIADB: "log.000002:77", Engine.POSTGRESQL: "log.000001:300",
    }  # fmt: skip
    withdrawn.save()
    assert origins.kept(withdrawn) is None
    origins.keep(world.site, withdrawn)
    assert origins.kept(withdrawn) == found
    (withdrawn.directory / "origins.json").unlink()
    (world.job.directory / "job.json").write_text("{", encoding="utf-8")
    origins.keep(world.site, withdrawn)  # nobody's return ends there
    assert origins.kept(withdrawn) is None
    kept = replace(withdrawn, kind=JobKind.RESTORE, origins=found)
    assert jobs.JOB.validate_json(jobs.JOB.dump_json(kept)) == kept


def test_a_job_from_before_is_read_and_an_old_mark_knows_no_end(world: World, tmp_path: Path) -> None:
    row = jobs.JOB.dump_python(world.job, mode="json")
    del row["origins"]
    assert jobs.JOB.validate_python(row) == world.job
    Mark(Engine.MARIADB).write(everything()[1], tmp_path, Beyond("by its replica", T0, "log.000002:77"))
    file = tmp_path / "restored" / "mariadb.json"
    assert (found := Mark(Engine.MARIADB).beyond) is not None
    assert found.end == "log.000002:77"
    file.write_text(file.read_text(encoding="utf-8").replace(', "end": "log.000002:77"', ""), encoding="utf-8")
    assert Mark(Engine.MARIADB).beyond == Beyond("by its replica", T0)


def test_each_is_looked_at_alone_once_and_again_when_somebody_removed_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, looked = site(tmp_path, "web1"), list[str]()
    with pytest.raises(Missing, match="nothing was returned to web1"):
        orphans.look(here)
    replace(world.job, kind=JobKind.RESTORE).save()
    monkeypatch.setattr(orphans, "server", lambda engine: Server(engine, "x", tmp_path / engine, "x"))
    monkeypatch.setattr("backups.restore.VHOSTS", str(tmp_path))
    kept = tmp_path / f".seawall-kept-{world.job.seal[:12]}"
    kept.mkdir()

    def seen(_site: object, _job: object, domain: str, _archive: object) -> dict[str, Any]:
        looked.append(domain)
        if domain == "shop.example" and len(looked) < 4:
            raise Failed("no side answers", hint="-")
        return {"added": 1}

    monkeypatch.setattr(orphans, "_files", seen)
    monkeypatch.setattr(orphans, "_database", lambda *_: {"transactions": 2})
    faults = {row["vhost"]: row["fault"] for row in orphans.look(here)["vhosts"]}
    assert faults == {"shop.example": "no side answers", "ledger.example": None, "docs.example": None}
    assert not any(row["fault"] for row in orphans.look(here)["vhosts"])  # a fault is not kept
    assert len(looked) == 6
    assert orphans.look(here) == orphans.look(here)
    assert len(looked) == 6
    kept.rmdir()
    orphans.look(here)
    assert len(looked) == 9


def test_what_is_gone_is_said(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "server", lambda engine: Server(engine, "x", tmp_path / engine, "x"))
    replace(world.job, kind=JobKind.RESTORE).save()
    found = orphans.look(site(tmp_path, "web1"))
    assert all("not known" in row["fault"] for row in found["vhosts"])
    assert all("somebody removed it" in row["fault"] for row in found["engines"])


ROW = {"vhost": "shop.example", "fault": None, "added": 2, "changed": 1, "removed": 0, "rights": 9,
       "kept": ["/k/a b.0"], "bytes": 3_000_000, "written_bytes": 10,
       "taken": "2026-11-22T01:00:00+00:00", "newest": None}  # fmt: skip
LOST = {"engine": "postgresql", "fault": "its log is gone"}


def test_people_read_figures_first_what_is_unknown_and_how_to_remove_it_last() -> None:
    found = {"host": "web1", "vhosts": [ROW], "engines": [LOST]}
    assert list(drp_orphans.said(LOST)) == ["UNKNOWN: its log is gone"]
    assert next(drp_orphans.said(ROW)).startswith("2 added, 1 changed, 0 removed")
    assert drp_orphans.summary(found).endswith("3 paths, 0 transactions; not all is known of postgresql")
    assert list(drp_orphans.by_hand(found))[-1] == "  rm --recursive --one-file-system /k"
    assert list(drp_orphans.by_hand({"host": "web1", "vhosts": [], "engines": [LOST]})) == []


class Host:
    """One that answers what is put here, in turn, or not at all."""

    def __init__(self, *answers: object) -> None:
        self.answers, self.heard = list(answers), list[tuple[str, ...]]()

    def ask(self, *words: str, stdin: str = "") -> object:
        self.heard.append((*words, stdin))
        if not self.answers:
            raise Failed("web1: no answer", hint="-")
        return self.answers.pop(0)


def test_what_lies_aside_is_said_at_the_end_of_a_return_and_noted(capsys: pytest.CaptureFixture[str]) -> None:
    twin, production = Host({}), Host({"host": "web1", "job": "restore-1", "vhosts": [ROW], "engines": []})
    drp_orphans.hint(twin, production)  # type: ignore[arg-type]
    assert "web1 wrote alone, kept aside: 3 paths, 0 transactions; look with" in capsys.readouterr().err
    ((_, event, stdin),) = twin.heard
    assert (event, json.loads(stdin)["job"]) == ("orphans", "restore-1")


def test_a_return_never_fails_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    drp_orphans.hint(Host(), Host())  # type: ignore[arg-type]
    assert "could not be listed; look with: seawall drp orphans" in capsys.readouterr().err
