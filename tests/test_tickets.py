"""What people are told is written down at once, and what it says."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ordered import ordered
from saved_estate import T0, lab_estate

from drp import job as jobs
from drp import tickets
from drp.job import Job, JobKind, incident_of
from drp.outbox.box import Outbox
from drp.plan import Plan
from estate.model import Estate
from estate.problem import Failed

VALUES = {
    "domain": "shop.example",
    "source": "web1",
    "target": "twin1",
    "at": "2026-11-22T03:00:00+00:00",
    "loss": "at most 1 h 30 min of work",
    "by": "anna",
    "seal": "5ea1",
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


@pytest.mark.parametrize("kind", ["activated", "returned"])
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
