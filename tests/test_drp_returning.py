"""What production gets of a return: decided on the twin by what was saved after the freeze, and taken once."""

import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from begun import World, close, made, restoring, withdraw
from saved_estate import T0, archive

from backups import paths
from backups.site import Site
from drp import begin, returning, streamed
from drp import job as jobs
from drp.job import Job, JobKind
from estate.model import Engine, Host
from estate.points import FILES, Archive, Kind
from estate.problem import Missing, Refused, Unreachable


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return made(tmp_path, monkeypatch)


def test_production_is_not_restored_before_the_last_copy_is_safe(world: World) -> None:
    job = withdraw(world, "alice")
    for ok in (None, False):
        if ok is not None:
            close(job, ok=ok)
        with pytest.raises(Refused, match=job.id):
            returning.restoration(world.site, job)


def frozen(world: World, minutes: float = 1.5) -> Job:
    """A withdrawal that closed well; every vhost of the twin answers 503 since so long after its order."""
    job = withdraw(world, "alice")
    close(job)
    paths.MAINTENANCE.mkdir()
    at = (job.ordered + timedelta(minutes=minutes)).timestamp()
    for domain in world.site.estate.vhosts:
        (paths.MAINTENANCE / domain).touch()
        os.utime(paths.MAINTENANCE / domain, (at, at))
    return job


def taken(job: Job, minutes: float) -> tuple[Archive, ...]:
    """Archives of the twin, so long after the order of `job`."""
    return tuple(
        replace(archive(kind, host="twin1"), taken=job.ordered + timedelta(minutes=minutes), id=f"{n}{minutes}" * 8)
        for n, kind in enumerate((FILES, *Engine))
    )


def instants(restore: Job) -> set[datetime]:
    """Of all archives that production gets."""
    return {one.taken for move in restore.plan.moves for one in move.archives}


def test_production_gets_what_was_saved_after_the_freeze_and_nothing_older(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = frozen(world)
    seen = (*taken(job, -60), *taken(job, 1), *taken(job, 2))
    monkeypatch.setattr(Site, "archives", lambda *_: (seen, ()))
    restore = returning.restoration(world.site, job)
    assert instants(restore) == {job.ordered + timedelta(minutes=2)}
    assert restore.seal == job.seal
    assert begin.accept(world.site, jobs.JOB.dump_json(restore).decode()) == restore


def test_what_was_seen_saved_after_the_freeze_is_not_asked_for_again_and_nothing_older_is_believed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = frozen(world)
    asked: list[Kind] = []

    def archives(_: Site, __: Host, kinds: tuple[Kind, ...]) -> tuple[tuple[Archive, ...], tuple[()]]:
        asked.extend(kinds)
        return taken(job, 3), ()

    monkeypatch.setattr(Site, "archives", archives)
    for one in taken(job, 2):
        streamed.keep_saved(job, one)
    restore = returning.restoration(world.site, job)
    assert not asked
    assert instants(restore) == {job.ordered + timedelta(minutes=2)}
    for one in taken(job, 1):  # from before a second freeze
        streamed.keep_saved(job, one)
    again = returning.restoration(world.site, job)
    assert set(asked) == {FILES, *Engine}
    assert instants(again) == {job.ordered + timedelta(minutes=3)}


def test_with_the_last_copy_out_of_reach_production_is_left_as_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = frozen(world)
    down = (Unreachable("vault-odd does not answer", hint="look"),)
    monkeypatch.setattr(Site, "archives", lambda *_: (taken(job, 1), down))
    with pytest.raises(Missing, match="vault-odd does not answer"):
        returning.restoration(world.site, job)


def test_a_twin_that_takes_writes_again_is_not_copied_from(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = frozen(world, 0.5)
    (paths.MAINTENANCE / "shop.example").unlink()
    monkeypatch.setattr(Site, "archives", lambda *_: (taken(job, 1), ()))
    with pytest.raises(Refused, match="twin1 takes writes again"):
        returning.restoration(world.site, job)


def test_a_copy_ahead_that_is_under_way_is_gone_on_with_and_one_that_ended_is_made_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, at = withdraw(world, "alice"), [T0 + timedelta(minutes=n) for n in (10, 11, 12)]
    monkeypatch.setattr(returning, "now", lambda: at.pop(0))
    monkeypatch.setattr(Job, "runs", lambda _: False)
    first = returning.ahead(job)
    monkeypatch.setattr(Job, "runs", lambda one: one.kind is JobKind.AHEAD)
    assert returning.ahead(job) == first  # what it saves is older than a second order
    monkeypatch.setattr(Job, "runs", lambda _: False)
    later = returning.ahead(job)
    assert first
    assert later
    assert (first.ordered, later.ordered) == (T0 + timedelta(minutes=10), T0 + timedelta(minutes=12))


def test_where_both_sides_answer_and_have_no_copy_that_is_what_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = frozen(world)
    monkeypatch.setattr(Site, "archives", lambda *_: (taken(job, 1), ()))
    with pytest.raises(Missing, match=r"neither side has a last copy of twin1 for shop\.example") as fault:
        returning.restoration(world.site, job)
    assert "backup server" not in fault.value.hint


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
