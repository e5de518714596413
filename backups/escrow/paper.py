"""Secrets that survive being printed, and typed in again by somebody who is tired.

Crockford's base32 (no I, L, O, U; read as 1, 1, 0): 15 bytes a line in six groups of four, the line's number before
and a check code after it. The last line checks the whole. A wrong line is known by itself: 1 in 32,768 escapes its
own code, and 1 in 10^12 the one of the whole.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1"})
LINE = 15  # bytes
GROUP = 4
CODE, WHOLE = 3, 8  # characters
LAST = "END"


class BadLine(ValueError):
    """What is wrong with one typed line; the others may be good."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is what was printed. `number` is 0 for the last one."""

    number: int
    data: bytes


def lines(data: bytes) -> list[str]:
    """To be printed."""
    rows = [data[start : start + LINE] for start in range(0, len(data), LINE)]
    return [*(_row(number, row) for number, row in enumerate(rows, 1)), f"{LAST}  {grouped(_whole(data))}"]


def _row(number: int, row: bytes) -> str:
    return f"{number:3}  {grouped(encode(row))}  {_code(number, row)}"


def grouped(characters: str) -> str:
    """In fours, with dashes."""
    return "-".join(characters[start : start + GROUP] for start in range(0, len(characters), GROUP))


def encode(data: bytes) -> str:
    """In the alphabet; the last character has zeros behind."""
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    return "".join(ALPHABET[int(bits[start : start + 5], 2)] for start in range(0, len(bits), 5))


def _decode(characters: str) -> bytes:
    bits = "".join(f"{ALPHABET.index(character):05b}" for character in characters)
    whole, rest = bits[: len(bits) // 8 * 8], bits[len(bits) // 8 * 8 :]
    if "1" in rest or len(rest) > 4:
        raise ValueError
    return bytes(int(whole[start : start + 8], 2) for start in range(0, len(whole), 8))


def _code(number: int, row: bytes) -> str:
    return encode(hashlib.sha256(b"seawall paper" + number.to_bytes(4, "big") + row).digest())[:CODE]


def _whole(data: bytes) -> str:
    return encode(hashlib.sha256(b"seawall paper, whole" + data).digest())[:WHOLE]


def read_line(typed: str) -> Line:
    """One line as it was typed; spaces, dashes and capitals do not matter. Raises BadLine."""
    first, _, rest = typed.strip().upper().partition(" ")
    if first == LAST:
        return Line(0, _characters(rest).encode())
    if not first.isdecimal():
        raise BadLine("begin with the number of the line, then a space")
    characters, number = _characters(rest), int(first)
    try:
        row = _decode(characters[:-CODE])
    except ValueError:
        row = b""
    if not row or characters[-CODE:] != _code(number, row):
        raise BadLine(f"line {number} is not what was printed: compare it letter by letter, and its number")
    return Line(number, row)


def _characters(typed: str) -> str:
    found = "".join(typed.replace("-", " ").split()).translate(READ_AS)
    if odd := sorted(set(found) - set(ALPHABET)):
        raise BadLine(f"{odd[0]} is in no line that we print: compare that place")
    return found


def read(typed: Iterable[str]) -> bytes:
    """All that was printed. Raises BadLine, which says which line is wrong or missing."""
    found: dict[int, bytes] = {}
    for written in typed:
        if written.strip() and not written.lstrip().startswith("#"):
            line = read_line(written)
            found[line.number] = line.data
    return joined(found)


def joined(found: dict[int, bytes]) -> bytes:
    """Of lines by their number, 0 for the last. Raises BadLine."""
    if 0 not in found:
        raise BadLine(f"the last line, {LAST}, is missing")
    numbers = range(1, max(found) + 1)
    if missing := [number for number in numbers if number not in found]:
        raise BadLine(f"line {missing[0]} is missing")
    data = b"".join(found[number] for number in numbers)
    if found[0].decode() != _whole(data):
        raise BadLine(f"each line is good, but not all of them together ({LAST}): is one of another paper?")
    return data
