"""What a child is asked that holds a class of octoDNS, and what it answers."""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from drp.change import Change


@dataclass(frozen=True, slots=True)
class Order:
    """To make these changes; of none, to look whether the zone can be read, and what may be changed in it."""

    zone: str
    class_path: str
    package: str
    arguments: dict[str, Any]  # secrets with their values: never on a command line
    changes: tuple[Change, ...]
    begun: str  # the file that says what a run has begun
    names: tuple[str, ...] = ()  # absolute: those that may have to be changed one day


@dataclass(frozen=True, slots=True)
class Answer:
    """Either a fault (exit code, what, hint), or what a look found: types of records that the class can write, and
    addresses that stand at the names (name, type, sorted values).
    """

    fault: tuple[int, str, str] | None = None
    types: tuple[str, ...] = ()
    standing: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


ORDER = TypeAdapter(Order)
ANSWER = TypeAdapter(Answer)
