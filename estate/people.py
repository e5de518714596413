"""Whom to call in a disaster, and whom where they do not answer."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody with a part in a recovery."""

    name: str
    role: str
    phone: str
    alternate: str | None = None  # by name: who is called where this one does not answer


def call_tree(people: Mapping[str, Contact]) -> list[tuple[Contact, ...]]:
    """For each role, in the order of the file: who is called, and who next where nobody answers."""
    return [_calls(people, first) for first in people.values()]


def _calls(people: Mapping[str, Contact], first: Contact) -> tuple[Contact, ...]:
    """Nobody twice: alternates may go round."""
    found = {first.name: first}
    one = first
    while one.alternate is not None and one.alternate not in found:
        one = people[one.alternate]
        found[one.name] = one
    return tuple(found.values())
