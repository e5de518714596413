"""Telling what waits: each channel in a process of its own, so that one that hangs holds up no other.

Channels begin when they have something to tell and the pause after their last failure is over. What they know is in the
outbox, so any of them, and who looks after them, may die at any moment.
"""

import time
from collections.abc import Callable

from drp.outbox.box import Outbox
from drp.outbox.delivery import Ways, deliver
from drp.outbox.message import Message
from effects import files
from effects.clock import now
from effects.forked import Child
from effects.rest import Later
from estate.problem import Failed, Problem

LIMIT = 120.0  # seconds for a channel that is at work; what it has told by then stays told
LOOK = 0.5  # seconds between two looks at what waits


def run(box: Outbox, ways: Ways, *, once: bool = False) -> None:
    """Until nothing waits any more; with `once`, until each channel has tried what it can.

    Raises Refused where another process does this.
    """
    with files.locked(box.folder / "lock", what="telling people"):
        work = dict[str, Child]()
        tried = set[str]()
        while box.waiting() or work:
            for name in ways.channels:
                if name not in work and due(box, name) and not (once and name in tried):
                    tried.add(name)
                    work[name] = Child(_round(box, ways, name), limit=LIMIT)
            _reap(box, work)
            box.settle(ways.channels)
            if once and not work:
                return
            time.sleep(LOOK if not work else LOOK / 10)


def _round(box: Outbox, ways: Ways, name: str) -> Callable[[], None]:
    return lambda: tell_all(box, ways, name)


def due(box: Outbox, name: str) -> tuple[Message, ...]:
    """What the channel may try now."""
    at, trouble = now(), box.trouble(name)
    if trouble is not None and not trouble.over(at):
        return ()
    untold = [message for message in box.waiting() if box.evidence(name, message) is None]
    paused = {one.key for one in untold if (bad := box.trouble(name, one)) is not None and not bad.over(at)}
    return tuple(message for message in untold if message.key not in paused)


def tell_all(box: Outbox, ways: Ways, name: str) -> None:
    """What is due of one channel, oldest first. It says no to one message, or something keeps it from all of them."""
    end = time.monotonic() + LIMIT / 2  # the last one that is begun has as long again
    for message in due(box, name):
        if time.monotonic() > end:
            return
        try:
            deliver(box, ways, name, message)
        except Failed as fault:
            box.failed(now(), fault.what, 0.0, name, message)
        except (OSError, Problem) as fault:
            after = fault.after if isinstance(fault, Later) else 0.0
            box.failed(now(), fault.what if isinstance(fault, Problem) else str(fault), after, name)
            return
        box.clear(name)


def _reap(box: Outbox, work: dict[str, Child]) -> None:
    """Who has ended; what it died of is its channel's trouble."""
    for name, child in list(work.items()):
        if child.code is None:
            continue
        del work[name]
        if child.code != 0:
            said = f"no end within {LIMIT:.0f} s" if child.code == -9 else f"the sender ended with {child.code}"
            box.failed(now(), said, 0.0, name)
