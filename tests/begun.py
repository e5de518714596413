"""A twin that remembers what was ordered and begun, and a world that moves on around it."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from ordered import ordered
from saved_estate import T0, everything, site

from backups import paths
from backups.site import Site
from drp import begin, leaving, observe, returning, step
from drp import job as jobs
from drp.dns import Change
from drp.job import Job, JobKind
from drp.orders import Signed
from drp.plan import Observed, Plan, activation, homecoming
from estate.orders import Aim
from estate.points import Archive

CHANGE = Change("shop.example", "shop.example.", "A", ("10.84.3.10",), ("10.84.1.10",), 10)


class World:
    """What the twin would see, and the clock; the jobs are real files."""

    def __init__(self, here: Site) -> None:
        self.site = here
        self.archives = everything()
        self.changes: tuple[Change, ...] = (CHANGE,)
        self.served: frozenset[str] = frozenset()
        self.now = T0

    def _seen(self, archives: tuple[Archive, ...]) -> Observed:
        found = dict.fromkeys(self.site.estate.vhosts, self.changes)
        return Observed(self.now, jobs.returns(), archives, {}, found, self.served, ())

    def plan(self, *more: object, **options: object) -> Plan:
        hosts = self.site.estate.hosts
        return activation(self.site.estate, hosts["web1"], hosts["twin1"], self._seen(self.archives))

    def way_home(self, *more: object) -> Plan:
        hosts = self.site.estate.hosts
        return homecoming(self.site.estate, hosts["twin1"], hosts["web1"], self._seen(()))

    def clock(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose jobs lie below `tmp_path`."""
    found = World(site(tmp_path, "twin1"))
    monkeypatch.setattr(jobs, "DIRECTORY", tmp_path / "drp")
    monkeypatch.setattr(paths, "STATE", tmp_path)
    monkeypatch.setattr(paths, "MAINTENANCE", tmp_path / "maintenance")
    monkeypatch.setattr(observe, "plan_activation", found.plan)
    monkeypatch.setattr(observe, "plan_return", found.way_home)
    monkeypatch.setattr(leaving, "rivals", lambda *_: {})
    monkeypatch.setattr(leaving, "require_switchable", lambda *_: None)
    monkeypatch.setattr(Job, "runs", lambda _: False)
    monkeypatch.setattr(begin, "now", found.clock)
    monkeypatch.setattr(returning, "now", found.clock)
    return found


def ordered_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> step.World:
    """The twin with an activation that was ordered there, and nothing done of it. Its jobs lie below `tmp_path`."""
    here = site(tmp_path, "twin1")
    monkeypatch.setattr(jobs, "DIRECTORY", tmp_path / "jobs")
    monkeypatch.setattr(paths, "STATE", tmp_path)
    hosts, changes = here.estate.hosts, dict.fromkeys(here.estate.vhosts, ())
    seen = Observed(T0, 0, everything(), {}, changes, frozenset(), ())
    plan = activation(here.estate, hosts["web1"], hosts["twin1"], seen)
    job = Job(JobKind.ACTIVATE, plan.seal, plan, T0, ordered(here.estate, plan, T0))
    job.save()
    return step.World(here, job)


def activate(world: World, seal: str, by: str = "alice") -> Job:
    """What is wanted is looked at, ordered by `by` where that takes an order, and begun."""
    return begin.activation(world.site, seal, order_of(world, "activate", seal, by))


def withdraw(world: World, by: str = "alice") -> Job:
    """The same of a return."""
    return begin.withdrawal(world.site, order_of(world, "return", "", by))


def order_of(world: World, aim: Aim, seal: str, by: str) -> Signed | None:
    if begin.going(world.site, aim, seal):
        return None
    return ordered(world.site.estate, begin.wanted(world.site, aim, seal), world.now, by)


def restoring(world: World) -> Job:
    """What production is asked to do in a return."""
    plan = world.way_home()
    return Job(JobKind.RESTORE, plan.seal, plan, T0, ordered(world.site.estate, plan, T0))


def close(job: Job, *, ok: bool = True) -> None:
    job.journal.write("opened")
    job.journal.write("closed", ok=ok)


def go_home(world: World) -> Job:
    """A whole return, as far as the twin remembers it."""
    withdrawn = withdraw(world, "alice")
    close(withdrawn)
    close(returning.redirection(withdrawn))
    return withdrawn
