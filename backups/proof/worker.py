"""A hydration, as a process of its own: `python -m backups.proof.worker`, its orders on standard input.

A process of its own because borg takes the passphrase and its ways from the environment, and because its memory is
given back. For several shards it forks, so that all cores work and borg's modules are imported once; each shard opens
the repository for itself. The answers are a line of JSON; borg's own errors end it with borg's exit codes, which
`backups.repository` knows.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any

from borg.helpers import Error

from backups.progress import Tally
from backups.proof.errand import ANSWER, ANSWERS, ORDERS, Answer, Counted, Order
from backups.proof.fill import Filler
from backups.proof.finish import finish
from backups.proof.index import Index, Known
from backups.proof.local import Local
from backups.proof.opened import Opened, opened
from backups.proof.sorted import Sorted
from backups.proof.tree import NEW, Tree, is_bare
from effects.forked import forked
from estate.problem import Failed, Problem

LAST = "finish"  # the shard that ends a run


class Ended(Exception):
    """A shard ended with this exit code, and has said why: borg's own, or of a signal as shells count them."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code if code > 0 else 128 - code


def fill(order: Order, source: Opened, items: Iterable[Any], shard: int, *, bare: bool) -> Counted:
    """The items of one shard. `bare`: nothing stood in the tree before this run."""
    with closing(Tree(order.top, shard)) as tree:
        index = Index(order.index / "now", order.index / "new", str(shard))
        with closing(index), closing(Local(source, tree, order.seed)) as local:
            filler = Filler(
                source, tree, local, index, members=order.members, shard=shard, of=order.shards,
                force=order.force(), prove=order.prove, bare=bare,
            )  # fmt: skip
            filler.seen = Tally(order.index, str(shard))
            return filler.run(items)


def end(order: Order, *, bare: bool) -> Counted:
    """When all shards are through: what was removed, and directories get their attributes."""
    with (
        closing(Known(order.index / "new")) as known,
        closing(Tree(order.top, order.shards)) as tree,
        closing(Index(order.index / "now", order.index / "new", LAST)) as index,
    ):
        removed = finish(tree, index, known, order.members, order.force(), bare=bare)
    shutil.rmtree(order.top / NEW)
    return Counted(removed=removed)


def work(orders: Sequence[Order]) -> tuple[Answer, ...]:
    """As ordered. Problems and faults of the disk are part of the answers. Raises borg's errors, and Ended."""
    if len(orders) > 1:
        return _at_once(orders)
    (order,) = orders
    bare = is_bare(order.top)
    return (_ended(order, _filled(order, bare=bare), bare=bare),)


def _at_once(orders: Sequence[Order]) -> tuple[Answer, ...]:
    """Several trees, of an archive whose items are read once. A fault of one is no fault of another."""
    first = orders[0]
    try:
        with (
            opened(first.url, first.archive, first.id) as source,
            closing(Sorted(source.items(), [order.members for order in orders], first.index)) as items,
        ):
            return tuple(_one(order, source, items.of(number)) for number, order in enumerate(orders))
    except Problem as problem:
        return (_faulty(problem),) * len(orders)


def _one(order: Order, source: Opened, items: Iterable[Any]) -> Answer:
    bare = is_bare(order.top)
    return _ended(order, [_answered(order, lambda: fill(order, source, items, 0, bare=bare))], bare=bare)


def _ended(order: Order, answers: list[Answer], *, bare: bool) -> Answer:
    if all(answer.fault is None for answer in answers):
        answers.append(_answered(order, lambda: end(order, bare=bare)))
    fault = next((answer.fault for answer in answers if answer.fault), None)
    return Answer(_together([answer.counted for answer in answers]), fault)


def _filled(order: Order, *, bare: bool) -> list[Answer]:
    if order.shards == 1:
        return [_answered(order, lambda: _shard(order, 0, bare=bare))]
    answers = forked([lambda shard=shard: _child(order, shard, bare=bare) for shard in range(order.shards)])  # type: ignore[misc]
    for code, _ in answers:
        if code:
            raise Ended(code)
    return [ANSWER.validate_json(said) for _, said in answers]


def _shard(order: Order, shard: int, *, bare: bool) -> Counted:
    with opened(order.url, order.archive, order.id) as source:
        return fill(order, source, source.items(), shard, bare=bare)


def _child(order: Order, shard: int, *, bare: bool) -> tuple[int, bytes]:
    try:
        return 0, ANSWER.dump_json(_answered(order, lambda: _shard(order, shard, bare=bare)))
    except Error as error:
        return _said(error), b""


def _answered(order: Order, act: Callable[[], Counted]) -> Answer:
    try:
        return Answer(act())
    except Problem as problem:
        return _faulty(problem)
    except OSError as fault:
        what = f"{fault.filename or order.top}: {fault.strerror}"
        return Answer(Counted(), (Failed.exit_code, what, "make room or mend rights there, then run it again"))


def _faulty(problem: Problem) -> Answer:
    return Answer(Counted(), (problem.exit_code, problem.what, problem.hint))


def _together(parts: Sequence[Counted]) -> Counted:
    total = Counted()
    for part in parts:
        for word, value in asdict(part).items():
            known = getattr(total, word)
            setattr(total, word, max(known, value) if word == "newest" else known + value)
    return total


def _said(error: Any) -> int:
    sys.stderr.write(f"{error.get_message()}\n")
    sys.stderr.flush()
    return int(error.exit_code)


def main() -> int:
    """Borg's exit code where borg failed, else 0 and an answer for each order."""
    os.umask(0o077)
    try:
        answers = work(ORDERS.validate_json(sys.stdin.buffer.read()))
    except Error as error:
        return _said(error)
    except Ended as ended:
        return ended.code
    sys.stdout.buffer.write(ANSWERS.dump_json(answers) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
