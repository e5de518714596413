"""The stream on real hosts: killed, cut, filled, flipped, attacked; what was committed comes back, to the instant."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from beginnings import installed
from chain import THERE, fault, good, on
from hardening import own_lab
from streaming import (
    DATABASES,
    asked,
    drop,
    flowing,
    restored,
    start_writer,
    status,
    stop_writer,
    wait_flowing,
    written,
)

from effects.clock import now, wait_until
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

SIDES = ("even", "odd")
ENGINES = tuple(DATABASES)
GOAL = 5.0  # seconds of work that may be lost with a datacenter
SSH = "ssh -i /etc/seawall/ssh/id_ed25519 -p 2222 -o BatchMode=yes -o UserKnownHostsFile=/etc/seawall/known_hosts"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Four hosts that ship."""
    with own_lab(("web1", "vault-even", "vault-odd", "twin1"), above=installed()) as made:
        made.run("web1", "systemctl stop seawall-backup")  # only these tests take snapshots
        late = Failed("no snapshot", hint="look at web1")
        wait_until(lambda: on(made, "web1", "backup", "databases").ok, timeout=60, late=late)
        wait_flowing(made, *SIDES)
        yield made


def rows(lab: Lab, engine: str, name: str, table: str = "w") -> set[int]:
    return {int(row) for row in asked(lab, "twin1", engine, name, f"SELECT n FROM {table}")}  # noqa: S608


def stored(lab: Lab, vault: str) -> dict[str, str]:
    """Size and checksum of every stream file on a backup server."""
    said = lab.run(vault, "cd /srv/streams/web1 && find . -type f -exec sha256sum {} +")
    return {path: digest for digest, path in (line.split() for line in said.out.splitlines())}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_dropped_table_is_undone_to_just_before_it(lab: Lab, engine: str) -> None:
    database = DATABASES[engine]
    asked(lab, "web1", engine, database, "CREATE TABLE dear (n int PRIMARY KEY)")
    for number in (1, 2, 3):
        asked(lab, "web1", engine, database, f"INSERT INTO dear VALUES ({number})")  # noqa: S608
    asked(lab, "web1", engine, database, "DROP TABLE dear")
    at = now()
    wait_until(lambda: _reaches(lab, engine, at), timeout=30, late=Failed("not shipped", hint="look at web1"))
    words = ("backup", "stream", "show", f"--database={database}", f"--around={at.isoformat()}", "--json")
    seen = good(on(lab, "twin1", *words))["transactions"]
    dropped = next((one for one in seen if "drop" in one["what"].lower()), None)
    assert dropped, seen
    found = restored(lab, database, f"--before-transaction={dropped['id']}")
    assert found["first_left_out"]["id"] == dropped["id"]
    assert rows(lab, engine, found["into"], "dear") == {1, 2, 3}
    drop(lab, engine, found["into"])


def _reaches(lab: Lab, engine: str, at: datetime) -> bool:
    found = [row["instant"] for row in status(lab) if row["engine"] == engine]
    return all(instant and datetime.fromisoformat(instant) > at for instant in found)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_instant_has_what_was_committed_before_it_and_nothing_after(lab: Lab, engine: str) -> None:
    database = DATABASES[engine]
    asked(lab, "web1", engine, database, "CREATE TABLE clock (n int PRIMARY KEY)")
    asked(lab, "web1", engine, database, "INSERT INTO clock VALUES (1)")
    early = now()
    wait_until(lambda: now() > early + timedelta(seconds=1.2), timeout=5, late=Failed("no clock", hint="-"))
    between = now().replace(microsecond=0) + timedelta(seconds=0)
    wait_until(lambda: now() > between + timedelta(seconds=1.2), timeout=5, late=Failed("no clock", hint="-"))
    asked(lab, "web1", engine, database, "INSERT INTO clock VALUES (2)")
    at = now()
    wait_until(lambda: _reaches(lab, engine, at), timeout=30, late=Failed("not shipped", hint="look at web1"))
    found = restored(lab, database, f"--at={between.isoformat()}")
    assert rows(lab, engine, found["into"], "clock") == {1}
    assert found["left_out"] >= 1
    drop(lab, engine, found["into"])
    late = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    fault(on(lab, "twin1", "backup", "restore", f"--database={database}", f"--at={late}"), 6, "stream reaches")


