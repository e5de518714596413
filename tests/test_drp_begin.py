"""What may be begun, and when the same command means the same job: decided by what this host remembers."""

import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from ordered import KEYS, drafted, ordered, signed
from saved_estate import T0, archive, everything, site

from backups import paths
from backups.site import Site
from drp import begin, observe, returning, streamed
from drp import job as jobs
from drp.dns import Change
from drp.job import Job, JobKind
from drp.orders import Signed
from drp.plan import Observed, Plan, activation, homecoming
from estate.model import Engine, Host
from estate.points import FILES, Archive, Kind
from estate.problem import BadEstate, Missing, Refused, Unreachable, Untrusted

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
    monkeypatch.setattr(returning, "now", made.clock)
    return made


def activate(world: World, seal: str, by: str = "alice") -> Job:
    """What is wanted is looked at, ordered by `by` where that takes an order, and begun."""
    return begin.activation(world.site, seal, _order(world, begin.wanted(world.site, "activate", seal), by))


def withdraw(world: World, by: str = "alice") -> Job:
    """The same of a return."""
    return begin.withdrawal(world.site, _order(world, begin.wanted(world.site, "return", ""), by))


def _order(world: World, wanted: Job | Plan, by: str) -> Signed | None:
    return None if isinstance(wanted, Job) else ordered(world.site.estate, wanted, world.now, by)


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


def test_an_order_is_kept_before_anything_is_done(world: World) -> None:
    job = activate(world, world.plan().seal, "alice")
    assert jobs.load(job.id) == job
    assert (job.by, job.kind) == ("alice", JobKind.ACTIVATE)
    assert job.journal.entries() == ()


def test_the_same_order_again_is_the_same_job_whatever_became_of_the_world(world: World) -> None:
    job = activate(world, world.plan().seal[:12], "alice")
    world.archives = everything(0.5)
    assert activate(world, job.seal[:12], "bob") == job
    assert jobs.known() == (job,)


def test_a_plan_that_the_world_left_behind_is_refused_and_leaves_nothing(world: World) -> None:
    seal = world.plan().seal
    world.archives = (*everything(), archive(Engine.MARIADB, 0.1))
    with pytest.raises(Refused, match=seal[:12]) as fault:
        activate(world, seal, "alice")
    assert "seawall drp plan" in fault.value.hint
    assert jobs.known() == ()


def test_an_order_that_the_world_left_behind_begins_nothing(world: World) -> None:
    seal, order = world.plan().seal, ordered(world.site.estate, world.plan(), T0)
    world.archives = (*everything(), archive(Engine.MARIADB, 0.1))
    with pytest.raises(Refused, match=seal[:12]):
        begin.activation(world.site, seal, order)
    assert jobs.known() == ()


