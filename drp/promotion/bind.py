"""named.conf in which a secondary is the primary of zones. Pure: text in, text out.

Read and written is what `named-checkconf -p` gives out: every include resolved, comments gone, one statement a line,
nested ones under a tab more. In a primary BIND refuses what only a secondary can have; and where nothing is said of the
format of its file, a primary expects text where a secondary wrote raw (tried with BIND 9.18.49).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from drp.promotion.asked import Ours, by_hand

_ZONE = re.compile(r'(\t*)zone "([^"]*)"(?: \w+)?\s+\{$')
_KEY = re.compile(r'key "([^"]*)"\s+\{$')
SECONDARY = ("secondary", "slave")
OF_A_SECONDARY = frozenset({
    "primaries", "masters", "allow-notify", "allow-update-forwarding", "max-refresh-time", "max-retry-time",
    "max-transfer-idle-in", "max-transfer-time-in", "min-refresh-time", "min-retry-time", "min-transfer-rate-in",
    "multi-master", "request-expire", "request-ixfr", "request-ixfr-max-diffs", "transfer-source", "transfer-source-v6",
    "alt-transfer-source", "alt-transfer-source-v6", "use-alt-transfer-source", "try-tcp-refresh",
})  # fmt: skip
SIGNS = frozenset({"dnssec-policy", "inline-signing", "auto-dnssec"})
FORMAT = "masterfile-format"
Lines = list[str]


@dataclass(frozen=True, slots=True)
class _Block:
    """`lines[start]` opens it, `lines[end]` closes it; statements of its own have `depth` tabs."""

    name: str
    start: int
    end: int
    depth: int


def promoted(text: str, zones: Sequence[str], key: Ours) -> str:
    """The configuration in which it takes updates of `zones` with `key`, from nobody else; the same where it does.

    Raises Refused where people have to do it.
    """
    lines = text.rstrip("\n").split("\n")
    for zone in zones:
        blocks = [one for one in _zones(lines) if one.name == zone]
        if not blocks:
            raise by_hand(f"{zone} does not stand in its configuration: it may be in a catalog zone")
        for block in reversed(blocks):  # of the same zone in several views; the last one first, as lines move
            lines[block.start + 1 : block.end] = _promoted(lines, block, key)
    return "\n".join([*_key(lines, key), *lines, ""])


def unsigned(text: str, zone: str) -> bool:
    """Whether this server does not sign it."""
    lines = text.split("\n")
    mine = [_statements(lines, one) for one in _zones(lines) if one.name == zone]
    return not any(SIGNS & statements.keys() for statements in mine)


def _zones(lines: Sequence[str]) -> list[_Block]:
    found = []
    for number, line in enumerate(lines):
        if opened := _ZONE.match(line):
            end = next(at for at in range(number, len(lines)) if lines[at] == f"{opened[1]}}};")
            found.append(_Block(opened[2].rstrip(".").lower(), number, end, len(opened[1]) + 1))
    return found


def _promoted(lines: Lines, block: _Block, key: Ours) -> Lines:
    mine = _statements(lines, block)
    kind = _value(mine.get("type", []))
    if kind in ("primary", "master") or "in-view" in mine:
        return [line for one in mine.values() for line in one]
    if kind not in SECONDARY:
        raise by_hand(f"{block.name} is of the type {kind or 'that has no name'} there")
    if "file" not in mine:
        raise by_hand(f"{block.name} has no file there: it is in its memory alone")
    tabs = "\t" * block.depth
    left = {word: one for word, one in mine.items() if word not in OF_A_SECONDARY}
    left["type"] = [f"{tabs}type primary;"]
    left[FORMAT] = [f"{tabs}{FORMAT} {_format(lines, block, mine)};"]
    grant = f'{tabs}\tgrant "{key.name}" zonesub A AAAA HTTPS TXT;'
    left["update-policy"] = [f"{tabs}update-policy {{", grant, f"{tabs}}};"]
    return [line for one in left.values() for line in one]


def _format(lines: Lines, block: _Block, mine: dict[str, Lines]) -> str:
    """Of the file that it wrote: by its own word, that of its view, that of all, or BIND's."""
    above = [number for number in range(block.start) if lines[number].startswith("view ")] if block.depth > 1 else []
    above = [*above[-1:], *(number for number, line in enumerate(lines) if line.startswith("options "))]
    around = [line for number in above for line in lines[number : lines.index("};", number)]]
    said = [[line] for line in around if line.startswith(f"\t{FORMAT} ")]
    return _value(next(iter([*([mine[FORMAT]] if FORMAT in mine else []), *said]), [])) or "raw"


def _statements(lines: Sequence[str], block: _Block) -> dict[str, Lines]:
    """What stands directly in it, by first word."""
    found: dict[str, Lines] = {}
    word, tabs = "", "\t" * block.depth
    for line in lines[block.start + 1 : block.end]:
        if line.startswith(tabs) and line[block.depth] not in "\t}":
            word = re.split(r"[ ;]", line.strip(), maxsplit=1)[0]
        found.setdefault(word, []).append(line)
    return found


def _value(lines: Sequence[str]) -> str:
    """Of a statement of one line."""
    return lines[0].strip().rstrip(";").split(" ", 1)[1].strip(' "') if lines else ""


def _key(lines: Lines, key: Ours) -> Lines:
    """Its statement, where there is none."""
    for number, line in enumerate(lines):
        if (found := _KEY.match(line)) and found[1].rstrip(".").lower() == key.name.rstrip(".").lower():
            said = " ".join(lines[number : lines.index("};", number)])
            if f'secret "{key.secret}"' not in said or key.algorithm not in said:
                raise by_hand(f"the key {key.name} there is not the one of the estate")
            return []
    return [f'key "{key.name}" {{', f'\talgorithm "{key.algorithm}";', f'\tsecret "{key.secret}";', "};"]