def test_root_on_production_can_neither_read_nor_change_what_was_shipped(lab: Lab) -> None:
    wait_flowing(lab, *SIDES)
    before = stored(lab, "vault-odd")
    assert before
    (name, *_) = sorted(before)
    account = f"stream-web1@{lab.address('vault-odd')}"
    for harm in (f"read {name.removeprefix('./')} 0 100", "list", "truncate mariadb 0", "rm -rf /srv/streams"):
        said = lab.run("web1", f"echo '{harm}' | {SSH} {account} stream")
        assert said.out.startswith("no:"), said.out
    for command in ("id", "cat /etc/passwd", "sftp-server"):
        assert "uid=" not in lab.run("web1", f"{SSH} {account} {command} < /dev/null").out
    assert not lab.run("web1", f"echo list | {SSH} stream-web1-ro@{lab.address('vault-odd')} x").out  # the twin's
    write = (
        f"printf 'open mariadb 20260101T000000Z-aaaaaa\\n%036d' 0 | {SSH} stream-web1-ro@{lab.address('vault-odd')} x"
    )
    assert lab.run("twin1", write).out.startswith("no:")
    after = stored(lab, "vault-odd")
    assert set(before) <= set(after)
    sizes = lab.run("vault-odd", f"cd /srv/streams/web1 && stat -c %s {name}").out
    assert int(sizes) > 0


def test_nothing_is_readable_on_a_backup_server(lab: Lab) -> None:
    asked(lab, "web1", "mariadb", "shop", "CREATE TABLE secret (word varchar(40))")
    asked(lab, "web1", "mariadb", "shop", "INSERT INTO secret VALUES ('correcthorsebattery')")
    at = now()
    wait_until(lambda: _reaches(lab, "mariadb", at), timeout=30, late=Failed("not shipped", hint="look at web1"))
    assert lab.run("web1", "grep -lq correcthorsebattery /var/lib/mysql/binlog.0*").ok  # so this test can fail
    assert not lab.run("vault-odd", "grep -rlq correcthorsebattery /srv/streams").ok


def test_kill_9_of_both_servers_and_of_the_shipper_under_writes_loses_nothing(lab: Lab) -> None:
    start_writer(lab, 1_000_000)
    assert lab.run("web1", "systemctl kill -s KILL seawall-stream; pkill -9 -x mariadbd; pkill -9 -x postgres").ok
    promised = {engine: set(written(lab, engine)) for engine in ENGINES}
    assert all(len(numbers) > 100 for numbers in promised.values())
    stop_writer(lab)
    assert lab.run("web1", "systemctl restart mariadb postgresql@15-main || systemctl restart postgresql").ok
    at = now()
    for engine in ENGINES:
        late = Failed(f"not shipped: {status(lab)}", hint="look at web1")
        wait_until(lambda e=engine: _reaches(lab, e, at), timeout=60, late=late)  # type: ignore[misc]
    for engine in ENGINES:
        found = restored(lab, DATABASES[engine], f"--at={at.isoformat()}")
        assert promised[engine] <= rows(lab, engine, found["into"])
        assert not found["faults"]
        drop(lab, engine, found["into"])


def test_a_lost_datacenter_costs_less_than_the_goal_and_what_is_cut_holds_up_nobody(lab: Lab) -> None:
    """Limburg has production and one side: what the other side had is all there is."""
    start_writer(lab, 2_000_000)
    wait_flowing(lab, *SIDES)
    cut = now().timestamp()
    lab.cut("limburg")
    try:
        promised = {engine: {n: at for n, at in written(lab, engine).items() if at <= cut} for engine in ENGINES}
        for engine in ENGINES:
            reach = (datetime.fromtimestamp(cut, UTC) - timedelta(seconds=GOAL)).isoformat()
            found = restored(lab, DATABASES[engine], f"--at={reach}")
            there = rows(lab, engine, found["into"])
            until = datetime.fromisoformat(found["stream_until"]).timestamp()
            assert cut - until < GOAL
            assert {n for n, at in promised[engine].items() if at < cut - GOAL - 1} <= there
            assert any("vault-even" in said for said in found["faults"])
            drop(lab, engine, found["into"])
    finally:
        lab.heal("limburg")
        stop_writer(lab)
    wait_flowing(lab, *SIDES)


