"""A sender that is killed between any two of its acts loses no message, and tells none twice where that can be known.

It runs in a child that ends with `os._exit` before its n-th act, for every n that there is: nothing is cleaned up.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people import DESKS, KINDS, People, message, people, tried_again

from drp.outbox.box import Outbox
from drp.outbox.delivery import Ways
from drp.outbox.sender import tell_all
from effects import files
from effects.forked import forked
from effects.mail import MailServer
from effects.rest import Service

KILLED = 99
ACTS = ((Service, "exchange"), (MailServer, "take"), (files, "write"), (files, "sync_directory"), (os, "fsync"),
        (Path, "rename"), (Path, "replace"), (Path, "unlink"))  # fmt: skip
MESSAGES = (message(1), message(2))


@pytest.fixture(scope="module")
def them(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with people(tmp_path_factory.mktemp("people")) as found:
        yield found


def killed_before(act: int, what: Callable[[], None]) -> bool:
    """Run it in a child that dies before that act; whether it came so far."""

    def life() -> tuple[int, bytes]:
        done = 0

        def counted(real: Callable[..., Any]) -> Callable[..., Any]:
            def count(*args: Any, **named: Any) -> Any:
                nonlocal done
                if done == act:
                    os._exit(KILLED)
                done += 1
                return real(*args, **named)

            return count

        for owner, name in ACTS:
            setattr(owner, name, counted(getattr(owner, name)))
        what()
        return 0, b""

    ((code, said),) = forked([life])
    assert code in (0, KILLED), said
    return code == KILLED


def round_of(box: Outbox, ways: Ways, name: str) -> None:
    tell_all(box, ways, name)
    box.settle([name])


def outbox(folder: Path) -> Outbox:
    box = Outbox(folder)
    for one in MESSAGES:
        box.put(one)
    return box


def told_in_the_end(them: People, box: Outbox, name: str) -> None:
    ways = them.ways(name)
    for _ in range(2):  # the first meets what the dead one left
        tried_again(box, ways, name)
    assert not box.waiting()
    told = [them.times(name, one) for one in MESSAGES]
    assert told == [1, 1] if name != "mail" else all(1 <= times <= 2 for times in told)
    if name in DESKS:
        assert len(them.tickets(name)) == 1


@pytest.mark.parametrize("name", KINDS)
def test_wherever_it_is_killed_everybody_hears_everything_once(name: str, them: People, tmp_path: Path) -> None:
    act, killed = 0, True
    while killed:
        them.say("reset")
        box = outbox(tmp_path / str(act))
        killed = killed_before(act, lambda box=box: round_of(box, them.ways(name), name))  # type: ignore[misc]
        told_in_the_end(them, box, name)
        act += 1
    assert act > 12  # so that this test can fail: it was killed, again and again


@settings(max_examples=8)
@given(acts=st.lists(st.integers(0, 25), min_size=2, max_size=5), name=st.sampled_from(DESKS))
def test_killed_again_and_again_it_comes_to_its_end(
    acts: list[int], name: str, them: People, tmp_path_factory: pytest.TempPathFactory
) -> None:
    them.say("reset")
    box = outbox(tmp_path_factory.mktemp("outbox"))
    for act in acts:
        killed_before(act, lambda: round_of(box, them.ways(name), name))
    told_in_the_end(them, box, name)


@pytest.mark.parametrize("fault", ["lost", "reset", "500"])
@pytest.mark.parametrize("name", DESKS)
def test_killed_while_the_receiver_has_faults(name: str, fault: str, them: People, tmp_path: Path) -> None:
    for act in range(2, 22, 3):
        them.say("reset")
        them.misbehave(name, fault, "", fault)
        box = outbox(tmp_path / str(act))
        killed_before(act, lambda box=box: round_of(box, them.ways(name), name))  # type: ignore[misc]
        them.misbehave(name)
        told_in_the_end(them, box, name)


def test_who_says_something_and_dies_has_said_all_of_it_or_nothing(tmp_path: Path) -> None:
    act, killed, seen = 0, True, set[int]()
    while killed:
        box = Outbox(tmp_path / str(act))
        killed = killed_before(act, lambda box=box: box.put(MESSAGES[0]))  # type: ignore[misc]
        assert box.waiting() in ((), (MESSAGES[0],))
        seen.add(len(box.waiting()))
        box.put(MESSAGES[0])  # the step is done again
        assert box.waiting() == (MESSAGES[0],)
        act += 1
    assert seen == {0, 1}
