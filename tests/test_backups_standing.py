"""How backups stand: what is said of what is known, to people, to monitors and to Prometheus."""

import json
import re
import socket
import threading
import urllib.request
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from saved_estate import T0, site

from backups import memory, paths
from backups.memory import Known, Taken
from backups.metrics import exposition
from backups.replicas.standing import Followed
from backups.site import Site
from backups.standing import Document, Level, Standing, ago, own, standing, together
from effects import http_server
from effects.clock import wait_until
from estate.model import Engine, Side
from estate.points import FILES, Kind
from estate.problem import BadEstate, Failed, Missing, Unreachable
from seawall.show_standing import show

HOUR = timedelta(hours=1)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(paths, "STATUS", tmp_path / "backup.json")
    return site(tmp_path)


def of(here: Site, *, files: tuple[float, float], databases: tuple[float, float] = (0.2, 0.2)) -> Standing:
    """Hours ago on the even and the odd side."""
    hours: dict[Kind, tuple[float, float]] = {FILES: files, Engine.MARIADB: databases, Engine.POSTGRESQL: databases}
    known = {
        kind: Known({side: T0 - n * HOUR for side, n in zip(Side, ages, strict=True)}, None, {})
        for kind, ages in hours.items()
    }
    return standing(here.estate, here.host, known, T0, read=True)


@pytest.mark.parametrize(
    ("files", "databases", "level", "said"),
    [
        ((1, 1), (0.2, 0.2), Level.OK, ""),
        ((1, 25), (0.2, 0.2), Level.OK, ""),
        ((1, 60), (0.2, 0.2), Level.WARNING, "files: vault-odd (odd) lacks it since 2026-11-2"),
        ((60, 1), (0.2, 0.2), Level.WARNING, "files: vault-even (even) lacks it since"),
        ((30, 31), (0.2, 0.2), Level.CRITICAL, "files: the newest is 1 d 6 h old, due every 1 d"),
        ((1, 1), (0.2, 5), Level.WARNING, "mariadb: vault-odd (odd) lacks it"),
        ((1, 1), (5, 5), Level.CRITICAL, "mariadb: the newest is 5 h old"),
    ],
)
def test_what_is_said_follows_from_what_is_there(
    here: Site, files: tuple[float, float], databases: tuple[float, float], level: Level, said: str
) -> None:
    found = of(here, files=files, databases=databases)
    assert found.level is level
    assert said in "\n".join(found.trouble)
    assert bool(found.trouble) is (level is not Level.OK)


