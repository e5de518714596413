"""Which archives stay, and why. Pure: no clock, no order of the input, no archive from the future decides anything.

Of each day, week, month and year one archive stays for it: a proven one where there is one, otherwise the one that
the keeper saw first. So nobody who adds an archive later takes that place from another.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from estate.vault import Keep

Period = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One archive of one kind in one repository."""

    id: str
    taken: datetime
    seen: datetime  # first, by the keeper
    held: str = ""  # by whom and why
    suspect: str = ""  # why


Reasons = tuple[str, ...]  # why it stays; none: it may go


def reasons(
    archives: Iterable[Candidate], keep: Keep, *, proven: AbstractSet[str], now: datetime, timezone: ZoneInfo
) -> Mapping[str, Reasons]:
    """Why each archive stays, by id; an empty tuple where it may go."""
    every = sorted(archives, key=lambda one: (one.taken, one.id))
    sound = [one for one in every if not one.suspect and one.taken <= now]
    found: dict[str, list[str]] = {one.id: [] for one in every}
    for one in every:
        found[one.id] += [f"held by {one.held}"] if one.held else []
        found[one.id] += [f"suspect: {one.suspect}"] if one.suspect else []
        found[one.id] += ["from the future"] if one.taken > now else []
    for one in sound:
        found[one.id] += [f"younger than {keep.within.days} days"] if now - one.taken < keep.within else []
    for number, one in enumerate(reversed(sound[-keep.at_least :]), start=1):
        found[one.id].append("newest" if number == 1 else f"one of the newest {keep.at_least}")
    for one in [one for one in sound if one.id in proven][-1:]:
        found[one.id].append("newest proven")
    for word, count, period in _rules(keep):
        for one in _standing(sound, count, lambda each, of=period: of(each.taken.astimezone(timezone)), proven):  # type: ignore[misc]
            found[one.id].append(word)
    return {id: tuple(why) for id, why in found.items()}  # noqa: A001


def _rules(keep: Keep) -> tuple[tuple[str, int, Callable[[datetime], Period]], ...]:
    return (
        ("daily", keep.daily, lambda at: (at.year, at.month, at.day)),
        ("weekly", keep.weekly, lambda at: tuple(at.isocalendar()[:2])),
        ("monthly", keep.monthly, lambda at: (at.year, at.month)),
        ("yearly", keep.yearly, lambda at: (at.year,)),
    )


def _standing(
    sound: Sequence[Candidate], count: int, period: Callable[[Candidate], Period], proven: AbstractSet[str]
) -> list[Candidate]:
    """One archive for each of the last `count` periods that have any."""
    groups: dict[Period, list[Candidate]] = {}
    for one in sound:
        groups.setdefault(period(one), []).append(one)
    last = sorted(groups)[-count:] if count else []
    return [min(groups[at], key=lambda one: (one.id not in proven, one.seen, one.taken, one.id)) for at in last]
