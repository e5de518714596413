"""What a restore by hand is asked for, counts and writes down; the servers themselves are tried in tests/lab."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from saved_estate import T0, archive, lab_estate, site

from backups import restore
from backups.engines import Server
from backups.restoring import dumps, exchange, hosts, source, tables, vhosts
from backups.restoring.exchange import Change, Exchange
from backups.restoring.source import Point
from backups.restoring.vhosts import Brought
from backups.streams.replay import Goal
from backups.tables import Evidence
from effects.onhost import uploads
from estate.model import Engine, Estate
from estate.problem import BadEstate, Missing, Refused
from seawall.commands.backup.asked import Asked

NOTHING: dict[str, Any] = {
    "wanted": (), "database": None, "table": None, "vhost": None, "archive": None, "at": None, "before": None,
    "latest": False, "to": None, "into": None, "dump": None, "source": None, "swap": False, "yes": False, "host": None,
    "dry_run": False, "as_json": False,
}  # fmt: skip


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return lab_estate(tmp_path)


@pytest.mark.parametrize(
    ("typed", "subject"),
    [
        ({"wanted": ("/etc/hosts",), "at": "now", "swap": True}, "PATH…"),
        ({"wanted": ("/etc/hosts",), "host": "web1", "to": Path("x")}, "PATH…"),
        ({"database": "shop", "latest": True, "dump": Path("x")}, "--database"),
        ({"database": "shop", "swap": True, "source": Path("x"), "yes": True}, "--database"),
        ({"table": "shop.orders", "archive": "x"}, "--table"),
        ({"vhost": "shop.example", "at": "now", "swap": True}, "--vhost"),
        ({"host": "web1", "to": Path("x")}, "--host"),
    ],
)
def test_one_subject_is_asked_for(typed: dict[str, Any], subject: str) -> None:
    assert Asked(**{**NOTHING, **typed}).subject == subject


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "in one way"),
        ({"host": "web1"}, "in one way"),
        ({"database": "shop", "vhost": "shop.example"}, "in one way"),
        ({"table": "shop.orders", "swap": True}, "--swap says nothing with --table"),
        ({"wanted": ("/etc",), "dump": Path("x")}, "--dump says nothing with PATH…"),
        ({"vhost": "shop.example", "before": "0-1-2"}, "--before-transaction says nothing with --vhost"),
        ({"database": "shop", "yes": True}, "--yes says nothing without --swap"),
        ({"database": "shop", "source": Path("x")}, "--from puts in place"),
        ({"database": "shop", "source": Path("x"), "swap": True, "at": "now"}, "--from puts in place"),
        ({"database": "shop", "at": "now", "latest": True}, "where to stop"),
        ({"database": "shop", "at": "now", "archive": "x"}, "where to stop"),
        ({"database": "shop", "dump": Path("x"), "into": "y"}, "two ways"),
        ({"database": "shop", "swap": True, "into": "y"}, "nowhere else"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_fits(typed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadEstate, match=said) as caught:
        _ = Asked(**{**NOTHING, **typed}).subject
    assert caught.value.hint


def test_a_table_is_named_with_its_database_and_schema(estate: Estate) -> None:
    assert tables.table_of(estate, "shop.wp-posts").quoted == "`wp-posts`"
    assert tables.table_of(estate, "shop.a`b").quoted == "`a``b`"
    assert tables.table_of(estate, 'ledger.ro"ws').quoted == '"public"."ro""ws"'
    assert tables.table_of(estate, "ledger.own.rows").dotted == "ledger.own.rows"
    for wrong in ("shop", "shop.", "shop.a.b", "nobody.rows", "ledger.a.b.c", "shop.a\nb"):
        with pytest.raises(BadEstate):
            tables.table_of(estate, wrong)


def test_a_place_beside_is_a_new_database_or_another_name(estate: Estate) -> None:
    orders, rows = tables.table_of(estate, "shop.orders"), tables.table_of(estate, "ledger.rows")
    assert tables.place_of(orders, "aside") == tables.Place("aside")
    assert tables.place_of(orders, "shop.orders_before") == tables.Place("shop", "", "orders_before")
    assert tables.place_of(rows, "ledger.before.rows") == tables.Place("ledger", "before", "rows")
    for table, wrong in ((orders, "shop.a.b"), (rows, "ledger.rows"), (orders, "shop.`x`"), (rows, "a.b';.c")):
        with pytest.raises(BadEstate, match="no place"):
            tables.place_of(table, wrong)


def test_tables_that_differ_in_rows_or_content_are_counted() -> None:
    now: Evidence = {
        "tables": 3,
        "rows of a": 2,
        "sum of a": "1",
        "rows of b": 5,
        "sum of b": "2",
        "rows of c": 0,
        "sum of c": "0",
    }
    then: Evidence = {
        "tables": 3,
        "rows of a": 2,
        "sum of a": "1",
        "rows of b": 5,
        "sum of b": "3",
        "rows of d": 7,
        "sum of d": "4",
    }
    assert exchange.changes(now, then) == [Change("b", 5, 5), Change("c", 0, None), Change("d", None, 7)]
    assert exchange.changes(then, then) == []
    assert exchange.changes({}, then) == [Change("a", None, 2), Change("b", None, 5), Change("d", None, 7)]


def test_names_beside_stay_within_what_servers_take() -> None:
    long, at = "d" * 63, datetime(2026, 11, 22, 3, 14, tzinfo=UTC)
    assert exchange.kept_name("shop", at) == "shop_kept_20261122_031400"
    assert len(exchange.kept_name(long, at)) == len(dumps.restored_name(long)) == 63
    assert dumps.restored_name("shop") == "shop_restored"


def test_what_was_begun_is_known_until_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "BEGUN", tmp_path)
    mine = Server(Engine.MARIADB, "mariadb.service", tmp_path, "mysql")
    this = Exchange(mine, "shop", "shop_kept", "/root/shop.sql")
    assert exchange.unfinished(mine, "shop") is None
    this.begin()
    assert exchange.unfinished(mine, "shop") == (exchange.LOADING, this)
    this.go()
    assert exchange.unfinished(mine, "shop") == (exchange.GOING, this)
    this.end()
    assert exchange.unfinished(mine, "shop") is None


def test_only_what_was_brought_whole_is_put_in_place(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="brought whole"):
        vhosts.read(tmp_path, "shop.example")
    (tmp_path / vhosts.NOTE).write_text(json.dumps(["shop.example"]), "utf-8")
    with pytest.raises(Refused, match="brought whole"):
        vhosts.read(tmp_path, "shop.example")
    found = Brought("web1.files.x", ("shop.example",), {"shop": "2026-11-22T03:00:00+00:00"})
    found.write(tmp_path)
    assert vhosts.read(tmp_path, "shop.example") == found
    with pytest.raises(Refused, match=r"has no docs\.example"):
        vhosts.read(tmp_path, "docs.example")


def test_a_vhost_that_was_put_in_half_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, estate: Estate
) -> None:
    """The directory goes last; what has its place already is not looked for again."""
    vhost, top, kept = estate.vhosts["docs.example"], tmp_path / "side", tmp_path / "kept"
    live, cert = tmp_path / "live", tmp_path / "cert"
    monkeypatch.setattr(restore, "parts_of", lambda _: (live, cert))
    monkeypatch.setattr(uploads, "below", lambda _: [])
    monkeypatch.setattr(restore, "_declared", lambda _: [])
    monkeypatch.setattr(uploads, "awaited", set)
    for place, content in ((live / "a", "now"), (cert / "b", "now"), (restore.staged_in(top, live) / "a", "then"),
                           (restore.staged_in(top, cert) / "b", "then")):  # fmt: skip
        place.parent.mkdir(parents=True)
        place.write_text(content, "utf-8")
    real, moved = restore.swap, list[Path]()

    def dies(new: Path, path: Path, aside: Path) -> None:
        if moved:
            raise KeyboardInterrupt
        moved.append(path)
        real(new, path, aside)

    monkeypatch.setattr(restore, "swap", dies)
    with pytest.raises(KeyboardInterrupt):
        restore.put(top, vhost, kept)
    assert ((live / "a").read_text("utf-8"), (cert / "b").read_text("utf-8")) == ("now", "then")
    monkeypatch.setattr(restore, "swap", real)
    restore.put(top, vhost, kept)
    restore.put(top, vhost, kept)  # once more changes nothing
    assert ((live / "a").read_text("utf-8"), (cert / "b").read_text("utf-8")) == ("then", "then")
    assert sorted(path.read_text("utf-8") for path in kept.glob("*/*")) == ["now", "now"]


def test_the_snapshot_next_to_an_instant_is_taken() -> None:
    old, new = (archive(Engine.MARIADB, age) for age in (3, 1))
    assert source.nearest((old, new), T0) == new
    assert source.nearest((old, new), new.taken) == new
    assert source.nearest((old, new), old.taken) == old
    assert source.nearest((old, new), archive(Engine.MARIADB, 5).taken) == old  # rather the first than none
    web1 = None
    assert source.snapshot((old, new), Point(web1, archive=old.name)) == old  # type: ignore[arg-type]
    assert source.snapshot((old, new), Point(web1)) == new  # type: ignore[arg-type]
    with pytest.raises(Missing, match="no archive"):
        source.snapshot((old, new), Point(web1, archive="web1.mariadb.x"))  # type: ignore[arg-type]


def test_nobody_reads_his_own_stream_back(tmp_path: Path) -> None:
    web1, twin1 = site(tmp_path), site(tmp_path, "twin1")
    assert source.client_by_default(web1, streamed=False) == web1.host
    assert source.client_by_default(web1, streamed=True).name == "twin1"
    assert source.client_by_default(twin1, streamed=False).name == "web1"
    point = Point(web1.host, Goal())
    with (
        pytest.raises(Refused, match="its own stream") as caught,
        source.opened(web1, Engine.MARIADB, point, lambda _: None),
    ):
        pass
    assert "on twin1" in caught.value.hint


def test_what_to_type_on_a_fresh_machine_is_written_down(tmp_path: Path) -> None:
    tree = tmp_path / "files"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/passwd").write_text(
        "root:x:0:0::/:/bin/sh\nanna:x:1000:1000::/:/bin/sh\n$(x):x:1001:1:::\n-rf:x:1002:1:::\n", "utf-8"
    )
    (tree / "var/lib/seawall/host").mkdir(parents=True)
    (tree / "var/lib/seawall/host/manifest.json").write_text('{"debian": "12.5"}', "utf-8")
    data = {Engine.MARIADB: Path("/var/lib/mysql"), Engine.POSTGRESQL: Path("/var/lib/postgresql/15/main")}
    said = hosts.next_steps("web1", ["shop.example"], tmp_path, tree, data)
    lines = said.splitlines()
    assert "Debian 12.5" in lines[0]
    assert [line for line in lines if "adduser" in line] == [
        "id anna > /dev/null 2>&1 || adduser --disabled-password --gecos '' anna"
    ]  # whoever was root on production wrote that file
    assert f"seawall backup restore --vhost shop.example --swap --from {tree} --yes" in lines
    assert any(line.startswith("systemctl stop postgresql@15-main && mv") for line in lines)
    words = ("seawall harden", "apt-get install", "adduser", "systemctl stop mariadb", "--vhost", "status")
    order = [next(n for n, line in enumerate(lines) if word in line) for word in words]
    assert order == sorted(order)
