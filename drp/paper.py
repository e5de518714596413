"""The timeline for printing: what prints knows no variables and no screen, and a page has an end."""

import re
from collections.abc import Sequence

from drp.timeline import STYLE, Mark, Span, svg

SHEET = 70  # lanes
ACROSS = 690.0  # pixels between the margins of A4
LIGHT = STYLE.partition("@media")[0]
COLOURS = dict(re.findall(r"(--tl-[a-z0-9]+):(#[0-9a-f]{3,6})", LIGHT))


def sheets(spans: Sequence[Span], marks: Sequence[Mark]) -> str:
    """One picture, or as many as it takes, below each other."""
    lanes = list(dict.fromkeys(span.lane for span in spans))
    parts = [set(lanes[start : start + SHEET]) for start in range(0, len(lanes), SHEET)] or [set()]
    return "".join(printed(svg([one for one in spans if one.lane in part], marks, whole=spans)) for part in parts)


def printed(picture: str) -> str:
    """A picture in the colours of light, each written out, and as wide as the paper."""
    plain = picture.replace(STYLE, LIGHT.replace("max-width:100%;height:auto", "") + STYLE.partition("}}\n")[2])
    plain = re.sub(r'width="(\d+)" height="(\d+)"', lambda found: _size(int(found[1]), int(found[2])), plain, count=1)
    return re.sub(r"var\((--tl-[a-z0-9]+)\)", lambda found: COLOURS[found[1]], plain)


def _size(width: int, height: int) -> str:
    return f'width="{ACROSS:.0f}" height="{height * ACROSS / width:.0f}"'
