"""Audits of an estate as one self-contained page: what was reached, what remains and why, and how it came about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from effects.clock import now
from templates import render

WIDTH, HEIGHT, MARGIN = 860, 150, 8  # of the picture, in pixels
LINES = ("lynis", "cis", "anssi")  # scans whose scores move gradually; colours stand in the template


@dataclass(frozen=True, slots=True)
class Line:
    """One scan's score over time."""

    name: str
    title: str
    points: str  # of an SVG polyline
    dots: Sequence[tuple[float, float, str]]  # x, y, what it says


def html(estate: str, histories: Mapping[str, Sequence[Mapping[str, Any]]], idle: Sequence[str]) -> str:
    """`histories`: per host its audits (documents of `supervision.history`), oldest first; `idle`: exclusions."""
    hosts = [_host(name, audits) for name, audits in histories.items() if audits]
    return render(
        "audit.html.j2",
        estate=estate,
        hosts=hosts,
        idle=idle,
        ok=bool(hosts) and all(host["latest"]["met"] for host in hosts),
        width=WIDTH,
        height=HEIGHT,
        made=now().strftime("%Y-%m-%d %H:%M:%S"),
    )


def _host(name: str, audits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first, latest = audits[0], audits[-1]
    rows = [{"name": scan, "now": found, "first": first["scans"].get(scan)} for scan, found in latest["scans"].items()]
    lines = [_line(scan, audits) for scan in LINES] if len(audits) > 1 else []
    return {"name": name, "first": first, "latest": latest, "rows": rows, "lines": lines, "count": len(audits)}


def _line(scan: str, audits: Sequence[Mapping[str, Any]]) -> Line:
    step = (WIDTH - 2 * MARGIN) / (len(audits) - 1)
    seen = [
        (round(MARGIN + number * step, 1), audit["scans"][scan]["raw"]["percent"], audit["at"])
        for number, audit in enumerate(audits)
        if scan in audit["scans"] and audit["scans"][scan]["raw"]["percent"] is not None
    ]
    dots = [(x, round(HEIGHT - MARGIN - percent * (HEIGHT - 2 * MARGIN) / 100, 1), f"{percent} % at {at}")
            for x, percent, at in seen]  # fmt: skip
    return Line(scan, audits[-1]["scans"][scan]["title"], " ".join(f"{x},{y}" for x, y, _ in dots), dots)
