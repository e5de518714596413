"""Cancelling an activation: what is begun after it, what it may not take back, and that it is said once."""

from pathlib import Path

import pytest
from acts import Write
from begun import ordered_here
from ordered import ordered

from backups.site import Site
from drp import begin, cancelling, ending, epochs, gate, tickets
from drp import job as jobs
from drp.engine import carry_out
from drp.job import Job
from drp.step import World
from effects.clock import now
from estate.problem import Refused


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An activation that was ordered on the twin. No unit runs."""
    monkeypatch.setattr(tickets, "OUTBOX", tmp_path / "outbox")
    monkeypatch.setattr(cancelling, "_stop", lambda *_: None)
    return ordered_here(tmp_path, monkeypatch)


def cancel(here: Site) -> Job:
    """As typed: what is wanted is looked at, ordered where that takes an order, and done."""
    signed = None if cancelling.going() else ordered(here.estate, cancelling.plan(), now())
    return cancelling.cancellation(here, signed)


def test_no_step_begins_once_it_was_cancelled(world: World, tmp_path: Path) -> None:
    assert carry_out([Write(tmp_path, "shop.example")], world, world.job.journal)  # so this test can fail
    cancel(world.site)
    assert not carry_out([Write(tmp_path, "docs.example"), Write(tmp_path, "x")], world, world.job.journal)
    assert [e.subject for e in world.job.journal.entries() if e.event == "begun"] == ["shop.example"]
    assert not (tmp_path / "docs.example").exists()


def test_it_takes_an_order_and_the_same_command_again_is_the_same_job(world: World) -> None:
    with pytest.raises(Refused, match="nobody ordered"):
        cancelling.cancellation(world.site, None)
    assert not gate.closed(world.job.directory)
    job = cancel(world.site)
    assert cancelling.cancellation(world.site, None) == job
    assert cancelling.going() == job
    assert cancelling.look()["cancelled"]


@pytest.mark.parametrize("event", ["begun", "held", "done"])
def test_after_the_first_name_it_is_a_return_and_stops_nothing(world: World, event: str) -> None:
    order = ordered(world.site.estate, cancelling.plan(), now())
    world.job.journal.write(event, "dns", "shop.example")
    with pytest.raises(Refused, match=r"shop\.example were switched"):
        cancelling.cancellation(world.site, order)
    assert cancelling.look()["switched"] == ["shop.example"]
    assert not gate.closed(world.job.directory)


def test_its_epoch_is_the_next_after_the_activations_however_far_that_was(world: World) -> None:
    raised = epochs.of_job(world.job, jobs.known())
    first = cancelling.plan()
    world.job.journal.write("closed", ok=False)
    second = cancelling.plan()
    assert first.seal == second.seal
    assert epochs.of_job(cancel(world.site), jobs.known()) == raised + 1


def test_what_was_cancelled_is_not_begun_again_and_a_return_is_not_cancelled(world: World) -> None:
    cancel(world.site)
    with pytest.raises(Refused, match="cancelled"):
        begin.activation(world.site, world.job.seal, None)


def test_production_resumes_by_that_order_and_is_restored_by_none_of_it(world: World) -> None:
    job = cancel(world.site)
    with pytest.raises(Refused, match="closed well"):
        cancelling.resumption(job)
    job.journal.write("closed", ok=True)
    resume = cancelling.resumption(job)
    text = jobs.JOB.dump_json(resume).decode()
    with pytest.raises(Refused, match="to cancel"):
        begin.accept(world.site, text.replace('"kind":"resume"', '"kind":"restore"'))
    assert begin.accept(world.site, text) == resume


def test_people_are_told_of_each_end_once_and_not_of_one_that_they_asked_for(world: World, tmp_path: Path) -> None:
    box, wrong = tickets.outbox(), Write(tmp_path, "docs.example", broken=("docs.example",))
    for _ in range(2):
        assert not carry_out([Write(tmp_path, "shop.example"), wrong], world, world.job.journal)
        for _ in range(2):
            ending.tell(world.site, world.job)
    first, second = box.waiting()
    assert first.key != second.key
    assert first.thread == second.thread == world.job.id
    assert "Stopped: docs.example" in first.text
    assert "docs.example can't be written" in first.text
    assert world.job.journal.entries()[-1].digest in second.text
    cancel(world.site)
    carry_out([wrong], world, world.job.journal)
    ending.tell(world.site, world.job)
    assert len(box.waiting()) == 2
