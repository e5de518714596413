"""Errors an operator can act on. Each kind has one exit code; `seawall.cli` alone prints them.

Problem          1   something does not hold
├── BadEstate    2   the estate file, or what was typed, is wrong (2 is also click's code for usage)
├── Missing      3   a right, a package or a secret that this machine lacks
├── Unreachable  4   a host, or a server on it, did not answer in time
├── Untrusted    5   a host key, a signature or a passphrase is not the expected one
├── Refused      6   done on purpose: acting would lose data or contradict an approval
├── Failed       7   a remote command or a step failed on a host that answered
├── Unmet        8   all was looked at, and a goal is not reached
└── Frozen       9   somebody tampered with what was saved, or it looks so; nothing is deleted until a person has looked
"""

from collections.abc import Iterable
from typing import ClassVar


class Problem(Exception):
    """What went wrong, and the next thing to type. `str()` is what the operator reads."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(what)
        self.what, self.hint = what, hint

    def __str__(self) -> str:
        return f"{self.what}\n  hint: {self.hint}"


class BadEstate(Problem):
    """The estate file, or what was typed, is wrong."""

    exit_code = 2


class Missing(Problem):
    """This machine lacks a right, a package or a secret."""

    exit_code = 3


class Unreachable(Problem):
    """A host, or a server on it, did not answer in time."""

    exit_code = 4


class Untrusted(Problem):
    """A host key, a signature or a passphrase is not the expected one."""

    exit_code = 5


class Refused(Problem):
    """Acting would lose data or contradict an approval."""

    exit_code = 6


class Failed(Problem):
    """A command or a step failed on a host that answered."""

    exit_code = 7


class Unmet(Problem):
    """All was looked at, and a goal is not reached."""

    exit_code = 8


class Frozen(Problem):
    """What was saved is not what it was; nothing of it is deleted until a person has looked."""

    exit_code = 9


def shared(codes: Iterable[int]) -> type[Problem]:
    """The kind of error that all of them have, by their exit codes; Failed where they differ."""
    kinds = {of_code(code) for code in codes}
    return kinds.pop() if len(kinds) == 1 else Failed


def of_code(code: int) -> type[Problem]:
    """The kind of error that a `seawall` on another host ended with."""
    return next((kind for kind in Problem.__subclasses__() if kind.exit_code == code), Failed)
