"""What each side still has to get. A pure rule of the calendar, and of what each side got last.

Nothing keeps a list of debts, so none can be lost: a side owes from the first turn of its own that brought it nothing
until an archive is there that is younger than its newest turn. One archive of now pays any number of missed turns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from backups.rhythm import Rhythm, spread
from backups.sides import side
from estate.backups import Target
from estate.model import Estate, Host, Side
from estate.points import FILES, Kind
from estate.problem import Unreachable

SKEW = timedelta(minutes=5)  # a success that is later than now by more is none: the clock was wrong then
SOON = timedelta(minutes=15)  # between two tries to reach a side that did not answer
LATER = timedelta(hours=1)  # likewise where it answers and does not take it: a full disk, a lock, a refusal
GRACE = timedelta(hours=1)
SPREAD = timedelta(minutes=30)  # that daily turns of hosts are apart; snapshots use half their distance

Saved = Mapping[Side, datetime | None]


class Due(Enum):
    """Whether something is to be taken now."""

    NO = "no"
    TURN = "turn"  # its time has come, or came while nobody was there
    AGAIN = "again"  # it was tried, and something is still owed


@dataclass(frozen=True, slots=True)
class Debt:
    """A side lacks what was due on it."""

    side: Side
    since: datetime | None  # the first turn that brought it nothing; None: it never got anything


@dataclass(frozen=True, slots=True)
class Calendar:
    """When an archive of one kind is due, and on which sides."""

    rhythm: Rhythm
    both: bool

    def sides(self, slot: datetime) -> tuple[Side, ...]:
        """Where the archive of that turn belongs."""
        return tuple(Side) if self.both else (side(self.rhythm.day(slot)),)

    def newest(self, which: Side, now: datetime) -> datetime:
        """The newest turn of that side."""
        slot = self.rhythm.slot(now)
        while which not in self.sides(slot):
            slot = self.rhythm.before(slot)
        return slot

    def first_after(self, which: Side, instant: datetime) -> datetime:
        """The first turn of that side which is later."""
        slot = self.rhythm.after(instant)
        while which not in self.sides(slot):
            slot = self.rhythm.after(slot)
        return slot

    def debts(self, now: datetime, saved: Saved) -> tuple[Debt, ...]:
        """Of both sides, at `now`."""
        found = []
        for which in Side:
            last = believed(saved.get(which), now)
            if last is None:
                found.append(Debt(which, None))
            elif last < self.newest(which, now):
                found.append(Debt(which, self.first_after(which, last)))
        return tuple(found)

    def wanted(self, now: datetime, saved: Saved, *, owed: bool) -> tuple[Side, ...]:
        """Sides that an archive goes to: those that lack one, and where it was asked for, those whose turn it is."""
        lacking = {debt.side for debt in self.debts(now, saved)}
        return tuple(s for s in Side if s in lacking or (not owed and s in self.sides(self.rhythm.slot(now))))

    def uncovered(self, now: datetime, saved: Saved, grace: timedelta = timedelta(0)) -> bool:
        """Whether the newest turn brought nothing anywhere, so that any side is better than none.

        With `grace`, only of a turn that old: a run that was begun in time has had time to end.
        """
        slot = self.rhythm.slot(now - grace)
        return not any((last := believed(at, now)) and last >= slot for at in saved.values())

    def due(self, now: datetime, saved: Saved, tried: datetime | None, failed: Sequence[int] = ()) -> Due:
        """`tried`: when the last run began; `failed`: the exit codes by which sides did not take it."""
        if not self.debts(now, saved):
            return Due.NO
        if tried is None or tried < self.rhythm.slot(now) or tried > now + SKEW:
            return Due.TURN
        soon = not failed or Unreachable.exit_code in failed
        return Due.AGAIN if now - tried >= (SOON if soon else LATER) else Due.NO


def late(debt: Debt, now: datetime) -> bool:
    """Whether somebody should look: a run that was begun in time has had time to end."""
    return debt.since is None or now - debt.since >= GRACE


def believed(instant: datetime | None, now: datetime) -> datetime | None:
    """A success from the future proves nothing: until the clock gets there again, nothing would be taken."""
    return None if instant is None or instant > now + SKEW else instant


def calendar(estate: Estate, host: Host, kind: Kind) -> Calendar:
    """What the policy says of one kind of archive of `host`."""
    policy, midnight = estate.backup, estate.backup.files_at.replace(hour=0, minute=0)
    if kind == FILES:
        shift = spread(host.name, min(SPREAD, policy.files_every / 2))
        return Calendar(
            Rhythm(policy.files_every, policy.files_at, estate.timezone, shift), policy.files_to is Target.BOTH
        )
    shift = spread(host.name, policy.snapshot_every / 2)
    return Calendar(Rhythm(policy.snapshot_every, midnight, estate.timezone, shift), both=True)
