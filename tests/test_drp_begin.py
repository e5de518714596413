"""What may be begun, and when the same command means the same job: decided by what this host remembers."""

import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from saved_estate import T0, archive, everything, site

from backups import paths
from backups.site import Site
from drp import begin, observe
from drp import job as jobs
from drp.dns import Change
from drp.job import Job, JobKind
from drp.plan import Observed, Plan, activation, homecoming
from estate.model import Engine
from estate.points import FILES, Archive
from estate.problem import BadEstate, Missing, Refused, Unreachable

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


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(site(tmp_path, "twin1"))
    monkeypatch.setattr(jobs, "DIRECTORY", tmp_path / "drp")
    monkeypatch.setattr(paths, "STATE", tmp_path)
    monkeypatch.setattr(paths, "MAINTENANCE", tmp_path / "maintenance")
    monkeypatch.setattr(observe, "plan_activation", made.plan)
    monkeypatch.setattr(observe, "plan_return", made.way_home)
    monkeypatch.setattr(begin, "now", made.clock)
    return made


def close(job: Job, *, ok: bool = True) -> None:
    job.journal.write("opened")
    job.journal.write("closed", ok=ok)


def go_home(world: World) -> Job:
    """A whole return, as far as the twin remembers it."""
    withdrawn = begin.withdrawal(world.site, "alice")
    close(withdrawn)
    close(begin.redirection(withdrawn))
    return withdrawn


def test_an_order_is_kept_before_anything_is_done(world: World) -> None:
    job = begin.activation(world.site, world.plan().seal, "alice")
    assert jobs.load(job.id) == job
    assert (job.by, job.kind) == ("alice", JobKind.ACTIVATE)
    assert job.journal.entries() == ()


def test_the_same_order_again_is_the_same_job_whatever_became_of_the_world(world: World) -> None:
    job = begin.activation(world.site, world.plan().seal[:12], "alice")
    world.archives = everything(0.5)
    assert begin.activation(world.site, job.seal[:12], "bob") == job
    assert jobs.known() == (job,)


def test_a_plan_that_the_world_left_behind_is_refused_and_leaves_nothing(world: World) -> None:
    seal = world.plan().seal
    world.archives = (*everything(), archive(Engine.MARIADB, 0.1))
    with pytest.raises(Refused, match=seal[:12]) as fault:
        begin.activation(world.site, seal, "alice")
    assert "seawall drp plan" in fault.value.hint
    assert jobs.known() == ()


@pytest.mark.parametrize("short", ["", "a", "0123456789a"])
def test_a_seal_that_is_too_short_names_no_job(world: World, short: str) -> None:
    job = begin.activation(world.site, world.plan().seal, "alice")
    for seal in (short, job.seal[: len(short)]):
        with pytest.raises(BadEstate):
            begin.activation(world.site, seal, "mallory")


def test_an_old_order_is_refused_once_dns_was_ordered_back(world: World) -> None:
    old = begin.activation(world.site, world.plan().seal, "alice")
    close(old)
    withdrawn = begin.withdrawal(world.site, "alice")
    close(withdrawn)
    begin.redirection(withdrawn)
    with pytest.raises(Refused, match=old.seal[:12]) as fault:
        begin.activation(world.site, old.seal, "alice")
    assert "seawall drp plan" in fault.value.hint


def test_a_return_that_cannot_go_on_is_ended_by_the_same_activation_again(world: World) -> None:
    old = begin.activation(world.site, world.plan().seal, "alice")
    close(old)
    withdrawn = begin.withdrawal(world.site, "alice")
    again = begin.activation(world.site, old.seal, "alice")
    assert (again.id, again.plan, again.journal.entries()) == (old.id, old.plan, old.journal.entries())
    assert again.over(withdrawn)
    close(again)
    second = begin.withdrawal(world.site, "alice")
    assert second.id != withdrawn.id
    assert second.journal.entries() == ()


def test_the_next_disaster_after_a_return_is_another_order_although_nothing_else_changed(world: World) -> None:
    first = begin.activation(world.site, world.plan().seal, "alice")
    close(first)
    go_home(world)
    second = begin.activation(world.site, world.plan().seal, "alice")
    assert second.id != first.id
    assert second.journal.entries() == ()


def test_a_second_return_is_not_the_first_one_again(world: World) -> None:
    close(begin.activation(world.site, world.plan().seal, "alice"))
    first = go_home(world)
    close(begin.activation(world.site, world.plan().seal, "alice"))
    second = begin.withdrawal(world.site, "bob")
    assert second.id != first.id
    assert second.journal.entries() == ()


