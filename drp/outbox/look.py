"""What people have not been told yet, and why."""

from collections.abc import Iterator, Mapping
from typing import Any

from drp.outbox.box import Outbox
from drp.outbox.message import Message
from drp.outbox.pauses import Trouble
from estate.channels import Channel
from estate.problem import Missing


def untold(box: Outbox, channels: Mapping[str, Channel]) -> list[dict[str, Any]]:
    """A row for each message and channel that has not got it; JSON types and datetimes only."""
    return [row for message in box.waiting() for row in rows(box, channels, message) if row["told"] is None]


def everything(box: Outbox, channels: Mapping[str, Channel]) -> list[dict[str, Any]]:
    """A row for each message and channel, those included that were told."""
    return [row for message in box.messages() for row in rows(box, channels, message)]


def rows(box: Outbox, channels: Mapping[str, Channel], message: Message) -> Iterator[dict[str, Any]]:
    """How a message stands with each channel."""
    for name in channels:
        told = box.evidence(name, message)
        bad = None if told is not None else _worst(box.trouble(name, message), box.trouble(name))
        yield {
            "key": message.key,
            "at": message.at,
            "title": message.title,
            "channel": name,
            "told": told,
            "tries": bad.tries if bad else 0,
            "tried": bad.tried if bad else None,
            "error": bad.error if bad else None,
            "next": bad.tried + bad.pause if bad else None,
        }


def _worst(mine: Trouble | None, everybodys: Trouble | None) -> Trouble | None:
    """What it waits for longest."""
    found = [one for one in (mine, everybodys) if one is not None]
    return max(found, key=lambda one: one.tried + one.pause, default=None)


def again(box: Outbox, channels: Mapping[str, Channel]) -> int:
    """Whatever waits is tried at once; how many messages that are."""
    waiting = box.waiting()
    for name in channels:
        box.clear(name)
        for message in waiting:
            box.clear(name, message)
    return len(waiting)


def give_up(box: Outbox, channels: Mapping[str, Channel], key: str, why: str) -> list[str]:
    """A message is not told by the channels that could not; whose they were. Raises Missing for one that waits not."""
    found = [message for message in box.waiting() if message.key == key]
    if not found:
        raise Missing(f"no message {key} waits here", hint="look what waits: seawall drp tickets")
    left = [name for name in channels if box.evidence(name, found[0]) is None]
    for name in left:
        box.told(name, found[0], why)
    box.settle(channels)
    return left
