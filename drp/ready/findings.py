"""What would break the night, and what to type next."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import TypeAdapter

from backups.standing import Level
from estate.problem import Problem, Unreachable


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should do before the night comes; or that could not be looked at."""

    level: Level  # CRITICAL: a site would not come back; WARNING: later, or less of it; UNKNOWN: nobody could look
    host: str
    about: str  # a word or two, the same as long as it is the same check
    what: str
    do: str


FINDINGS = TypeAdapter(tuple[Finding, ...])


def critical(host: str, about: str, what: str, do: str) -> Finding:
    """A site would not come back, or visitors would not find it."""
    return Finding(Level.CRITICAL, host, about, what, do)


def warning(host: str, about: str, what: str, do: str) -> Finding:
    """It would come back: later, with less, or with luck."""
    return Finding(Level.WARNING, host, about, what, do)


def unknown(host: str, about: str, fault: Problem) -> Finding:
    """It could not be looked at, and so is not fine."""
    return Finding(Level.UNKNOWN, host, about, f"could not look: {fault.what}", fault.hint)


def failing(host: str, about: str, fault: Problem) -> Finding:
    """What was tried is what the night would try: no answer leaves it unknown, and a refusal is a refusal then too."""
    known = unknown if isinstance(fault, Unreachable) else _refused
    return known(host, about, fault)


def _refused(host: str, about: str, fault: Problem) -> Finding:
    return critical(host, about, fault.what, fault.hint)


def level(found: Iterable[Finding]) -> Level:
    """The worst of all; where something is critical, what nobody could look at comes second."""
    levels = {finding.level for finding in found}
    return min(levels, key=ORDER.index, default=Level.OK)


def worst_first(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each once, as people should read them."""
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (ORDER.index(one.level), one.host, one.about, one.what)))


ORDER = (Level.CRITICAL, Level.UNKNOWN, Level.WARNING, Level.OK)
