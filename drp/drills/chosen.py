"""What a game day takes away: some people, and a server or a datacenter. Chosen by chance, not by the operator. Pure.

The same seed and the same estate make the same choice, so that a game day can be looked at again.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from backups.losses import Loss
from drp.ready.comebacks import losses
from estate.model import Drp, Estate, Host
from estate.people import call_tree

LARGEST = 2**32  # seeds are below it: one can be read out over the telephone


@dataclass(frozen=True, slots=True)
class Choice:
    """Who and what is not there, beside production."""

    seed: int
    people: tuple[str, ...]  # may not take part
    lost: str  # a backup server, the primary of a zone, or a datacenter; empty: there is none to lose
    hosts: frozenset[str]  # that go with it


def choose(estate: Estate, production: Host, twin: Host, seed: int) -> Choice:
    """At least one of the people and at most half of them; one thing, of those that leave a twin."""
    dice = random.Random(seed)  # noqa: S311 - no secret: it is there to be repeated
    known = sorted(people(estate.drp))
    away = dice.sample(known, dice.randint(1, max(1, len(known) // 2))) if known else []
    could = candidates(estate, production, twin)
    loss = dice.choice(could) if could else Loss("", frozenset(), single=True)
    return Choice(seed, tuple(sorted(away)), loss.name, loss.hosts)


def people(drp: Drp) -> frozenset[str]:
    """All who have a part in a recovery: who is called, and who signs."""
    called = {one.name for calls in call_tree(drp.people) for one in calls}
    return frozenset({*called, *drp.approvers, *([drp.owner] if drp.owner else [])})


def candidates(estate: Estate, production: Host, twin: Host) -> Sequence[Loss]:
    """Without the twin nothing can be tried, and without production alone every drill is."""
    every = sorted(losses(estate, production, twin), key=lambda loss: loss.name)
    return [loss for loss in every if twin.name not in loss.hosts and loss.hosts != {production.name}]