def test_a_return_that_was_begun_goes_on_until_dns_is_back(world: World) -> None:
    close(begin.activation(world.site, world.plan().seal, "alice"))
    job = begin.withdrawal(world.site, "alice")
    assert begin.withdrawal(world.site, "bob") == job
    close(job)
    assert begin.withdrawal(world.site, "bob") == job
    close(begin.redirection(job), ok=False)
    assert begin.withdrawal(world.site, "bob") == job
    assert begin.redirection(job) == begin.redirection(job)


def test_with_every_vhost_served_at_home_there_is_nothing_to_return(world: World) -> None:
    world.served = frozenset(world.site.estate.vhosts)
    with pytest.raises(Refused, match="web1"):
        begin.withdrawal(world.site, "alice")
    assert jobs.known() == ()


def test_only_what_the_twin_serves_is_taken_back(world: World) -> None:
    world.served = frozenset({"docs.example"})
    assert [move.domain for move in begin.withdrawal(world.site, "alice").plan.moves] == [
        "shop.example",
        "ledger.example",
    ]


def test_production_is_not_restored_before_the_last_copy_is_safe(world: World) -> None:
    job = begin.withdrawal(world.site, "alice")
    for ok in (None, False):
        if ok is not None:
            close(job, ok=ok)
        with pytest.raises(Refused, match=job.id):
            begin.restoration(world.site, job)


def freeze(world: World, job: Job, minutes: float) -> None:
    """Every vhost of the twin answers 503 since so long after the order of `job`."""
    paths.MAINTENANCE.mkdir()
    at = (job.ordered + timedelta(minutes=minutes)).timestamp()
    for domain in world.site.estate.vhosts:
        (paths.MAINTENANCE / domain).touch()
        os.utime(paths.MAINTENANCE / domain, (at, at))


def taken(job: Job, minutes: float) -> tuple[Archive, ...]:
    """Archives of the twin, so long after the order of `job`."""
    return tuple(
        replace(archive(kind, host="twin1"), taken=job.ordered + timedelta(minutes=minutes), id=f"{n}{minutes}" * 8)
        for n, kind in enumerate((FILES, *Engine))
    )


def test_production_gets_what_was_saved_after_the_freeze_and_nothing_older(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = begin.withdrawal(world.site, "alice")
    close(job)
    freeze(world, job, 1.5)
    seen = (*taken(job, -60), *taken(job, 1), *taken(job, 2))
    monkeypatch.setattr(Site, "archives", lambda *_: (seen, ()))
    restore = begin.restoration(world.site, job)
    assert {one.taken for move in restore.plan.moves for one in move.archives} == {job.ordered + timedelta(minutes=2)}
    assert restore.seal == job.seal
    assert begin.accept(jobs.JOB.dump_json(restore).decode()) == restore


def test_with_the_last_copy_out_of_reach_production_is_left_as_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = begin.withdrawal(world.site, "alice")
    close(job)
    freeze(world, job, 1.5)
    down = (Unreachable("vault-odd does not answer", hint="look"),)
    monkeypatch.setattr(Site, "archives", lambda *_: (taken(job, 1), down))
    with pytest.raises(Missing, match="vault-odd does not answer"):
        begin.restoration(world.site, job)


def test_a_twin_that_takes_writes_again_is_not_copied_from(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = begin.withdrawal(world.site, "alice")
    close(job)
    freeze(world, job, 0.5)
    (paths.MAINTENANCE / "shop.example").unlink()
    monkeypatch.setattr(Site, "archives", lambda *_: (taken(job, 1), ()))
    with pytest.raises(Refused, match="twin1 takes writes again"):
        begin.restoration(world.site, job)


def test_a_job_that_is_brought_again_is_taken_until_it_has_closed_well(world: World) -> None:
    job = Job(JobKind.RESTORE, world.plan().seal, world.plan(), "alice", T0)
    text = jobs.JOB.dump_json(job).decode()
    assert begin.accept(text) == job
    newer = replace(job, plan=replace(job.plan, faults=("taken again",)))
    begin.accept(jobs.JOB.dump_json(newer).decode())
    assert jobs.known() == (newer,)
    close(newer)
    begin.accept(text)
    assert jobs.known() == (newer,)


def test_another_order_of_the_same_name_is_not_taken(world: World) -> None:
    job = Job(JobKind.RESTORE, world.plan().seal, world.plan(), "alice", T0)
    begin.accept(jobs.JOB.dump_json(job).decode())
    with pytest.raises(Refused, match=job.id):
        begin.accept(jobs.JOB.dump_json(replace(job, ordered=T0 + timedelta(hours=1))).decode())
