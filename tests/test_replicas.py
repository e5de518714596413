"""Replicas: what follows from what is seen of them, what lets the twin in, and what stays as it was."""

import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_estate import T0, lab_estate

from backups.metrics import exposition
from backups.replicas import state
from backups.replicas.look import Act, Look, Situation, judge, of_mariadb, of_postgresql
from backups.replicas.promoting import _until
from backups.replicas.standing import Followed
from backups.replicas.state import State
from backups.standing import Level, Standing
from backups.streams.frames import Position
from effects.onhost import relay
from estate.model import Engine
from inventory.data import followers, openings

GOOD = Situation(away=False, frozen=False, here=True, same=True, runs=True, broken=False, fresh=False, waited=False)
ROW = {
    "Relay_Master_Log_File": "binlog.000004", "Exec_Master_Log_Pos": "1200", "Last_SQL_Errno": "0",
    "Last_SQL_Error": "",
    "Last_IO_Errno": "0", "Last_IO_Error": "", "Slave_IO_Running": "Yes", "Slave_SQL_Running": "Yes",
    "Slave_IO_State": "Waiting for master to send event", "Seconds_Behind_Master": "0",
}  # fmt: skip


def test_one_that_follows_is_left_alone() -> None:
    assert judge(GOOD) is Act.NOTHING
    assert judge(replace(GOOD, fresh=True, waited=True)) is Act.NOTHING


@given(st.builds(Situation, *[st.booleans()] * 8))
def test_what_an_activation_may_need_is_never_touched(it: Situation) -> None:
    act = judge(it)
    if it.away:
        assert act is Act.REST
    if act is Act.SEED:
        assert it.fresh or it.waited  # there is something to seed it from
        assert not it.here or it.broken or not it.same or it.frozen


def test_one_that_was_stopped_for_an_order_that_came_to_nothing_is_seeded_anew() -> None:
    assert judge(replace(GOOD, frozen=True, runs=False)) is Act.NOTHING  # from what it has there is nothing newer
    assert judge(replace(GOOD, frozen=True, runs=False, waited=True)) is Act.SEED


def test_one_that_production_left_behind_stays_until_a_snapshot_of_the_new_log_is_there() -> None:
    began_anew = replace(GOOD, same=False, waited=True)
    assert judge(began_anew) is Act.REST
    assert judge(replace(began_anew, fresh=True)) is Act.SEED


def test_a_broken_one_is_seeded_anew_and_not_again_at_once() -> None:
    assert judge(replace(GOOD, broken=True)) is Act.NOTHING
    assert judge(replace(GOOD, broken=True, waited=True)) is Act.SEED
    assert judge(replace(GOOD, runs=False)) is Act.START
    assert judge(replace(GOOD, runs=False, broken=True)) is Act.START
    assert judge(replace(GOOD, runs=False, broken=True, fresh=True)) is Act.SEED


def test_mariadb_says_how_far_it_is_and_what_it_can_never_mend() -> None:
    assert of_mariadb(ROW) == Look(Position("binlog.000004", 1200), 0.0)
    cut = of_mariadb(
        ROW | {"Slave_IO_Running": "Connecting", "Last_IO_Errno": "2003", "Last_IO_Error": "can't connect"}
    )
    assert (cut.follows, cut.broken, cut.position) == (False, False, Position("binlog.000004", 1200))
    assert of_mariadb(ROW | {"Last_IO_Errno": "1236"}).broken
    assert of_mariadb(ROW | {"Last_SQL_Errno": "1062", "Slave_SQL_Running": "No"}).broken
    assert of_mariadb({}).broken


def test_postgresql_says_how_far_it_is_and_what_it_can_never_mend() -> None:
    seen = of_postgresql(["1", "0/3000D00", "0/3000D00", "streaming", "1.5", "90", "0/3000D00"], "")
    assert seen == Look(Position("000000010000000000000003", 0xD00), 1.5)
    for receive in ("0/3000D00", "0/3000A00"):  # what came is not applied; what production has did not come yet
        busy = ["1", receive, "0/3000A00", "streaming", "0.1", "4", "0/3000D00"]
        assert of_postgresql(busy, "").behind == 4.0
        assert of_postgresql([*busy[:5], "", busy[6]], "").behind is None  # nothing was applied yet
    cut = of_postgresql(
        ["1", "", "0/3000A00", "", "", "4", ""], "FATAL:  could not connect to the primary server: timeout"
    )
    assert (cut.follows, cut.broken, cut.behind) == (False, False, None)
    gone = "FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 1 has already been removed"
    assert of_postgresql(["1", "", "0/3000A00", "", "", "4", ""], gone).broken


