"""What may be begun, and when the same command means the same job: decided by what this host remembers."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from begun import World, activate, close, go_home, made, restoring, withdraw
from ordered import KEYS, drafted, ordered, signed
from saved_estate import T0, archive, everything

from drp import begin, observe, returning
from drp import job as jobs
from drp.asked import remember
from drp.job import JobKind
from drp.plan import Plan
from drp.scope import EVERYTHING
from estate.model import Engine
from estate.problem import BadEstate, Refused, Untrusted
from seawall.commands.host import beginning


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return made(tmp_path, monkeypatch)


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


def test_a_seal_that_nobody_was_shown_is_not_called_old_and_what_goes_on_is_named(world: World) -> None:
    with pytest.raises(Refused, match="no plan with the seal dead") as fault:
        begin.wanted(world.site, "activate", "dead" * 4)
    assert "--seal" not in fault.value.hint
    remember(world.plan().seal, EVERYTHING)
    job = activate(world, world.plan().seal, "alice")
    goes_on = f"{job.id}, ordered by alice, goes on with: seawall drp activate --seal {job.seal[:12]}"
    for mistyped in ("dead" * 4, job.seal[:11] + ("0" if job.seal[11] != "0" else "1")):
        with pytest.raises(Refused, match="no plan with the seal") as fault:
            begin.wanted(world.site, "activate", mistyped)
        assert goes_on in fault.value.hint
    world.archives = (*everything(), archive(Engine.MARIADB, 0.1))
    remember("beef" * 16, EVERYTHING)
    with pytest.raises(Refused, match="the world changed since the plan beef"):
        begin.wanted(world.site, "activate", "beef" * 4)


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
    with pytest.raises(Refused, match="twin1 serves nothing"):
        withdraw(world, "alice")
    assert jobs.known() == ()


def test_only_what_the_twin_serves_is_taken_back(world: World) -> None:
    world.served = frozenset({"docs.example"})
    assert [move.domain for move in withdraw(world, "alice").plan.moves] == [
        "shop.example",
        "ledger.example",
    ]


def test_what_another_activation_came_after_is_done_or_can_not_go_on(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    first = activate(world, world.plan().seal)
    world.archives = (*everything(), archive(Engine.MARIADB, 0.1))
    second = activate(world, world.plan().seal)
    assert begin.going(world.site, "activate", second.seal) == second
    with pytest.raises(Refused, match=f"{second.id} was ordered after it"):
        begin.going(world.site, "activate", first.seal)
    with pytest.raises(Refused, match=f"{second.id} was ordered after it"):
        begin.activation(world.site, first.seal, None)
    close(first)
    assert begin.activation(world.site, first.seal, None) == first
    beginning._begin(first)  # which starts nothing: no unit of it is there
    assert json.loads(capsys.readouterr().out)["closed"]["ok"] is True
