"""A switch that was taken back is told once an incident and zone; what was switched is known until it was undone."""

from datetime import timedelta
from pathlib import Path

import pytest
from saved_estate import T0, site

from backups import paths
from backups.site import Site
from drp import job as jobs
from drp import tickets
from drp.dns import Change
from drp.job import Job, JobKind
from drp.orders import Signed
from drp.plan import Move, Plan
from drp.reversion import Reverted
from seawall.commands.backup import keeping

CHANGE = Change("shop.example", "shop.example.", "A", ("10.83.1.10",), ("10.83.3.10",), 60)


@pytest.fixture
def twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(paths, "STATE", tmp_path)
    monkeypatch.setattr(tickets, "OUTBOX", tmp_path / "outbox")
    monkeypatch.setattr(jobs, "DIRECTORY", tmp_path / "drp")
    return site(tmp_path, "twin1")


def job(kind: JobKind, hours: int, changes: tuple[Change, ...] = (CHANGE,)) -> Job:
    plan = Plan("activate", "web1", "twin1", T0, hours, (Move("shop.example", (), changes, 1.0),))
    made = Job(kind, plan.seal, plan, T0 + timedelta(hours=hours), Signed("{}"))
    made.save()
    return made


def test_people_hear_of_each_zone_once_an_incident(twin: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    zones = ("shop.example", "docs.example", "shop.example")
    seen = [Reverted(zone, "activate-1", "f" * 64, (f"ns1: {zone}. A is {n}",)) for n, zone in enumerate(zones)]
    monkeypatch.setattr(keeping, "reverted", lambda _: seen)
    for _ in range(2):
        keeping._watch_dns(twin)
    assert len(list((tickets.OUTBOX / "waiting").iterdir())) == 2


def test_what_was_switched_is_known_until_a_return_came_to_its_end(twin: Site) -> None:
    gone = job(JobKind.ACTIVATE, 0)
    gone.journal.write("begun", "prove", "shop.example")
    assert jobs.switched() == {}
    gone.journal.write("begun", "dns", "shop.example")  # and killed: it may have come anywhere
    assert jobs.switched() == {"shop.example": (CHANGE,)}
    back = job(JobKind.REDIRECT, 1)
    back.journal.write("closed", ok=False)
    assert jobs.switched() == {"shop.example": (CHANGE,)}
    back.journal.write("closed", ok=True)
    assert jobs.switched() == {}
    job(JobKind.ACTIVATE, 2, ()).journal.write("held", "dns", "shop.example")  # another, in which nothing was changed
    assert jobs.switched() == {"shop.example": ()}
