"""Who hears of a run, through a real web server and as apprise is called; and that nothing of it fails one."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from saved_estate import T0, site

from backups import paths, spooled, standing, telling
from backups.site import Site
from effects.ping import ping
from estate.problem import BadEstate, Failed
from estate.secret import Secret

APPRISE = """#!/bin/sh
# As Debian's: --config=FILE --title=WORDS, the body on standard input.
[ -e {folder}/broken ] && exit 1
{{ cat "${{1#--config=}}"; echo "$2"; cat; }} >> {folder}/told
"""


@contextmanager
def listening(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """A web server that takes what is posted; its URL, and what it heard."""
    heard: list[str] = []

    class Hear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            heard.append(f"{self.path} {body}".strip())
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
            pass

    with HTTPServer(("127.0.0.1", 0), Hear) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", heard
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(paths, "STATUS", tmp_path / "backup.json")
    monkeypatch.setattr(spooled, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(telling, "TOLD", tmp_path / "told.json")
    program = tmp_path / "apprise"
    program.write_text(APPRISE.format(folder=tmp_path), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return site(tmp_path)


def told_by(found: Site, folder: Path, **secrets: str) -> Site:
    """The same host in an estate that names who hears of its backups, and where metrics go."""
    kept = {}
    for name, value in secrets.items():
        (folder / name).write_text(value, encoding="utf-8")
        (folder / name).chmod(0o600)
        kept[name] = Secret(file=str(folder / name))
    policy = replace(found.estate.backup, metrics=str(folder / "metrics"), **kept)  # type: ignore[arg-type]
    return Site(replace(found.estate, backup=policy), found.host)


def test_a_run_gives_a_sign_when_it_begins_and_how_it_ended(here: Site, tmp_path: Path) -> None:
    said: list[str] = []
    with listening() as (url, heard):
        mine = told_by(here, tmp_path, heartbeat=f"{url}/{{host}}-{{kind}}/")
        with telling.watched(mine, "files", said.append):
            pass
        with pytest.raises(Failed), telling.watched(mine, "files", said.append):
            raise Failed("no room", hint="make some")
    assert heard == [
        "/web1-files/start",
        "/web1-files",
        "/web1-files/start",
        "/web1-files/fail no room\n  hint: make some",
    ]
    assert not said


def test_a_switch_that_is_silent_or_refuses_fails_no_run(here: Site, tmp_path: Path) -> None:
    said: list[str] = []
    with listening(status=500) as (url, _):
        refusing = told_by(here, tmp_path, heartbeat=url)
        with telling.watched(refusing, "files", said.append):
            pass
    with telling.watched(refusing, "files", said.append):  # nobody listens any more
        pass
    with telling.watched(told_by(here, tmp_path, heartbeat="file:///etc/passwd"), "files", said.append):
        pass
    assert said[:2] == ["the dead-man's switch does not answer"] * 2
    assert "no URL of https://" in said[2]
    with pytest.raises(BadEstate) as fault:
        ping("ftp://secret.example/key", "")
    assert "secret" not in str(fault.value)


def test_people_hear_when_trouble_begins_changes_and_ends_and_not_in_between(here: Site, tmp_path: Path) -> None:
    mine = told_by(here, tmp_path, notify="json://people/token")
    for trouble, same in (("1 h late", "late"), ("2 h late", "late"), ("worse", "worse"), ("", ""), ("", "")):
        assert telling.notify(mine, "backups", trouble, same=same) is None
    told = (tmp_path / "told").read_text(encoding="utf-8")
    assert told.count("json://people/token") == 3
    assert "--title=web1: backups: trouble\n1 h late" in told
    assert "2 h late" not in told
    assert told.endswith("all is well again\nIt is saved as promised.")


def test_who_could_not_be_told_is_told_the_next_time(here: Site, tmp_path: Path) -> None:
    mine = told_by(here, tmp_path, notify="json://people/token")
    (tmp_path / "broken").touch()
    said = telling.notify(mine, "backups", "late")
    assert said == "nobody could be told: apprise ended with 1"
    (tmp_path / "broken").unlink()
    assert telling.notify(mine, "backups", "late") is None
    assert "late" in (tmp_path / "told").read_text(encoding="utf-8")


def test_without_apprise_it_says_what_is_missing(here: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    said = telling.notify(told_by(here, tmp_path, notify="json://people"), "backups", "late")
    assert said is not None
    assert "apprise is not installed" in said


def test_how_it_stands_is_written_for_prometheus_and_people_hear_of_it(here: Site, tmp_path: Path) -> None:
    mine = told_by(here, tmp_path, notify="json://people")
    assert telling.tell(mine) is None
    page = tmp_path / "metrics/seawall.prom"
    assert 'seawall_backup_level{host="web1"} 2' in page.read_text(encoding="utf-8")
    assert page.stat().st_mode & 0o777 == 0o644
    assert "files: never saved" in (tmp_path / "told").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "told.json").read_text(encoding="utf-8")) == {
        "backups": standing.own(mine, T0).signature
    }


def test_where_nobody_is_named_nobody_is_told(here: Site, tmp_path: Path) -> None:
    assert telling.notify(here, "backups", "late") is None
    assert telling.heartbeat(here, "files", "start") is None
    assert not (tmp_path / "told").exists()
