"""A picture of what happened when: one SVG, no scripts, no outside resources, readable in light and dark.

Lanes are rows, spans are bars, marks are instants across all lanes. A long pause in which nothing happened is drawn
as a short break, so that an activation of minutes and a return days later fit one picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import pairwise

WIDTH, LEFT, RIGHT = 900.0, 150.0, 14.0  # of the picture; of the lanes' names; free on the right
MANY = 40  # rows; with more of them each is lower
LETTER = 6.1  # width of one at 11 px, on the generous side
BREAK = 60.0  # width of a pause that is cut out
PATIENCE = 0.35  # a pause longer than this part of all that is not pause is cut out
TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)  # seconds
PALETTE = 12  # colours, then they begin again
FAILED = "failed"  # the one kind with a colour of its own

STYLE = """
.tl{--tl-ink:#1c2430;--tl-soft:#5d6878;--tl-grid:#e3e7ec;--tl-band:#f6f7f9;--tl-on:#fff;--tl-bad:#c4302b;
--tl-0:#3b6fb6;--tl-1:#23897d;--tl-2:#b56f06;--tl-3:#7b5ea7;--tl-4:#4f8a3c;--tl-5:#b6547f;--tl-6:#5b7083;--tl-7:#8a6d3b;
--tl-8:#147f9e;--tl-9:#6a7b16;--tl-10:#5a55c4;--tl-11:#9c3f8f;
font-family:system-ui,"DejaVu Sans",sans-serif;max-width:100%;height:auto}
@media screen and (prefers-color-scheme:dark){.tl{--tl-ink:#e6eaf0;--tl-soft:#9aa5b5;--tl-grid:#2c3440;
--tl-band:#1b212a;--tl-on:#12161c;--tl-bad:#ff6b63;--tl-0:#6ea0e6;--tl-1:#4ecab9;--tl-2:#f0ab45;--tl-3:#b096dd;--tl-4:#86c46f;
--tl-5:#e68ab2;--tl-6:#94a9bd;--tl-7:#c9a96b;--tl-8:#5cc4e0;--tl-9:#b3c45a;--tl-10:#a09bf0;--tl-11:#dc86d0}}
.tl text{fill:var(--tl-ink);font-size:11px}.tl .tl-soft{fill:var(--tl-soft)}.tl .tl-on{fill:var(--tl-on)}
.tl .tl-low{font-size:8px}
.tl .tl-grid{stroke:var(--tl-grid)}.tl .tl-band{fill:var(--tl-band)}
.tl .tl-mark{stroke:var(--tl-ink);stroke-dasharray:3 3}
.tl .tl-break{stroke:var(--tl-soft);stroke-dasharray:1 4}
"""


@dataclass(frozen=True, slots=True)
class _Look:
    """Of a row, in pixels."""

    row: float  # height
    bar: float
    base: float  # where text stands on
    labels: bool  # in the bars

    def y(self, top: float) -> float:
        """The upper edge of a bar."""
        return top + (self.row - self.bar) / 2


WIDE, LOW = _Look(22, 16, 15, labels=True), _Look(12, 9, 9.5, labels=False)


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took time. Spans of one lane that overlap are drawn below each other."""

    lane: str
    label: str
    start: datetime  # aware
    end: datetime
    kind: str  # one colour each; "failed" is red


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant that matters to all lanes."""

    at: datetime  # aware
    label: str


def svg(spans: Sequence[Span], marks: Sequence[Mark] = (), *, whole: Sequence[Span] = ()) -> str:
    """The picture, as an element for an HTML page or a file of its own. Times are shown in UTC.

    `whole`: where `spans` are a part, all of them: parts have one axis and one set of colours.
    """
    if not spans and not marks:
        return ""
    axis, colours = _Axis(whole or spans, marks), _colours(whole or spans)
    rows = _rows(spans, axis)
    count = sum(len(row) for row in rows.values())
    look = LOW if count > MANY else WIDE
    heads, head_lines = _marks(marks, axis)
    top = 8 + head_lines * 14
    bottom = top + count * look.row
    legend, height = _legend(colours, bottom + 40)
    body = [*_bands(rows, top, look), *_ticks(axis, top, bottom), *_bars(rows, axis, colours, top, look)]
    body += [head.replace("BOTTOM", f"{bottom:.0f}") for head in heads] + legend
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tl" role="img" aria-label="timeline" width="{WIDTH:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {WIDTH:.0f} {height:.0f}"><style>{STYLE}</style>{"".join(body)}</svg>'
    )


class _Axis:
    """From instants to places: linear, but for pauses that are cut out."""

    def __init__(self, spans: Sequence[Span], marks: Sequence[Mark]) -> None:
        stretches = sorted([(s.start, s.end) for s in spans] + [(m.at, m.at) for m in marks])
        self.pieces = _pieces(stretches)
        busy = sum((end - start).total_seconds() for start, end in self.pieces)
        room = WIDTH - LEFT - RIGHT - BREAK * (len(self.pieces) - 1)
        self.scale = room / max(busy, 1.0)  # pixels per second

    def x(self, at: datetime) -> float:
        """Pixels from the left edge of the picture."""
        left = LEFT
        for start, end in self.pieces:
            if at <= end:
                return left + max((at - start).total_seconds(), 0) * self.scale
            left += (end - start).total_seconds() * self.scale + BREAK
        return WIDTH - RIGHT

    @property
    def breaks(self) -> list[tuple[float, timedelta]]:
        """The middle of each pause that was cut out, and how long it was."""
        pairs = pairwise(self.pieces)
        return [(self.x(before[1]) + BREAK / 2, after[0] - before[1]) for before, after in pairs]


def _pieces(stretches: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Times without long pauses. How long is long depends on how much is going on at all."""
    merged: list[tuple[datetime, datetime]] = []
    for start, end in stretches:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    busy = sum(((end - start).total_seconds() for start, end in merged), 0.0)
    pieces = merged[:1]
    for start, end in merged[1:]:
        if (start - pieces[-1][1]).total_seconds() > max(PATIENCE * busy, 30):
            pieces.append((start, end))
        else:
            pieces[-1] = (pieces[-1][0], end)
    return pieces


def _rows(spans: Sequence[Span], axis: _Axis) -> dict[str, list[list[Span]]]:
    """Per lane, rows in which nothing overlaps, not even what is drawn wider than it was."""
    rows: dict[str, list[list[Span]]] = {}
    for span in sorted(spans, key=lambda span: span.start):
        mine = rows.setdefault(span.lane, [])
        fits = (row for row in mine if _right(row[-1], axis) <= axis.x(span.start) + 0.5)
        row = next(fits, None)
        if row is None:
            mine.append([span])
        else:
            row.append(span)
    order = list(dict.fromkeys(span.lane for span in spans))
    return {lane: rows[lane] for lane in order}


def _right(span: Span, axis: _Axis) -> float:
    return max(axis.x(span.end), axis.x(span.start) + 2)


def _colours(spans: Sequence[Span]) -> dict[str, str]:
    kinds = [kind for kind in dict.fromkeys(span.kind for span in spans) if kind != FAILED]
    colours = {kind: f"var(--tl-{number % PALETTE})" for number, kind in enumerate(kinds)}
    return colours | ({FAILED: "var(--tl-bad)"} if any(span.kind == FAILED for span in spans) else {})


def _bands(rows: dict[str, list[list[Span]]], top: float, look: _Look) -> list[str]:
    parts, y = [], top
    low = "" if look.labels else ' class="tl-low"'
    for number, (lane, mine) in enumerate(rows.items()):
        height = len(mine) * look.row
        if number % 2 == 0:
            parts.append(f'<rect class="tl-band" x="0" y="{y:.0f}" width="{WIDTH:.0f}" height="{height:.0f}"/>')
        said = f"{_fitted(lane, LEFT - 14)}<title>{escape(lane)}</title>"
        parts.append(f'<text x="8" y="{y + look.base:.1f}"{low}>{said}</text>')
        y += height
    return parts


def _bars(
    rows: dict[str, list[list[Span]]], axis: _Axis, colours: dict[str, str], top: float, look: _Look
) -> list[str]:
    parts, y = [], top
    for row in (row for mine in rows.values() for row in mine):
        for span, following in zip(row, [*row[1:], None], strict=True):
            limit = WIDTH - RIGHT if following is None else axis.x(following.start)
            parts.append(_bar(span, axis, colours[span.kind], y, limit, look))
        y += look.row
    return parts


def _bar(span: Span, axis: _Axis, colour: str, y: float, limit: float, look: _Look) -> str:
    """The bar, and its label in it or right of it, where there is room before `limit`."""
    x, right = axis.x(span.start), _right(span, axis)
    seconds = (span.end - span.start).total_seconds()
    title = f"{span.lane}: {span.label}, {lasting(seconds)}, {span.start.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    text, wide = "", len(span.label) * LETTER
    if not look.labels:
        pass
    elif wide + 8 <= right - x:
        text = f'<text x="{x + 5:.1f}" y="{y + look.base:.0f}" class="tl-on">{escape(span.label)}</text>'
    elif right + wide + 6 <= limit:
        text = f'<text x="{right + 4:.1f}" y="{y + look.base:.0f}">{escape(span.label)}</text>'
    return (
        f"<g><title>{escape(title)}</title>"
        f'<rect x="{x:.1f}" y="{look.y(y):.1f}" width="{right - x:.1f}" height="{look.bar:.0f}" rx="2" '
        f'style="fill:{colour}"/>{text}</g>'
    )


def _marks(marks: Sequence[Mark], axis: _Axis) -> tuple[list[str], int]:
    """Lines with their labels on top, staggered where they would overlap; and how many lines of labels there are."""
    ends: list[float] = []
    parts = []
    for mark in sorted(marks, key=lambda mark: mark.at):
        x, wide = axis.x(mark.at), len(mark.label) * LETTER
        left = x + 3 if x + wide + 4 < WIDTH else x - wide - 3
        line = next((number for number, end in enumerate(ends) if end < left), len(ends))
        ends[line : line + 1] = [max(x, left + wide) + 6]
        parts.append(
            f"<g><title>{escape(mark.label)}, {mark.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC</title>"
            f'<line class="tl-mark" x1="{x:.1f}" x2="{x:.1f}" y1="{line * 14 + 4}" y2="BOTTOM"/>'
            f'<text x="{left:.1f}" y="{line * 14 + 12}" font-weight="600">{escape(mark.label)}</text></g>'
        )
    return parts, len(ends)


def _ticks(axis: _Axis, top: float, bottom: float) -> list[str]:
    """Hours below the lanes, the day below the first hour of each piece, and the length of each pause in it."""
    step = next((t for t in TICKS if t * axis.scale >= 64), 86400 * max(1, round(64 / (86400 * axis.scale))))
    parts, day, free = [], "", 0.0
    for at in (at for piece in axis.pieces for at in _instants(*piece, step)):
        x = axis.x(at)
        parts.append(f'<line class="tl-grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.0f}" y2="{bottom:.0f}"/>')
        if x < free:
            continue
        free = x + 56
        parts.append(_centred(x, bottom + 14, at.strftime("%H:%M:%S" if step < 60 else "%H:%M")))
        if (today := f"{at.day} {at:%b %Y}") != day:
            day = today
            parts.append(_centred(x, bottom + 27, day))
    for x, pause in axis.breaks:
        middle = (top + bottom) / 2
        parts.append(f'<line class="tl-break" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.0f}" y2="{bottom:.0f}"/>')
        parts.append(
            f'<text class="tl-soft" text-anchor="middle" transform="translate({x + 14:.1f} {middle:.0f}) rotate(-90)">'
            f"{lasting(pause.total_seconds())} later</text>"
        )
    return parts


def _instants(start: datetime, end: datetime, step: int) -> list[datetime]:
    """Round instants from `start` to `end`; where there is none, `start` itself."""
    first, last = -(-start.timestamp() // step), end.timestamp() // step
    return [datetime.fromtimestamp(number * step, UTC) for number in range(int(first), int(last) + 1)] or [start]


def _centred(x: float, y: float, text: str) -> str:
    x = min(x, WIDTH - len(text) * LETTER / 2)
    return f'<text class="tl-soft" x="{x:.1f}" y="{y:.0f}" text-anchor="middle">{escape(text)}</text>'


def _legend(colours: dict[str, str], y: float) -> tuple[list[str], float]:
    """One patch per kind, in as many lines as they need; and the height that the picture has with them."""
    parts, x = [], LEFT
    for kind, colour in colours.items():
        wide = 22 + len(kind) * LETTER + 10
        if x + wide > WIDTH:
            x, y = LEFT, y + 18
        parts.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="11" height="11" rx="2" style="fill:{colour}"/>')
        parts.append(f'<text class="tl-soft" x="{x + 16:.0f}" y="{y + 10:.0f}">{escape(kind)}</text>')
        x += wide
    return parts, y + 18


def _fitted(text: str, wide: float) -> str:
    most = int(wide / LETTER)
    return escape(text if len(text) <= most else text[: most - 1] + "…")


def lasting(seconds: float) -> str:
    """For people: `0.3 s`, `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, part, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"
