"""What the team decides about how long things are kept, and what a client may fill."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

GB = 10**9


@dataclass(frozen=True, slots=True)
class Keep:
    """How long archives of one class stay, on each side by itself."""

    within: timedelta  # everything younger stays
    daily: int  # so many of the last days that have an archive keep one of them; the same for the others
    weekly: int
    monthly: int
    yearly: int
    at_least: int  # so many of the newest stay however old they are; 1 or more


@dataclass(frozen=True, slots=True)
class VaultPolicy:
    """How the keeper on the DRP side looks after the repositories."""

    files: Keep = Keep(timedelta(days=7), daily=30, weekly=8, monthly=12, yearly=2, at_least=5)
    databases: Keep = Keep(timedelta(days=2), daily=14, weekly=8, monthly=12, yearly=2, at_least=12)
    delay: timedelta = timedelta(days=7)  # between saying that an archive goes, and removing it
    check: timedelta = timedelta(minutes=5)  # of reading a repository, once a day
    most_a_day: int = 60  # new archives of one kind on one side; more is a flood
    quotas: Mapping[str, int] = field(default_factory=dict)  # bytes of one repository, by class: files, databases
