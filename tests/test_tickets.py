"""What people are told is written down at once, and what it says."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from ordered import ordered
from saved_estate import T0, lab_estate, site

from drp import job as jobs
from drp import tickets
from drp.engine import carry_out
from drp.job import Job, JobKind, incident_of
from drp.outbox import look, sender
from drp.outbox.box import Outbox
from drp.outbox.delivery import Ways
from drp.plan import Plan
from drp.step import World
from drp.steps.announce import Ticket
from estate.channels import Command
from estate.model import Estate
from estate.problem import Failed
from seawall import show

VALUES = {
    "domain": "shop.example",
    "source": "web1",
    "target": "twin1",
    "at": "2026-11-22T03:00:00+00:00",
    "loss": "at most 1 h 30 min of work",
    "by": "anna",
    "seal": "5ea1",
    "what": "activation",
    "verdict": "all of it holds, of shop.example too",
    "head": "seawall-head twin1 activate-5ea1 7 ab",
}


@pytest.fixture
def box(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return lab_estate(tmp_path)


def test_a_ticket_says_what_happened_and_is_said_once(box: Outbox, estate: Estate) -> None:
    assert tickets.sent(box, "a.shop.example") is None  # so this test can fail
    evidence = tickets.send(box, estate, "twin1", "activated", "a.shop.example", thread="a", topic="all", **VALUES)
    (first,) = box.waiting()
    assert first.text.startswith("shop.example: served from twin1 instead of web1\nReference: a.shop.example\n")
    assert "Lost: at most 1 h 30 min of work" in first.text
    assert (first.thread, first.topic, first.host, first.estate) == ("a", "all", "twin1", estate.name)
    assert tickets.send(box, estate, "twin1", "activated", "a.shop.example", **VALUES) == evidence
    assert tickets.sent(box, "a.shop.example") == evidence
    assert box.waiting() == (first,)


@pytest.mark.parametrize("kind", ["activated", "returned", "cancelled"])
def test_every_kind_names_site_hosts_and_who_ordered_it(kind: str, box: Outbox, estate: Estate) -> None:
    tickets.send(box, estate, "twin1", kind, "key", **VALUES)
    (said,) = box.waiting()
    assert all(word in said.text for word in ("shop.example", "web1", "twin1", "anna", "5ea1"))
    assert said.topic == said.title


def test_a_place_that_takes_no_file_is_told(tmp_path: Path, estate: Estate) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failed, match=r"Not a directory|File exists"):
        tickets.send(Outbox(tmp_path / "file"), estate, "twin1", "activated", "a", **VALUES)


def test_a_value_that_is_missing_is_told_before_anybody_is(box: Outbox, estate: Estate) -> None:
    with pytest.raises(Failed, match="'domain' is undefined"):
        tickets.send(box, estate, "twin1", "activated", "a")
    assert not box.waiting()


def test_an_activation_and_its_return_are_one_incident(
    tmp_path: Path, estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "DIRECTORY", tmp_path)
    plan = Plan("activate", "web1", "twin1", T0, 0, ())
    signed = ordered(estate, plan, T0)
    known = [
        Job(kind, digit * 64, plan, T0 + timedelta(seconds=n), signed)
        for n, (kind, digit) in enumerate(
            [
                (JobKind.ACTIVATE, "1"),
                (JobKind.ACTIVATE, "2"),  # more sites follow
                (JobKind.WITHDRAW, "3"),
                (JobKind.REDIRECT, "3"),
                (JobKind.ACTIVATE, "4"),
                (JobKind.REDIRECT, "5"),
            ]
        )
    ]
    for job in known:
        job.save()
    first, second = known[0].id, known[4].id
    assert [incident_of(job) for job in known] == [first, first, first, first, second, second]
    assert incident_of(replace(known[0], ordered=known[2].ordered)) == first  # it was resumed


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An activation on a twin whose outbox and jobs are the test's own."""
    monkeypatch.setattr(jobs, "DIRECTORY", tmp_path / "jobs")
    monkeypatch.setattr(tickets, "OUTBOX", tmp_path / "outbox")
    here = site(tmp_path, "twin1")
    plan = Plan("activate", "web1", "twin1", T0, 0, ())
    job = Job(JobKind.ACTIVATE, plan.seal, plan, T0, ordered(here.estate, plan, T0))
    job.save()
    return World(here, job)


def told_of_each(world: World) -> list[Ticket]:
    return [Ticket(vhost, "activated", "an hour") for vhost in world.site.estate.vhosts.values()]


def test_a_job_says_what_it_did_and_is_done_however_unreachable_people_are(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert carry_out(told_of_each(world), world, world.job.journal)
    box, ways = tickets.outbox(), Ways({"desk": Command(("false",))}, tmp_path)
    sender.run(box, ways, once=True)
    rows = json.loads(json.dumps(look.untold(box, ways.channels), default=str))
    assert [row["key"] for row in rows] == [f"{world.job.id}.{domain}" for domain in world.site.estate.vhosts]
    assert {one.thread for one in box.waiting()} == {world.job.id}
    show.tickets(rows)
    said = capsys.readouterr().out
    assert f"{rows[0]['key']} by desk: WAITS: try 1 failed: false" in said  # whole, for it is typed


@dataclass(frozen=True)
class Broken:
    """A step that never holds."""

    subject: str
    kind = "serve"
    lane: str | None = None

    @property
    def vhosts(self) -> frozenset[str]:
        return frozenset({self.subject})

    def proof(self, world: World) -> str | None:
        return None

    def act(self, world: World) -> None:
        raise Failed("no such site", hint="mend it")


def test_nobody_is_told_that_a_site_is_served_which_is_not(world: World) -> None:
    told = told_of_each(world)
    assert not carry_out([Broken("shop.example"), *told], world, world.job.journal)
    assert [one.key.partition(".")[2] for one in tickets.outbox().waiting()] == ["ledger.example", "docs.example"]
    assert carry_out(told, world, world.job.journal)  # mended, and typed again
    assert len(tickets.outbox().waiting()) == 3
