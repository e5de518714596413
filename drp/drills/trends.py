"""How RPO and RTO went over the last drills: small pictures, one a vhost and figure, as SVG. Nothing is loaded."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from drp.drills.judge import Outcome
from drp.drills.record import Drill
from drp.timeline import STYLE, lasting

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 440.0, 120.0, 14.0, 34.0, 96.0
LAST = 30  # drills


def trends(known: Sequence[Drill]) -> list[tuple[str, str]]:
    """Domain, and its two pictures beside each other. Vhosts of the newest drill, in the order of recovery."""
    drills = known[-LAST:]
    if not drills:
        return []
    return [(one.domain, _both(one.domain, drills)) for one in drills[-1].vhosts]


def _both(domain: str, drills: Sequence[Drill]) -> str:
    found = [next((one for one in drill.vhosts if one.domain == domain), None) for drill in drills]
    lost = _line(f"{domain}: RPO", drills, [one.rpo if one and one.ok else None for one in found], found)
    took = _line(f"{domain}: RTO", drills, [one.rto if one and one.ok else None for one in found], found)
    wide = 2 * WIDTH + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tl" role="img" aria-label="{escape(domain)}" '
        f'width="{wide:.0f}" height="{HEIGHT:.0f}" viewBox="0 0 {wide:.0f} {HEIGHT:.0f}"><style>{STYLE}</style>'
        f'{lost}<g transform="translate({WIDTH + 10:.0f} 0)">{took}</g></svg>'
    )


def _line(title: str, drills: Sequence[Drill], values: Sequence[float | None], found: Sequence[Outcome | None]) -> str:
    """Points from left to right, the oldest first; a drill in which it failed is a red cross on the ground."""
    most = max([value for value in values if value is not None], default=0.0) or 1.0
    step = (WIDTH - 2 * LEFT) / max(len(drills) - 1, 1)
    places = [LEFT + number * step if len(drills) > 1 else WIDTH / 2 for number in range(len(drills))]
    parts = [
        f'<rect class="tl-band" x="0" y="{TOP - 10:.0f}" width="{WIDTH:.0f}" height="{BOTTOM - TOP + 18:.0f}" rx="4"/>',
        f'<line class="tl-grid" x1="{LEFT}" x2="{WIDTH - LEFT}" y1="{BOTTOM}" y2="{BOTTOM}"/>',
        f'<text x="2" y="14" font-weight="600">{escape(_heading(title, values))}</text>',
        *_path(places, values, most),
    ]
    for x, drill, value, one in zip(places, drills, values, found, strict=True):
        if value is not None:
            said = f"{drill.at:%Y-%m-%d %H:%M} UTC: {lasting(value)}"
            mark = f'<circle cx="{x:.1f}" cy="{_y(value, most):.1f}" r="3" style="fill:var(--tl-0)"/>'
        else:
            said = f"{drill.at:%Y-%m-%d %H:%M} UTC: {'; '.join(one.faults) if one else 'not in this drill'}"
            mark = f'<text x="{x - 4:.1f}" y="{BOTTOM + 4:.0f}" style="fill:var(--tl-bad)">✗</text>'
        parts.append(f"<g><title>{escape(said)}</title>{mark}</g>")
    ends = [(places[0], "start", drills[0]), (places[-1], "end", drills[-1])]
    parts += [
        f'<text class="tl-soft" x="{x:.0f}" y="{HEIGHT - 4:.0f}" text-anchor="{anchor}">{drill.at:%Y-%m-%d}</text>'
        for x, anchor, drill in (ends if len(drills) > 1 else ends[:1])
    ]
    return "".join(parts)


def _heading(title: str, values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    last = values[-1]
    return f"{title} {'FAILED' if last is None else lasting(last)}" + (
        f", at most {lasting(max(known))}" if known else ""
    )


def _path(places: Sequence[float], values: Sequence[float | None], most: float) -> list[str]:
    """Lines between drills that both brought it back; a gap where one did not."""
    points = list(zip(places, values, strict=True))
    return [
        f'<line x1="{x:.1f}" y1="{_y(a, most):.1f}" x2="{u:.1f}" y2="{_y(b, most):.1f}" style="stroke:var(--tl-0)"/>'
        for (x, a), (u, b) in pairwise(points)
        if a is not None and b is not None
    ]


def _y(value: float, most: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * value / most
