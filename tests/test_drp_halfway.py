"""A return that froze the twin and went no further: visitors get 503, so all who ask are told, and people once."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from begun import World, activate, close, made, withdraw

from drp import gate, halfway, returning, status, tickets
from drp.job import JobKind
from drp.outbox.box import Outbox
from drp.ready import standing_by
from drp.ready import twin as twins
from seawall import show


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return made(tmp_path, monkeypatch)


def test_it_is_halfway_from_the_freeze_until_dns_leads_home(world: World) -> None:
    activate(world, world.plan().seal)
    assert halfway.halfway() is None
    job = withdraw(world)
    job.journal.write("opened")
    assert halfway.halfway() is None
    at = job.journal.write("begun", "freeze", "twin1").at
    found = halfway.halfway()
    assert found == halfway.Halfway(job.id, at, tuple(world.site.estate.vhosts))
    close(job)
    assert halfway.halfway() == found  # its jobs ended well, and nobody began the next
    last = returning.redirection(job)
    assert halfway.halfway() == replace(found, handing=True)
    assert "handed over" in replace(found, handing=True).said
    close(last, ok=False)  # no server took the switch
    assert halfway.halfway()
    close(last)
    assert halfway.halfway() is None


def test_an_activation_that_is_taken_up_again_ends_it(world: World) -> None:
    job = activate(world, world.plan().seal)
    withdraw(world).journal.write("begun", "freeze", "twin1")
    assert halfway.halfway()
    activate(world, job.seal)
    assert halfway.halfway() is None


def test_people_are_told_once_where_it_lasts(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "outbox", lambda: Outbox(tmp_path / "outbox"))
    at = withdraw(world).journal.write("begun", "freeze", "twin1").at
    monkeypatch.setattr(halfway, "now", lambda: at + halfway.LATE - timedelta(seconds=1))
    assert list(halfway.tell(world.site)) == []
    monkeypatch.setattr(halfway, "now", lambda: at + halfway.LATE)
    for _ in range(2):
        (said,) = halfway.tell(world.site)
        assert "where no command carries it on: seawall drp return --yes" in said
    (message,) = (tmp_path / "outbox").rglob("*halfway*.json")
    assert "503 since" in message.read_text()


def test_it_stands_in_the_way_of_being_ready(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing_by, "certificate", lambda *_: iter(()))
    withdraw(world).journal.write("begun", "freeze", "twin1")
    found = [one for one in twins._ready(world.site, {}) if one.about == "return"]
    assert [(one.host, one.do) for one in found] == [("twin1", f"where no command carries it on: {halfway.GO_ON}")]


def test_an_activation_that_people_cancelled_has_not_failed(world: World) -> None:
    job = activate(world, world.plan().seal)
    close(job, ok=False)
    assert status._state(job) == "failed"
    gate.close(job.directory)
    assert status._state(job) == "cancelled"
    assert job.kind is JobKind.ACTIVATE


def test_what_was_begun_is_said_instead_of_what_would_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    plan = {"source": "twin1", "target": "web1", "moves": [{"domain": "a.example"}]}
    show.homecoming({"plan": plan, "unready": None, "halfway": "503 since noon"})
    show.cancellation({"job": "j", "done": [], "source": "t", "target": "w", "unready": None, "cancelled": True})
    said = capsys.readouterr()
    assert said.err.count("IT WAS BEGUN") == 2
    assert "nothing was done" not in said.out
