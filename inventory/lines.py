"""On which line of a TOML text something stands; `tomllib` does not tell.

It reads only text that `tomllib` has accepted, so it judges nothing: it cuts the text into tokens and follows
tables, arrays of tables, dotted and quoted keys, inline tables and lists.
"""

import re
import tomllib

from inventory.faults import Place

_TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|\n|[\[\]{},=]|[^\s\[\]{},="'#]+''',
    re.DOTALL,
)


def locate(text: str) -> dict[Place, int]:
    """The line (from 1) of every table, key and list element in a valid TOML `text`."""
    return _Walk(text).lines


def line_of(place: Place, lines: dict[Place, int]) -> int | None:
    """Its line, else that of what encloses it; None where nothing is known."""
    return next((lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in lines), None)


class _Walk:
    """One pass over the tokens; `self.at` is the next one."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Place, int] = {}
        self.tokens: list[tuple[str, int]] = []
        self.at = 0
        self.last: dict[Place, int] = {}  # index of the newest element of an array of tables
        line, seen = 1, 0
        for token in _TOKEN.finditer(text):
            line, seen = line + text.count("\n", seen, token.start()), token.start()
            self.tokens.append((token.group(), line))
        self._document()

    def _peek(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _next(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1][0]

    def _skip(self, *marks: str) -> None:
        while self._peek() in ("\n", *marks) or self._peek().startswith("#"):
            self.at += 1

    def _note(self, place: Place, line: int) -> None:
        for n in range(1, len(place) + 1):
            self.lines.setdefault(place[:n], line)

    def _document(self) -> None:
        table: Place = ()
        self._skip()
        while self.at < len(self.tokens):
            table = self._header() if self._peek() == "[" else self._pair(table)
            self._skip()

    def _header(self) -> Place:
        line = self.tokens[self.at][1]
        self._next()
        array = self._peek() == "["
        if array:
            self._next()
        place = self._newest(self._key("]"))
        if array:
            self._next()
            self.last[place] = self.last.get(place, -1) + 1
            place = (*place, self.last[place])
        self._note(place, line)
        self.lines[place] = line  # a table opened here, even where an earlier one implied it
        return place

    def _newest(self, key: tuple[str, ...]) -> Place:
        """`[a.b]` below `[[a]]` belongs to the newest element of a."""
        place: Place = ()
        for n, part in enumerate(key):
            place = (*place, part)
            if place in self.last and n < len(key) - 1:
                place = (*place, self.last[place])
        return place

    def _key(self, end: str) -> tuple[str, ...]:
        text = ""
        while self._peek() != end:
            text += self._next()
        self._next()
        value: object = tomllib.loads(f"{text} = 0")
        parts: list[str] = []
        while isinstance(value, dict):
            name, value = next(iter(value.items()))
            parts.append(name)
        return tuple(parts)

    def _pair(self, table: Place) -> Place:
        line = self.tokens[self.at][1]
        place = (*table, *self._key("="))
        self._note(place, line)
        self._value(place)
        return table

    def _value(self, place: Place) -> None:
        if self._peek() == "[":
            self._list(place)
        elif self._peek() == "{":
            self._inline(place)
        else:
            while self._peek() not in ("\n", ",", "]", "}", "") and not self._peek().startswith("#"):
                self._next()

    def _list(self, place: Place) -> None:
        self._next()
        index = 0
        self._skip(",")
        while self._peek() != "]":
            self._note((*place, index), self.tokens[self.at][1])
            self._value((*place, index))
            index += 1
            self._skip(",")
        self._next()

    def _inline(self, place: Place) -> None:
        self._next()
        self._skip(",")
        while self._peek() != "}":
            self._pair(place)
            self._skip(",")
        self._next()
