"""One shard of a hydration, as a process of its own: `python -m backups.proof.worker`, its order on standard input.

A process of its own because borg takes the passphrase and its ways from the environment, because several of them use
several cores, and because its memory is given back. Its answer is a line of JSON; borg's own errors end it with borg's
exit codes, which `backups.repository` knows.
"""

import os
import pwd
import shutil
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from borg.helpers import Error
from pydantic import TypeAdapter

from backups.proof.fill import Counted, Filler
from backups.proof.finish import finish
from backups.proof.index import Index, Known
from backups.proof.local import Local
from backups.proof.opened import opened
from backups.proof.tree import NEW, Tree
from estate.problem import Failed, Problem, Untrusted, of_code

LAST = "finish"  # the shard that ends a run


@dataclass(frozen=True, slots=True)
class Order:
    """What one process shall do."""

    url: str
    archive: str  # its name
    id: str  # and what it must be: a name can be given away
    top: Path
    members: tuple[str, ...]  # paths as in the archive; none: all
    seed: Path | None  # where the host's own files lie under the same paths
    index: Path  # a directory: `now` of the last run, `new` of this one
    shard: int
    of: int
    owner: str | None  # a user who gets all of it; None: as saved
    prove: bool = False
    ends: bool = False  # does what is done when all shards are through

    def force(self) -> tuple[int, int] | None:
        """The owner as numbers."""
        if self.owner is None:
            return None
        user = pwd.getpwnam(self.owner)
        return user.pw_uid, user.pw_gid


class ByHand(Untrusted):
    """The archive holds what borg would never have saved, or is another than its name says."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of it; with a fault, as an exit code, its words and a hint, if it is no error of borg's."""

    counted: Counted
    fault: tuple[int, str, str] | None = None

    def judge(self) -> Counted:
        """What was counted. Raises the problem that the process met."""
        if self.fault is not None:
            code, what, hint = self.fault
            raise (ByHand if code == Untrusted.exit_code else of_code(code))(what, hint=hint)
        return self.counted


ORDER, ANSWER = TypeAdapter(Order), TypeAdapter(Answer)


def fill(order: Order) -> Counted:
    """The items of one shard."""
    with opened(order.url, order.archive, order.id) as source, closing(Tree(order.top, order.shard)) as tree:
        index = Index(order.index / "now", order.index / "new", str(order.shard))
        with closing(index), closing(Local(source, tree, order.seed)) as local:
            filler = Filler(
                source, tree, local, index, members=order.members, shard=order.shard, of=order.of,
                force=order.force(), prove=order.prove,
            )  # fmt: skip
            return filler.run()


def end(order: Order) -> int:
    """When all shards are through: how many entries were removed."""
    with (
        closing(Known(order.index / "new")) as known,
        closing(Tree(order.top, order.of)) as tree,
        closing(Index(order.index / "now", order.index / "new", LAST)) as index,
    ):
        removed = finish(tree, index, known, order.members, order.force())
    shutil.rmtree(order.top / NEW)
    return removed


def work(order: Order) -> Answer:
    """As ordered. Problems and faults of the disk are part of the answer."""
    try:
        counted = fill(order) if order.shard < order.of else Counted()
        if order.ends:
            counted.removed = end(order)
        return Answer(counted)
    except Problem as problem:
        return Answer(Counted(), (problem.exit_code, problem.what, problem.hint))
    except OSError as fault:
        what = f"{fault.filename or order.top}: {fault.strerror}"
        return Answer(Counted(), (Failed.exit_code, what, "make room or mend rights there, then run it again"))


def main() -> int:
    """Borg's exit code where borg failed, else 0 and an answer."""
    os.umask(0o077)
    try:
        answer: Any = work(ORDER.validate_json(sys.stdin.buffer.read()))
    except Error as error:
        sys.stderr.write(f"{error.get_message()}\n")
        return int(error.exit_code)
    sys.stdout.buffer.write(ANSWER.dump_json(answer) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
