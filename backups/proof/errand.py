"""What a hydration is asked for and what it answers: apart, for who asks for one needs none of borg's modules."""

import pwd
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter

from estate.problem import Untrusted, of_code

TRIED = "1.4.5"  # the borg whose modules `backups.proof.opened` was tried with


def known() -> bool:
    """Whether this borg is that one."""
    return version("borgbackup") == TRIED


@dataclass(slots=True)
class Counted:
    """What became of the items of a run, or of one of its shards."""

    files: int = 0
    bytes: int = 0  # of all files together
    kept: int = 0
    written: int = 0
    fetched: int = 0  # bytes of chunks that were not here
    devices: int = 0  # left out
    removed: int = 0  # what the archive has no more
    newest: int = 0  # nanoseconds of Unix time: when the youngest file was changed
    damaged: list[str] = field(default_factory=list)  # paths whose content the repository has lost


@dataclass(frozen=True, slots=True)
class Order:
    """What shall be done with one tree. Several that go together are of one archive, and of one shard each."""

    url: str
    archive: str  # its name
    id: str  # and what it must be: a name can be given away
    top: Path
    members: tuple[str, ...]  # paths as in the archive; none: all
    seed: Path | None  # where the host's own files lie under the same paths
    index: Path  # a directory: `now` of the last run, `new` of this one
    shards: int  # how many processes share the files
    owner: str | None  # a user who gets all of it; None: as saved
    prove: bool = False

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


ANSWER = TypeAdapter(Answer)
ORDERS, ANSWERS = TypeAdapter(tuple[Order, ...]), TypeAdapter(tuple[Answer, ...])
