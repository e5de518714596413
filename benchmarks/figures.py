"""Figures of one run: each act timed several times, in turn with the others; the best of each is compared."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

from effects.clock import Stopwatch
from effects.run import run


def _spent() -> float:
    """Processor time of this process and of its children that have ended."""
    used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@dataclass(slots=True)
class Figures:
    """Seconds on the wall and of processors, by turn and who. `disk`: what lies there is synced each time."""

    disk: Path
    found: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)

    def time(self, turn: str, who: str, act: Callable[[], object]) -> None:
        """Once more. The disk has all of it at the end."""
        self._synced()
        before, watch = _spent(), Stopwatch()
        act()
        self._synced()
        spent = _spent() - before
        self.found.setdefault((turn, who), []).append((watch.seconds, round(spent, 2)))
        print(f"{turn}: {who} {watch.seconds:.2f} s, {spent:.2f} s of processors", flush=True)

    def best(self, turn: str, who: str) -> tuple[float, float]:
        """The least of each."""
        walls, spent = zip(*self.found[turn, who], strict=True)
        return min(walls), min(spent)

    def compare(self, turn: str, mine: str, theirs: str, goal: float | None = None) -> None:
        """Print both ratios; what was reached is judged by processor time, which other work disturbs least."""
        wall, spent = (a / b for a, b in zip(self.best(turn, mine), self.best(turn, theirs), strict=True))
        verdict = "" if goal is None else f"; goal {goal:.2f} {'reached' if spent <= goal else 'missed'}"
        print(f"{turn}: {mine} / {theirs}: {wall:.2f} on the wall, {spent:.2f} of processors{verdict}", flush=True)

    def _synced(self) -> None:
        run(["sync", "--file-system", str(self.disk)], timeout=3600.0)
