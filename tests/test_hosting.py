"""Production stopped through the company that runs it: once, whatever dies or gets lost, and let boot again."""

import os
from pathlib import Path

import pytest
from ovh_api import KEYS, Killed
from ovh_machines import DISK, INSTANCE, RESCUE, VPS, Machines

from drp.hosting import Machine, of_api
from effects.ovh import Api
from estate.hosting import Hosting, Product
from estate.problem import Failed, Problem, Unreachable, Untrusted
from estate.secret import Secret

NOWHERE = Secret(env="NOWHERE")
HOSTINGS = {
    Product.SERVER: Hosting(Product.SERVER, "ns1.example", NOWHERE, NOWHERE, NOWHERE),
    Product.VPS: Hosting(Product.VPS, "vps1", NOWHERE, NOWHERE, NOWHERE),
    Product.INSTANCE: Hosting(Product.INSTANCE, "i1", NOWHERE, NOWHERE, NOWHERE, project="p1"),
}


@pytest.fixture(autouse=True)
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of deaths, and none of them a power cut."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


EACH = pytest.mark.parametrize("product", list(Product))
FAULTS = ("killed", "-killed", "reset", "-lost", "429", "503")


def machine(there: Machines, product: Product, folder: Path) -> Machine:
    def wait(done: object, what: str) -> None:
        assert callable(done)
        for _ in range(20):
            if done():
                return
        raise Failed(f"{what}: too late", hint="-")

    api = Api(there, KEYS, wait=lambda _: None)
    return of_api(api, HOSTINGS[product], folder / "kept.json", wait=wait)


def runs(there: Machines, product: Product) -> bool:
    """What is on its disks."""
    if product is Product.SERVER:
        return DISK in (there.boots, there.chosen)
    return there.states[VPS if product is Product.VPS else INSTANCE] in ("running", "ACTIVE")


@EACH
def test_it_is_stopped_once_and_started_once(product: Product, tmp_path: Path) -> None:
    there = Machines()
    one = machine(there, product, tmp_path)
    assert one.stopped() is None
    assert one.running() is not None
    for _ in range(2):
        one.stop()
        assert one.stopped() is not None
        assert one.running() is None
    assert not runs(there, product)
    for _ in range(2):
        one.start()
        assert one.running() is not None
        assert one.stopped() is None
    assert runs(there, product)
    if product is Product.SERVER:
        assert (there.resets, there.chosen, there.boots) == (2, DISK, DISK)
    else:
        assert there.told == ["stop", "start"]


@EACH
@pytest.mark.parametrize("verb", ["stop", "start"])
@pytest.mark.parametrize("fault", FAULTS)
def test_killed_or_unheard_at_any_question_it_ends_the_same(
    product: Product, verb: str, fault: str, tmp_path: Path
) -> None:
    number = 0
    while True:
        there, folder = Machines(), tmp_path / str(number)
        if verb == "start":
            machine(there, product, folder).stop()
        asked, resets, told = len(there.asked), there.resets, len(there.told)
        there.faults = {asked + number: fault}
        for _ in range(2):
            try:
                getattr(machine(there, product, folder), verb)()
            except (Killed, Problem):
                continue
        reached = len(there.asked) > asked + number
        there.faults = {}
        one = machine(there, product, folder)
        assert (one.stopped() if verb == "stop" else one.running()) is not None
        assert runs(there, product) is (verb == "start")
        assert (there.resets - resets, len(there.told) - told) == ((1, 0) if product is Product.SERVER else (0, 1))
        if not reached:
            break
        number += 1
    assert number > 5


def test_a_reset_that_came_to_nothing_is_told_and_asked_for_again(tmp_path: Path) -> None:
    there = Machines(broken=True)
    one = machine(there, Product.SERVER, tmp_path)
    with pytest.raises(Failed, match="task 42 is ovhError"):
        one.stop()
    assert one.stopped() is None
    assert there.chosen == RESCUE
    there.broken = False
    one.stop()
    assert one.stopped() is not None
    assert there.resets == 2


def test_a_task_that_was_purged_meanwhile_was_done(tmp_path: Path) -> None:
    there = Machines()
    one = machine(there, Product.SERVER, tmp_path)
    one.stop()
    there.purging = True
    assert one.stopped() is not None
    one.stop()
    assert there.resets == 1
    there.purging = False
    one.start()
    assert there.boots == DISK


def test_who_lets_it_boot_by_hand_is_seen_and_the_next_activation_stops_it_anew(tmp_path: Path) -> None:
    there = Machines()
    one = machine(there, Product.SERVER, tmp_path)
    one.stop()
    there.chosen = there.boots = DISK
    assert one.stopped() is None
    one.stop()
    assert (there.boots, there.resets) == (RESCUE, 2)


@pytest.mark.parametrize(
    ("valid", "fault", "kind"), [(False, "", Untrusted), (True, "503", Unreachable), (True, "400", Failed)]
)
def test_what_can_be_done_about_it_is_said(valid: bool, fault: str, kind: type[Problem], tmp_path: Path) -> None:
    there = Machines(valid=valid, faults={-1: fault} if fault else {})
    with pytest.raises(kind) as caught:
        machine(there, Product.SERVER, tmp_path).stop()
    assert KEYS.secret not in str(caught.value)
    assert there.resets == 0
