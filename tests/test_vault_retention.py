"""Why an archive stays: a golden table, and what must hold whatever there is."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backups.vault.retention import Candidate, reasons
from estate.vault import Keep, VaultPolicy

NOW = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Amsterdam")
GOLDEN = Path(__file__).parent / "data/retention.txt"
KEEP = Keep(timedelta(days=3), daily=5, weekly=3, monthly=3, yearly=2, at_least=4)


def one(hours: float, *, late: float = 0.5, held: str = "", suspect: str = "") -> Candidate:
    taken = NOW - timedelta(hours=hours)
    return Candidate(
        hashlib.sha256(f"{hours}".encode()).hexdigest(), taken, taken + timedelta(hours=late), held, suspect
    )


Why = dict[str, tuple[str, ...]]


def why(archives: Sequence[Candidate], keep: Keep = KEEP, proven: frozenset[str] = frozenset()) -> Why:
    return dict(reasons(archives, keep, proven=proven, now=NOW, timezone=ZONE))


def test_each_archive_of_two_years_stays_or_goes_for_the_reasons_that_were_looked_at() -> None:
    hours = [1, 25, 49, 73, 97, *(24 * days + 1 for days in range(5, 700, 9))]
    archives = [one(h) for h in hours]
    archives[8] = replace(archives[8], held="carol: a lawsuit")
    archives[0] = replace(archives[0], suspect="70% of it is new")
    proven = frozenset({archives[2].id, archives[20].id})
    found = why(archives, proven=proven)
    text = "".join(f"{a.taken:%Y-%m-%d %H:%M}  {'; '.join(found[a.id]) or '-'}\n" for a in archives)
    assert text == GOLDEN.read_text(encoding="utf-8")


candidates = st.builds(
    one,
    st.floats(min_value=-200, max_value=24 * 900).map(lambda hours: round(hours, 1)),
    late=st.floats(min_value=0, max_value=50),
    held=st.sampled_from(["", "", "", "carol: a lawsuit"]),
    suspect=st.sampled_from(["", "", "", "poison"]),
)
sets = st.lists(candidates, max_size=40, unique_by=lambda one: one.id)
counts = st.integers(0, 6)
keeps = st.builds(
    Keep, st.integers(0, 9).map(lambda days: timedelta(days=days)), counts, counts, counts, counts, st.integers(1, 6)
)


def gone(archives: Sequence[Candidate], keep: Keep, proven: frozenset[str] = frozenset()) -> set[str]:
    return {id_ for id_, reason in why(archives, keep, proven).items() if not reason}


@settings(max_examples=60)
@example([one(0.0), one(-0.0)], Keep(timedelta(0), 0, 0, 0, 0, 1))  # of one instant
@given(sets, keeps)
def test_what_must_hold_whatever_there_is(archives: list[Candidate], keep: Keep) -> None:
    sound = sorted((a for a in archives if not a.suspect and a.taken <= NOW), key=lambda a: (a.taken, a.id))
    proven = frozenset(a.id for a in archives if int(a.id, 16) % 3 == 0)
    go = gone(archives, keep, proven)
    assert not go & {a.id for a in archives if a.held or a.suspect or a.taken > NOW}
    assert not go & {a.id for a in sound[-keep.at_least :]}  # the newest, and never fewer than so many
    assert not go & {a.id for a in [a for a in sound if a.id in proven][-1:]}  # the last proven one
    assert gone(archives[::-1], keep, proven) == go  # the order of the input says nothing
    left = [a for a in archives if a.id not in go]
    assert gone(left, keep, proven) == set()  # twice is once
    strangers = [one(-1.0 - n) for n in range(3)] + [one(7.77, suspect="poison")]
    assert gone([*archives, *strangers], keep, proven) == go  # neither the future nor a suspect pushes anything out


@settings(max_examples=40)
@given(sets, keeps, st.sampled_from(["daily", "weekly", "monthly", "yearly", "at_least"]))
def test_to_keep_more_never_removes_more(archives: list[Candidate], keep: Keep, word: str) -> None:
    more = replace(keep, **{word: getattr(keep, word) + 1})
    assert gone(archives, more) <= gone(archives, keep)


@settings(max_examples=40)
@given(sets, keeps, st.integers(1, 24 * 30))
def test_who_comes_later_takes_nobodys_place(archives: list[Candidate], keep: Keep, back: int) -> None:
    """An archive that is put in between afterwards, with a time of long ago, makes none go that stands for a period."""
    keep = replace(keep, daily=9999, weekly=9999, monthly=9999, yearly=9999)
    forged = replace(one(back + 0.123), seen=NOW)
    assert gone([*archives, forged], keep) <= gone(archives, keep) | {forged.id}


@pytest.mark.parametrize("kind", ["files", "databases"])
def test_the_defaults_keep_a_year_and_let_most_go(kind: str) -> None:
    keep = getattr(VaultPolicy(), kind)
    every = 48 if kind == "files" else 2  # one side of alternating days; two-hourly snapshots
    archives = [one(hours) for hours in range(1, 24 * 400, every)]
    stay = len(archives) - len(gone(archives, keep))
    assert 30 < stay < 60
