"""A fenced client adds nothing: what the gate asks before each act that would last, and how the keeper fences it."""

import json
from collections.abc import Sequence
from pathlib import Path

from borg.helpers import Error

from effects.onhost import fence


class Fenced(Error):  # type: ignore[misc]  # borg has no types
    """{}"""


def require(client: str) -> None:
    """Raise Fenced where another host serves in this one's name. Asked each time: a backup may be under way."""
    if said := fence.fenced(client, fence.held(client, fence.ROOT)):
        raise Fenced(said)


def require_there(client: str, repository: Path) -> None:
    """Likewise for one that would be made."""
    if not repository.exists():
        require(client)


def answer(client: str, words: Sequence[str]) -> None:
    """The keeper's verb: `EPOCH SEAL HOLDER SINCE`. Prints what stands there now, and why where it was refused."""
    match words:
        case (epoch, seal, holder, since) if epoch.isdecimal():
            why = fence.take(client, fence.Held(int(epoch), seal, holder, since), fence.ROOT)
        case _:
            why = "that is no epoch"
    print(json.dumps({"refused": why, "held": fence.shown(fence.held(client, fence.ROOT))}))