def test_a_side_that_is_down_is_said_and_catches_up(lab: Lab) -> None:
    lab.cut("gravelines")
    try:
        wait_until(lambda: not flowing(lab, "odd"), timeout=90, late=Failed("nothing is late", hint="look at web1"))
        assert flowing(lab, "even")
    finally:
        lab.heal("gravelines")
    wait_flowing(lab, *SIDES)
    assert not any(row["gaps"] for row in status(lab))


def test_a_flipped_byte_on_one_side_is_said_and_taken_from_the_other(lab: Lab) -> None:
    flip = r"""cd /srv/streams/web1 && for f in $(find . -type f -size +1000c); do
        python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(300); b = f.read(1); f.seek(300)
f.write(bytes([b[0] ^ 1]))' $f; done"""
    assert lab.run("vault-odd", flip).ok
    lab.run("twin1", "rm -rf /var/lib/seawall/stream/mirror")  # a twin that was never there before
    wait_flowing(lab, *SIDES)
    words = (f"--at={(now() - timedelta(seconds=8)).isoformat()}", "--dry-run")
    found = restored(lab, "ledger", *words)
    assert any("vault-odd" in said and "not what was sent" in said for said in found["faults"])
    assert found["replayed"] > 100


def test_a_full_backup_server_is_said_and_holds_up_nobody(lab: Lab) -> None:
    full = "mount -t tmpfs -o size=8m none /srv/streams/web1 && chown stream-web1: /srv/streams/web1"
    assert lab.run("vault-odd", f"{full} && pkill -u stream-web1").ok
    try:
        said = lambda: any("No space left" in (row["error"] or "") for row in status(lab))  # noqa: E731
        wait_until(said, timeout=60, late=Failed(f"nobody says that it is full: {status(lab)}", hint="look at web1"))
        assert flowing(lab, "even")
        assert not lab.run("vault-odd", "find /srv/streams/web1 -type f").out
    finally:
        lab.run("vault-odd", "umount -l /srv/streams/web1")
    wait_flowing(lab, *SIDES)


def test_a_dead_receiver_fills_no_disk_and_the_gap_is_said(lab: Lab) -> None:
    assert lab.run("web1", "systemctl stop seawall-stream").ok
    slot = "SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size'"
    assert asked(lab, "web1", "postgresql", "postgres", slot) == ["4096"]
    for number in range(3):
        asked(lab, "web1", "mariadb", "shop", f"INSERT INTO secret VALUES ('{number}'); FLUSH BINARY LOGS")  # noqa: S608
    python = "from backups.streams import bound; print(*bound.hold(0))"
    purged = lab.run("web1", ["/opt/seawall/bin/python", "-c", python])
    assert len(purged.out.split()) >= 3, purged.err
    assert lab.run("web1", "systemctl start seawall-stream").ok
    late = Failed(f"no gap is said: {status(lab)}", hint="look at web1")
    wait_until(lambda: any(row["gaps"] for row in status(lab) if row["engine"] == "mariadb"), timeout=60, late=late)
    wait_flowing(lab, *SIDES)
    gaps = [json.loads(line) for line in lab.run("web1", "cat /var/lib/seawall/stream/gaps.jsonl").out.splitlines()]
    assert {row["side"] for row in gaps} == set(SIDES)
    assert all("binlog." in row["what"] for row in gaps)
    at = now()
    good(on(lab, "web1", "backup", "databases", "--json"))  # from here on it is whole again
    asked(lab, "web1", "mariadb", "shop", "INSERT INTO secret VALUES ('after')")
    after = now()  # an instant before the snapshot would be one in the gap
    wait_until(lambda: _reaches(lab, "mariadb", after), timeout=30, late=late)
    found = restored(lab, "shop", f"--at={after.isoformat()}", "--dry-run")
    assert datetime.fromisoformat(found["snapshot"].rsplit(".", 1)[1]) >= at.replace(microsecond=0)


def test_the_bounds_timer_runs_and_help_costs_nothing(lab: Lab) -> None:
    assert lab.run("web1", "systemctl is-active seawall-bound.timer").ok
    assert lab.run("web1", [THERE, "backup", "stream", "bound"]).ok