def test_of_a_server_that_could_not_be_read_nothing_is_said_to_be_lacking(
    here: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {kind: Known({Side.ODD: T0, Side.EVEN: None}, None, {}) for kind in (FILES, *Engine)}
    silent = standing(here.estate, here.host, known, T0, faults=("vault-even does not answer",), read=True)
    assert silent.trouble == ("vault-even does not answer",)
    assert silent.level is Level.WARNING
    show([silent])
    assert re.search(r"files +not known +0 s ago", capsys.readouterr().out)
    empty = standing(here.estate, here.host, known, T0, read=True)
    assert "files: vault-even (even) lacks it altogether" in empty.trouble


def test_what_was_never_saved_is_critical_and_says_so(here: Site) -> None:
    found = own(here, T0)
    assert found.level is Level.CRITICAL
    assert "files: never saved, due every 1 d" in found.trouble


def test_production_knows_why_a_side_lacks_something(here: Site) -> None:
    fault = str(Unreachable("vault-odd does not answer", hint="look"))
    done = [Taken("n", Side.EVEN, "vault-even", kind, T0, 1.0, 1, None) for kind in (FILES, *Engine)]
    lost = [Taken("n", Side.ODD, "vault-odd", kind, T0, 1.0, 0, fault, 4) for kind in (FILES, *Engine)]
    memory.remember([*done, *lost])
    found = own(here, T0 + HOUR / 2)
    assert found.level is Level.WARNING
    assert "mariadb: vault-odd (odd) lacks it altogether: vault-odd does not answer" in found.trouble
    assert memory.known(FILES).errors == {Side.ODD: (4, fault)}


def test_what_the_sides_show_counts_more_than_what_production_believes(here: Site) -> None:
    believed = Standing(**{f: getattr(of(here, files=(1, 1)), f) for f in Standing.__slots__} | {"read": False})
    really = of(here, files=(30, 31))
    for order in ([believed, really], [really, believed]):
        (found,) = together(order)
        assert found.level is Level.CRITICAL
    silent = Standing("web1", T0, (), (), (), faults=("web1 does not answer",))
    (found,) = together([silent, of(here, files=(1, 1))])
    assert found.level is Level.WARNING
    assert found.trouble == ("web1 does not answer",)
    assert together([silent])[0].level is Level.UNKNOWN


def test_a_stream_makes_a_loss_cheaper_where_there_is_a_snapshot_to_go_on_from(here: Site) -> None:
    known: dict[Kind, Known] = {Engine.MARIADB: Known({Side.EVEN: T0 - HOUR, Side.ODD: None}, None, {})}
    sent = {(Engine.MARIADB, side): T0 - timedelta(seconds=2) for side in Side}
    found = standing(here.estate, here.host, known, T0, streamed=sent)
    costs = {price.loss.name: price.now for price in found.prices if price.kind is Engine.MARIADB}
    assert costs["web1"] == timedelta(seconds=2)
    assert costs["web1 and vault-even"] == "all"
    assert found.subjects[0].newest == T0 - HOUR  # a snapshot is a snapshot


def replica(engine: Engine = Engine.MARIADB, behind: float | None = 0.5, **more: Any) -> Followed:
    return replace(Followed(engine, runs=True, position="binlog.000001:4", behind=behind, why="", rests=False), **more)


def followed(here: Site, *replicas: Followed, streamed: bool = True) -> Standing:
    """On the twin: snapshots of an hour ago, streams of a minute ago."""
    known: dict[Kind, Known] = {engine: Known(dict.fromkeys(Side, T0 - HOUR / 2), None, {}) for engine in Engine}
    sent = {(engine, side): T0 - timedelta(minutes=1) for engine in Engine for side in Side if streamed}
    return standing(here.estate, here.host, known, T0, read=True, streamed=sent, replicas=replicas)


def lost(found: Standing, engine: Engine) -> float:
    (cost,) = [p.now for p in found.prices if (p.kind, p.loss.name) == (engine, "limburg")]
    assert isinstance(cost, timedelta)
    return cost.total_seconds()


@pytest.mark.parametrize(
    ("more", "seconds", "level", "state"),
    [
        ({}, 11.5, Level.OK, "0.5 s behind"),  # MariaDB notices only after ten seconds that production is gone
        ({"behind": 18.0}, 29.0, Level.OK, "18.0 s behind"),
        ({"behind": 25.0}, 36.0, Level.WARNING, "25.0 s behind"),
        ({"behind": 900.0}, 60.0, Level.WARNING, "900.0 s behind"),  # the stream is nearer
        ({"behind": None}, 60.0, Level.WARNING, "does not follow"),
        ({"behind": None, "why": "nobody sends"}, 60.0, Level.WARNING, "does not follow"),
        ({"refused": True}, 60.0, Level.WARNING, "0.5 s behind refused"),
        ({"why": "it serves", "rests": True}, 60.0, Level.OK, "rests"),
    ],
)
def test_a_replica_counts_now_as_far_as_an_activation_would_go_on_from_it(
    here: Site, more: dict[str, Any], seconds: float, level: Level, state: str
) -> None:
    one = replica(**more)
    found = followed(here, one)
    assert (lost(found, Engine.MARIADB), found.level, one.state) == (seconds, level, state)
    assert lost(found, Engine.POSTGRESQL) == 60
    assert bool(found.trouble) is (level is not Level.OK)


def test_a_replica_whose_snapshot_has_no_stream_is_not_gone_on_from(here: Site) -> None:
    assert lost(followed(here, replica(), streamed=False), Engine.MARIADB) == 1800


def test_a_replica_is_seen_beside_both_sides_and_measured(
    here: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    found = followed(here, replica(), replica(Engine.POSTGRESQL, 0.2, refused=True))
    show([found])
    said = capsys.readouterr().out
    assert re.search(r"mariadb: shop +30 min ago +30 min ago +0.5 s behind +2 h", said)
    assert re.search(r"limburg +12 s \(30 s, max 2 h\) +1 min \(30 s, max 2 h\)", said)
    assert "! replica of postgresql: follows" in said
    assert "without-replica is there" in said
    text = exposition([found])
    for line in (
        'replica_lacks_seconds{host="web1",engine="mariadb"} 11.5',
        'replica_refused{host="web1",engine="postgresql"} 1',
        'replica_rests{host="web1",engine="mariadb"} 0',
        'loss_promised_seconds{host="web1",kind="mariadb",lost="limburg"} 30',
    ):
        assert f"seawall_backup_{line}\n" in text
    assert 'replica_lacks_seconds{host="web1",engine="postgresql"}' not in text


def test_hosts_tell_each_other_all_of_it(here: Site) -> None:
    found = replace(of(here, files=(1, 60)), replicas=(replica(), replica(Engine.POSTGRESQL, None, why="cut")))
    told = Document(hosts=[found]).model_dump_json()
    assert Document.model_validate_json(told).hosts == [found]
    spans = [row["every"] for row in json.loads(told)["hosts"][0]["subjects"]]
    assert spans == [86_400, 7_200, 7_200]


def test_a_person_sees_it_at_once(here: Site, capsys: pytest.CaptureFixture[str]) -> None:
    show([of(here, files=(30, 31)), own(here, T0)])
    said = capsys.readouterr().out
    assert "NOT SAVED as promised" in said
    assert re.search(r"mariadb: shop +12 min ago +12 min ago +2 h", said)
    assert "limburg" in said
    assert "! files: the newest is 1 d 6 h old" in said
    assert "ask the twin" in said


def test_prometheus_reads_it(here: Site) -> None:
    text = exposition([of(here, files=(1, 60))])
    line = r'^[a-z_]+\{([a-z]+="(\\.|[^"\\])*",?)*\} (\+Inf|-?[0-9.e+]+)$'
    samples = [one for one in text.splitlines() if not one.startswith("#")]
    assert samples
    assert all(re.fullmatch(line, one) for one in samples)
    assert 'seawall_backup_level{host="web1"} 1' in samples
    assert 'seawall_backup_loss_now_seconds{host="web1",kind="files",lost="limburg"} 216000' in samples
    assert 'seawall_backup_loss_worst_seconds{host="web1",kind="files",lost="limburg and gravelines"} +Inf' in samples
    assert any(
        one.startswith('seawall_backup_owed_since_timestamp_seconds{host="web1",kind="files",side="odd"')
        for one in samples
    )
    assert text.count("# TYPE seawall_backup_level gauge") == 1
    assert len(samples) == len({one.rsplit(" ", 1)[0] for one in samples})


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min"), (7260, "2 h 1 min"), (86_400, "1 d"), (180_000, "2 d 2 h")],
)
def test_spans_are_said_as_people_say_them(seconds: int, said: str) -> None:
    assert ago(timedelta(seconds=seconds)) == said


def test_metrics_are_answered_over_http_and_nothing_else_is() -> None:
    asked: list[datetime] = []

    def page() -> str:
        asked.append(T0)
        if len(asked) > 1:
            raise Missing("nothing is known", hint="look")
        return "up 1\n"

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    threading.Thread(target=http_server.serve, args=(f"127.0.0.1:{port}", "/metrics", page), daemon=True).start()
    late = Failed("it never answers", hint="look at serve")
    wait_until(lambda: _answers(port, "/nothing") == 404, timeout=20, late=late)
    assert _answers(port, "/metrics") == 200
    assert _answers(port, "/metrics") == 503


def _answers(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return int(answer.status)
    except HTTPError as fault:
        with fault:
            return fault.code
    except OSError:
        return 0


@pytest.mark.parametrize("where", ["", "9199", "localhost:", "localhost:99999999"])
def test_an_address_that_is_none_is_said(where: str) -> None:
    with pytest.raises(BadEstate):
        http_server.serve(where, "/metrics", str)
