"""What of a log is there, from a position on, and where it ends. Pure: it sees places, never bytes.

Both sides are one pool: a frame that one lacks is taken from the other, whatever their frames' borders are.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from backups.streams import order
from backups.streams.frames import Position
from estate.model import Engine


@dataclass(frozen=True, slots=True)
class Extent:
    """Bytes of one log file that are there and opened; all committed before `instant` is in the log up to their end."""

    start: Position
    length: int
    final: bool  # the log file ends with them
    instant: datetime

    @property
    def end(self) -> int:
        """In its file."""
        return self.start.offset + self.length


@dataclass(frozen=True, slots=True)
class Run:
    """A log without a hole from where it was asked for."""

    start: Position
    end: Position
    instant: datetime | None  # all that was committed before is in it; None where nobody said so
    names: tuple[str, ...]  # of the files it is in, in order
    gap: bool  # there is more behind its end, but not the next byte


def follow(engine: Engine, extents: Iterable[Extent], start: Position) -> Run:
    """The longest run without a hole from `start`, the head of a log file."""
    files: dict[str, list[Extent]] = defaultdict(list)
    for extent in extents:
        files[extent.start.name].append(extent)
    name, names, instants = start.name, list[str](), list[datetime]()
    while True:
        mine = sorted(files.pop(name, []), key=lambda extent: (extent.start.offset, extent.end))
        at, closed, instant = _through(mine)
        names.append(name)
        instants += [instant] if instant else []
        if not closed:
            end = Position(name, at)
            later = any(extent.end > at for extent in mine) or any(
                extent.start.order > end.order and extent.length for those in files.values() for extent in those
            )
            return Run(start, end, max(instants, default=None), tuple(names), later)
        name = order.successor(engine, name)


def _through(extents: Iterable[Extent]) -> tuple[int, bool, datetime | None]:
    """How far one file's extents, sorted, go without a hole; whether that is its end; the latest instant on the way."""
    at, closed, instant = 0, False, None
    for extent in extents:
        if extent.start.offset > at:
            break
        closed = (closed and extent.end <= at) or (extent.final and extent.end >= at)
        at = max(at, extent.end)
        instant = max(instant or extent.instant, extent.instant)
    return at, closed, instant
