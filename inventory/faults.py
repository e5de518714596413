"""One fault of an estate file: where it stands, what is wrong, and the remedy. Never the value of a secret."""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

Place = tuple[str | int, ...]  # ("hosts", "web1", "ssh_port"); a number is an index into a list

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST = 60  # characters of a typed value that a message repeats


@dataclass(frozen=True, slots=True)
class Fault:
    """`what` is a sentence for people that ends with the remedy."""

    place: Place
    what: str


def show(place: Place) -> str:
    """As one would write it in TOML: `vhosts."shop.example".aliases[1]`."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else quoted(part))
    return text


def quoted(value: str) -> str:
    """In double quotes, cut short, and safe to print on any terminal."""
    short = value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
    return json.dumps(short, ensure_ascii=not short.isprintable())


def did_you_mean(typed: str, known: Iterable[str]) -> str:
    """The end of a sentence: the nearest known word, else what there is, else that there is nothing."""
    words = sorted(known)
    if near := difflib.get_close_matches(typed, words, n=1):
        return f"did you mean {quoted(near[0])}?"
    if not words:
        return "there is none in this estate yet; add one"
    shown = ", ".join(quoted(word) for word in words[:8])
    return f"there is {shown}" + (" and more" if len(words) > 8 else "")


def without_repeats(faults: Iterable[Fault]) -> list[Fault]:
    """The first fault of each place, and none that another one, above or below it, already explains."""
    kept: dict[Place, Fault] = {}
    for fault in faults:
        above = any(fault.place[:n] in kept for n in range(1, len(fault.place) + 1))
        below = any(place[: len(fault.place)] == fault.place for place in kept)
        if not above and not below:
            kept[fault.place] = fault
    return list(kept.values())