@pytest.mark.parametrize(("at", "heard"), [(900, T0), (1200, T0), (899, None)])
def test_a_replica_that_the_stream_is_ahead_of_had_less_than_it_knew(at: int, heard: object) -> None:
    known = State("a" * 64, "20261122T010000Z-aaaaaa", Position("binlog.000001", 300), "1:2", T0, heard=T0)
    streamed = Position("binlog.000001", 900)
    assert _until(known, Position("binlog.000001", at), streamed) == heard
    assert _until(known, None, streamed) is None


def test_what_a_replica_has_it_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "REPLICAS", tmp_path)
    known = State("a" * 64, "20261122T010000Z-aaaaaa", Position("binlog.000001", 300), "1:2", T0)
    known = known.followed(Engine.MARIADB, T0).followed(Engine.MARIADB, T0 - timedelta(seconds=20))
    assert known.stopped(Engine.MARIADB, Position("binlog.000001", 900), "a").heard == T0
    assert state.STATE.validate_json((tmp_path / "mariadb.json").read_bytes()).heard == T0


def test_only_its_twin_comes_to_production_and_to_ssh_alone(tmp_path: Path) -> None:
    estate = lab_estate(tmp_path)
    web1, twin1 = estate.hosts["web1"], estate.hosts["twin1"]
    assert followers(estate, web1) == list(twin1.addresses)
    assert followers(estate, twin1) == []
    let_in = [one for one in openings(estate, web1) if set(one["sources"]) & set(twin1.addresses)]
    assert [(one["protocol"], one["port"]) for one in let_in] == [("tcp", web1.ssh_port)]
    off = replace(estate, backup=replace(estate.backup, replicate=False))
    assert not any(set(one["sources"]) & set(twin1.addresses) for one in openings(off, web1))


@pytest.mark.parametrize("word", ["", "mysql", "mariadb; id", "../mariadb", "MARIADB"])
def test_the_relay_knows_two_words(word: str) -> None:
    assert relay.door(word) is None
    done = subprocess.run(
        [sys.executable, "-I", relay.__file__], env={"SSH_ORIGINAL_COMMAND": word}, input=b"x", capture_output=True,
        timeout=20, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, b"")


def test_the_relay_passes_bytes_both_ways_until_one_end_is_at_its_end() -> None:
    here, there = socket.socketpair()
    reader, writer = os.pipe()
    out_reader, out_writer = os.pipe()
    worker = threading.Thread(target=relay.pass_on, args=(there, reader, out_writer))
    worker.start()
    os.write(writer, b"question")
    assert here.recv(100) == b"question"
    here.sendall(b"answer")
    assert os.read(out_reader, 100) == b"answer"
    here.close()
    worker.join(timeout=10)
    assert not worker.is_alive()
    there.close()
    for end in (reader, writer, out_reader, out_writer):
        os.close(end)


def test_a_replica_that_does_not_follow_is_a_warning_and_measured() -> None:
    lost = Followed(Engine.MARIADB, runs=True, position="binlog.000001:4", behind=None, why="nobody sends", rests=False)
    good = Followed(Engine.POSTGRESQL, runs=True, position="0:1", behind=0.4, why="", rests=False)
    one = Standing("web1", T0, (), (), (), replicas=(lost, good))
    assert one.level >= Level.WARNING
    assert any("nobody sends" in line for line in one.trouble)
    assert "replica:mariadb" in one.signature
    told = exposition([one])
    assert 'seawall_backup_replica_follows{host="web1",engine="mariadb"} 0' in told
    assert 'seawall_backup_replica_behind_seconds{host="web1",engine="postgresql"} 0.4' in told
    assert not replace(lost, rests=True).trouble
