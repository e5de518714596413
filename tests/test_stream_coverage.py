"""Continuity, order and goals: rules without a disk."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.streams import order
from backups.streams.bound import first_kept
from backups.streams.coverage import Extent, follow
from backups.streams.frames import Position
from backups.streams.notes import read
from backups.streams.transactions import Transaction, committed, first_unwanted
from estate.model import Engine

T0 = datetime(2026, 11, 22, 3, 14, tzinfo=UTC)
NAMES = ("binlog.000001", "binlog.000002", "binlog.000003")
SIZE = 40


def extents(cuts: list[list[int]]) -> list[Extent]:
    """Three files of SIZE bytes, each cut at those places."""
    found = []
    for number, name in enumerate(NAMES):
        edges = sorted({0, SIZE, *cuts[number]})
        for start, end in pairwise(edges):
            last = end == SIZE and number < 2
            found.append(Extent(Position(name, start), end - start, last, T0 + timedelta(seconds=number * SIZE + end)))
    return found


cuttings = st.lists(st.lists(st.integers(1, SIZE - 1), max_size=4), min_size=3, max_size=3)


@given(cuttings, cuttings, st.randoms(use_true_random=False))
def test_two_sides_are_one_pool_however_their_frames_are_cut(
    one: list[list[int]], other: list[list[int]], random: st.DataObject
) -> None:
    """Every byte is on one side at least: nothing is missing in what they have together."""
    first, second = extents(one), extents(other)
    gone = random.choice(first)  # type: ignore[attr-defined]
    pool = [extent for extent in first if extent is not gone] + second
    random.shuffle(pool)  # type: ignore[attr-defined]
    run = follow(Engine.MARIADB, pool, Position(NAMES[0], 0))
    assert (run.end, run.gap, run.names) == (Position(NAMES[2], SIZE), False, NAMES)
    assert run.instant == T0 + timedelta(seconds=3 * SIZE - SIZE + SIZE)


@given(cuttings, st.data())
def test_a_hole_on_both_sides_ends_the_run_before_it_and_is_said(cuts: list[list[int]], data: st.DataObject) -> None:
    whole = extents(cuts)
    gone = data.draw(st.sampled_from(whole[:-1]))
    run = follow(Engine.MARIADB, [extent for extent in whole if extent is not gone], Position(NAMES[0], 0))
    assert run.gap
    assert run.end == gone.start
    assert run.instant is None or run.instant < gone.instant


def test_an_idle_log_says_until_when_there_was_nothing_new() -> None:
    beats = [Extent(Position(NAMES[0], SIZE), 0, final=False, instant=T0 + timedelta(seconds=n)) for n in range(5)]
    run = follow(Engine.MARIADB, [Extent(Position(NAMES[0], 0), SIZE, False, T0), *beats], Position(NAMES[0], 0))
    assert (run.end.offset, run.instant, run.gap) == (SIZE, T0 + timedelta(seconds=4), False)


def test_what_is_sent_twice_by_a_file_that_ended_elsewhere_is_no_end() -> None:
    """A file announced as ended at its 40th byte, of which only 20 are there, has not ended for us."""
    part = Extent(Position(NAMES[0], 0), 20, final=False, instant=T0)
    end = Extent(Position(NAMES[0], 40), 0, final=True, instant=T0)
    run = follow(Engine.MARIADB, [part, end], Position(NAMES[0], 0))
    assert run.end == Position(NAMES[0], 20)


@given(st.integers(1, 5), st.integers(0, 2**40))
def test_wal_files_follow_each_other_and_know_their_place(timeline: int, lsn: int) -> None:
    name = order.wal_name(timeline, lsn)
    assert order.wal_start(name) <= lsn < order.wal_start(name) + order.SEGMENT
    following = order.successor(Engine.POSTGRESQL, name)
    assert order.wal_start(following) == order.wal_start(name) + order.SEGMENT
    assert following[:8] == name[:8]
    assert Position(name, 5).order < Position(following, 0).order
    assert order.lsn_of(order.lsn_text(lsn)) == lsn


def test_binary_logs_are_counted_past_six_digits() -> None:
    assert order.successor(Engine.MARIADB, "binlog.000009") == "binlog.000010"
    assert order.successor(Engine.MARIADB, "binlog.999999") == "binlog.1000000"
    assert Position("binlog.999999", 7).order < Position("binlog.1000000", 0).order
    with pytest.raises(ValueError, match="passwd"):
        order.successor(Engine.MARIADB, "passwd")


def transactions(*seconds: float) -> list[Transaction]:
    return [
        Transaction(str(n), T0 + timedelta(seconds=at), Position(NAMES[0], n), Position(NAMES[0], n + 1), "")
        for n, at in enumerate(seconds)
    ]


def test_an_instant_leaves_out_what_came_after_it() -> None:
    found = transactions(0, 1, 2, 3)
    at = T0 + timedelta(seconds=2)
    stop = first_unwanted(Engine.POSTGRESQL, found, at=at, before=None)
    assert stop is found[3]
    # of MariaDB's second 2 nobody knows whether it was before or after 2.0: it is left out
    assert first_unwanted(Engine.MARIADB, found, at=at, before=None) is found[2]
    assert first_unwanted(Engine.MARIADB, found, at=T0 + timedelta(seconds=9), before=None) is None
    assert first_unwanted(Engine.MARIADB, found, at=None, before="1") is found[1]
    with pytest.raises(KeyError):
        first_unwanted(Engine.MARIADB, found, at=None, before="0-1-9")


DUMP = """\
rmgr: Transaction len (rec/tot):     34/    34, tx:        748, lsn: 0/0701F8D0, prev 0/0701F890, desc: COMMIT 2026-11-22 03:14:00.951662 UTC
rmgr: Transaction len (rec/tot):     34/    34, tx:        749, lsn: 0/0701F900, prev 0/0701F8D0, desc: ABORT 2026-11-22 03:14:01.000000 UTC
rmgr: Transaction len (rec/tot):    242/   242, tx:        750, lsn: 0/0701FA00, prev 0/0701F900, desc: COMMIT 2026-11-22 03:14:02 UTC; rels: base/16385/16390; inval msgs: catcache 80 relcache 16390
"""  # noqa: E501


def test_what_pg_waldump_says_is_understood() -> None:
    one, two = committed(DUMP, 1, order.SEGMENT)
    assert (one.id, one.at, one.what) == ("748", T0.replace(microsecond=951662), "")
    assert (two.id, two.what) == ("750", "drops base/16385/16390")
    assert one.start == Position("000000010000000000000007", 0x1F8D0)


@pytest.mark.parametrize(
    "comment", ["", "a word of somebody", "stream ../../etc binlog.000001 4 2026-11-22", "stream x y z w", "stream"]
)
def test_a_comment_that_is_no_note_is_none(comment: str) -> None:
    assert read(comment) is None


def test_a_note_is_read() -> None:
    note = read("stream 20261122T031400Z-1f2e3d binlog.000002 1123 2026-11-22T03:14:00+00:00")
    assert note is not None
    assert (note.position, note.at) == (Position("binlog.000002", 1123), T0)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=9), st.integers(0, 300), st.integers(-50, 300))
def test_a_bound_is_held_and_the_file_that_is_written_to_stays(sizes: list[int], most: int, missing: int) -> None:
    files = [(f"binlog.{n:06}", size) for n, size in enumerate(sizes)]
    first = first_kept(files, most, missing)
    index = [name for name, _ in files].index(first)
    kept, gone = sum(sizes[index:]), sum(sizes[:index])
    assert (kept <= most and gone >= missing) or index == len(sizes) - 1
    assert index == 0 or sum(sizes[index - 1 :]) > most or gone - sizes[index - 1] < missing  # and no more than needed
