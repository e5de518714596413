"""What speaks against a recovery point, as rules: what shrank, and what is too old."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_estate import T0

from backups.proof.judge import LEAST, SMALL, differs, shrunk, stale

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        (None, {"rows": 0}, []),
        ({"rows": 1000}, {"rows": 1000}, []),
        ({"rows": 1000}, {"rows": 499}, ["rows: 1000 before, 499 left"]),
        ({"rows": 1000}, {"rows": 500}, []),
        ({"rows of wp_posts": 51}, {}, ["rows of wp_posts: 51 before, and now there are none"]),
        ({"rows of cache": SMALL}, {}, []),
        ({"files": 20_000, "bytes": 10**9}, {"files": 19_000, "bytes": 10**8}, ["bytes: 1000000000 before"]),
        ({"sum of a": 10**9, "newest file": "x", "fetched": 10**9}, {"sum of a": 1, "fetched": 0}, []),
    ],
)
def test_what_lost_more_than_half_is_named(
    before: dict[str, int] | None, now: dict[str, int], found: list[str]
) -> None:
    said = shrunk(before, now)
    assert len(said) == len(found)
    assert all(one.startswith(word.partition(" left")[0]) for one, word in zip(said, found, strict=True))


@pytest.mark.parametrize(
    ("there", "here", "found"),
    [
        ({}, {"rows of a": 1}, []),
        ({"rows of a": 1, "sum of a": "7"}, {"rows of a": 1, "sum of a": "7", "rows of b": 2}, []),
        ({"rows of a": 2, "sum of a": "7"}, {"rows of a": 1, "sum of a": "6"}, ["rows of a: 2 on production, 1 here"]),
        ({"rows of a": 1, "sum of a": "7"}, {"rows of a": 1, "sum of a": "6"}, ["a has as many rows as on production"]),
        ({"rows of a": 1, "sum of a": "7"}, {}, ["rows of a: 1 on production, none here"]),
        ({"sum of a": "7"}, {}, ["a has as many rows as on production"]),  # somebody wrote that by hand
        ({"\x1b[2J\n": 1}, {}, ["?[2J?: 1 on production, none here"]),
        ({f"rows of {n}": 1 for n in range(30)}, {}, ["rows of "] * 20 + ["and 10 more"]),
        ({"rows of a": "x" * 9999}, {"rows of a": 1}, ["rows of a: xxx"]),
    ],
)
def test_what_is_not_as_production_counted_it_is_named_once(
    there: dict[str, int | str], here: dict[str, int | str], found: list[str]
) -> None:
    said = differs(there, here)
    assert len(said) == len(found)
    assert all(len(one) < 400 for one in said)
    assert all(one.startswith(words) for one, words in zip(said, found, strict=True))


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_what_grows_is_never_suspicious_and_the_rule_is_monotone(before: int, now: int) -> None:
    found = shrunk({"rows": before}, {"rows": now})
    assert bool(found) == (before > SMALL and now < before * LEAST)


@pytest.mark.parametrize(
    ("newest", "fine"),
    [
        ("2026-11-22 02:00:00", True),
        ("2026-11-22 02:00:00+00", True),
        ("2026-11-21 04:00:00+01:00", True),
        ("2026-11-20 04:00:00", False),
        ("1795316400", True),
        ("1795000000.5", False),
        ("2026-11-23 12:00:00", True),  # later than the copy: another rule's concern
        (None, False),
        ("soon", False),
        ("99999999999999999999", False),
    ],
)
def test_the_newest_business_row_may_be_so_old_and_no_older(newest: str | None, fine: bool) -> None:
    assert (stale(newest, DAY, T0) is None) is fine