def looks(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is noted each time that the world is looked at."""
    seen: list[str] = []

    def look(*more: object, **options: object) -> Plan:
        seen.append("looked")
        return world.plan()

    monkeypatch.setattr(observe, "plan_activation", look)
    return seen


def test_what_was_drafted_just_now_is_not_looked_at_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, seal, late = looks(world, monkeypatch), world.plan().seal, timedelta(seconds=59)
    monkeypatch.setattr(begin, "now", lambda: T0 + late)
    plan = begin.wanted(world.site, "activate", seal)
    assert isinstance(plan, Plan)
    assert begin.activation(world.site, seal, ordered(world.site.estate, plan, T0)).plan == plan
    assert seen == ["looked"]


def test_what_was_drafted_a_minute_ago_is_looked_at_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, seal = looks(world, monkeypatch), world.plan().seal
    order = ordered(world.site.estate, world.plan(), T0)
    begin.wanted(world.site, "activate", seal)
    world.archives = (*everything(), archive(Engine.MARIADB, 0.1))
    with pytest.raises(Refused, match=seal[:12]):
        begin.activation(world.site, seal, order)
    assert seen[:2] == ["looked"] * 2


@pytest.mark.parametrize("torn", ["", "{", "[]"])
def test_a_draft_that_is_torn_is_looked_at_again(world: World, torn: str) -> None:
    assert observe.drafted(world.plan().seal, T0) is None
    begin.wanted(world.site, "activate", world.plan().seal)
    assert observe.drafted(world.plan().seal, T0) == world.plan()
    (jobs.DIRECTORY / observe.DRAFTED).write_text(torn)
    assert observe.drafted(world.plan().seal, T0) is None


def test_what_was_begun_since_makes_a_draft_old(world: World) -> None:
    begin.wanted(world.site, "activate", world.plan().seal)
    withdraw(world)
    assert observe.drafted(world.plan().seal, T0) is None


def test_without_an_order_nothing_begins(world: World) -> None:
    with pytest.raises(Refused, match="nobody ordered"):
        begin.activation(world.site, world.plan().seal, None)
    with pytest.raises(Refused, match="nobody ordered"):
        begin.withdrawal(world.site, None)
    assert jobs.known() == ()


def test_an_order_to_activate_brings_nothing_home(world: World) -> None:
    with pytest.raises(Refused, match="activate"):
        begin.withdrawal(world.site, ordered(world.site.estate, world.plan(), T0))
    assert jobs.known() == ()


def test_production_does_nothing_that_people_did_not_order(world: World) -> None:
    job = restoring(world)
    unsigned = replace(job, signed=drafted(world.site.estate, job.plan, T0))
    forged = replace(job, signed=signed(unsigned.signed, "alice", key=KEYS["mallory"]))
    another = replace(job, signed=ordered(world.site.estate, world.plan(), T0))
    for bad, kind in ((unsigned, Refused), (forged, Untrusted), (another, Refused)):
        with pytest.raises(kind):
            begin.accept(world.site, jobs.JOB.dump_json(bad).decode())
    assert jobs.known() == ()


@pytest.mark.parametrize("short", ["", "a", "0123456789a"])
def test_a_seal_that_is_too_short_names_no_job(world: World, short: str) -> None:
    job = activate(world, world.plan().seal, "alice")
    for seal in (short, job.seal[: len(short)]):
        with pytest.raises(BadEstate):
            activate(world, seal, "mallory")


def test_an_old_order_is_refused_once_dns_was_ordered_back(world: World) -> None:
    old = activate(world, world.plan().seal, "alice")
    close(old)
    withdrawn = withdraw(world, "alice")
    close(withdrawn)
    returning.redirection(withdrawn)
    with pytest.raises(Refused, match=old.seal[:12]) as fault:
        activate(world, old.seal, "alice")
    assert "seawall drp plan" in fault.value.hint


def test_a_return_that_cannot_go_on_is_ended_by_the_same_activation_again(world: World) -> None:
    old = activate(world, world.plan().seal, "alice")
    close(old)
    withdrawn = withdraw(world, "alice")
    again = activate(world, old.seal, "alice")
    assert (again.id, again.plan, again.journal.entries()) == (old.id, old.plan, old.journal.entries())
    assert again.over(withdrawn)
    close(again)
    second = withdraw(world, "alice")
    assert second.id != withdrawn.id
    assert second.journal.entries() == ()


def test_the_next_disaster_after_a_return_is_another_order_although_nothing_else_changed(world: World) -> None:
    first = activate(world, world.plan().seal, "alice")
    close(first)
    go_home(world)
    second = activate(world, world.plan().seal, "alice")
    assert second.id != first.id
    assert second.journal.entries() == ()


def test_a_second_return_is_not_the_first_one_again(world: World) -> None:
    close(activate(world, world.plan().seal, "alice"))
    first = go_home(world)
    close(activate(world, world.plan().seal, "alice"))
    second = withdraw(world, "bob")
    assert second.id != first.id
    assert second.journal.entries() == ()


def test_a_return_that_was_begun_goes_on_until_dns_is_back(world: World) -> None:
    close(activate(world, world.plan().seal, "alice"))
    job = withdraw(world, "alice")
    assert withdraw(world, "bob") == job
    close(job)
    assert withdraw(world, "bob") == job
    close(returning.redirection(job), ok=False)
    assert withdraw(world, "bob") == job
    assert returning.redirection(job) == returning.redirection(job)


def test_with_every_vhost_served_at_home_there_is_nothing_to_return(world: World) -> None:
    world.served = frozenset(world.site.estate.vhosts)
    with pytest.raises(Refused, match="web1"):
        withdraw(world, "alice")
    assert jobs.known() == ()


def test_only_what_the_twin_serves_is_taken_back(world: World) -> None:
    world.served = frozenset({"docs.example"})
    assert [move.domain for move in withdraw(world, "alice").plan.moves] == [
        "shop.example",
        "ledger.example",
    ]


def test_production_is_not_restored_before_the_last_copy_is_safe(world: World) -> None:
    job = withdraw(world, "alice")
    for ok in (None, False):
        if ok is not None:
            close(job, ok=ok)
        with pytest.raises(Refused, match=job.id):
            returning.restoration(world.site, job)


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
    job = withdraw(world, "alice")
    close(job)
    freeze(world, job, 1.5)
    seen = (*taken(job, -60), *taken(job, 1), *taken(job, 2))
    monkeypatch.setattr(Site, "archives", lambda *_: (seen, ()))
    restore = returning.restoration(world.site, job)
    assert {one.taken for move in restore.plan.moves for one in move.archives} == {job.ordered + timedelta(minutes=2)}
    assert restore.seal == job.seal
    assert begin.accept(world.site, jobs.JOB.dump_json(restore).decode()) == restore


def test_what_was_seen_saved_after_the_freeze_is_not_asked_for_again_and_nothing_older_is_believed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = withdraw(world, "alice")
    close(job)
    freeze(world, job, 1.5)
    asked: list[Kind] = []

    def archives(_: Site, __: Host, kinds: tuple[Kind, ...]) -> tuple[tuple[Archive, ...], tuple[()]]:
        asked.extend(kinds)
        return taken(job, 3), ()

    monkeypatch.setattr(Site, "archives", archives)
    for one in taken(job, 2):
        streamed.keep_saved(job, one)
    restore = returning.restoration(world.site, job)
    assert not asked
    assert {one.taken for move in restore.plan.moves for one in move.archives} == {job.ordered + timedelta(minutes=2)}
    for one in taken(job, 1):  # from before a second freeze
        streamed.keep_saved(job, one)
    again = returning.restoration(world.site, job)
    assert set(asked) == {FILES, *Engine}
    assert {one.taken for move in again.plan.moves for one in move.archives} == {job.ordered + timedelta(minutes=3)}


def test_with_the_last_copy_out_of_reach_production_is_left_as_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = withdraw(world, "alice")
    close(job)
    freeze(world, job, 1.5)
    down = (Unreachable("vault-odd does not answer", hint="look"),)
    monkeypatch.setattr(Site, "archives", lambda *_: (taken(job, 1), down))
    with pytest.raises(Missing, match="vault-odd does not answer"):
        returning.restoration(world.site, job)


def test_a_twin_that_takes_writes_again_is_not_copied_from(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = withdraw(world, "alice")
    close(job)
    freeze(world, job, 0.5)
    (paths.MAINTENANCE / "shop.example").unlink()
    monkeypatch.setattr(Site, "archives", lambda *_: (taken(job, 1), ()))
    with pytest.raises(Refused, match="twin1 takes writes again"):
        returning.restoration(world.site, job)


def test_a_job_that_is_brought_again_is_taken_until_it_has_closed_well(world: World) -> None:
    job = restoring(world)
    text = jobs.JOB.dump_json(job).decode()
    assert begin.accept(world.site, text) == job
    newer = replace(job, plan=replace(job.plan, faults=("taken again",)))
    begin.accept(world.site, jobs.JOB.dump_json(newer).decode())
    assert jobs.known() == (newer,)
    close(newer)
    begin.accept(world.site, text)
    assert jobs.known() == (newer,)


def test_another_order_of_the_same_name_is_not_taken(world: World) -> None:
    job = restoring(world)
    begin.accept(world.site, jobs.JOB.dump_json(job).decode())
    with pytest.raises(Refused, match=job.id):
        begin.accept(world.site, jobs.JOB.dump_json(replace(job, ordered=T0 + timedelta(hours=1))).decode())
