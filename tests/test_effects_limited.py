"""One limit for all transfers: what goes out is never more than the rate, however many send at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from effects import limited
from effects.clock import Stopwatch

RATE = 1000.0  # bytes a second
SENT = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 500)), min_size=1, max_size=50)


@given(SENT)
def test_no_stretch_of_time_holds_more_than_the_rate_and_one_piece(sent: list[tuple[float, int]]) -> None:
    now, until, gone = 100.0, 0.0, list[tuple[float, int]]()
    for pause, size in sent:
        now += pause
        start, until = limited.booked(now, until, size, RATE)
        assert start >= now
        gone.append((start, size))
    for first, (begin, _) in enumerate(gone):
        for last in range(first, len(gone)):
            assert sum(size for _, size in gone[first:last]) <= RATE * (gone[last][0] - begin) + 1e-3


def test_what_a_boot_left_is_not_waited_for() -> None:
    assert limited.booked(5.0, 90_000.0, 100, RATE) == (5.0, 5.1)
    assert limited.booked(5.0, float("nan"), 100, RATE) == (5.0, 5.1)


@pytest.mark.parametrize("kib", [1, 20, 1_000_000])
def test_no_piece_holds_the_others_up(kib: int) -> None:
    assert limited.piece(kib * 1024) / (kib * 1024) <= 0.5


def relay(tmp_path: Path, number: int, *argv: str) -> subprocess.Popen[bytes]:
    call = [sys.executable, "-I", limited.__file__, "200", str(tmp_path / "bucket"), *argv]
    with (tmp_path / f"out{number}").open("wb") as out:
        return subprocess.Popen(call, stdin=subprocess.PIPE, stdout=out, cwd=tmp_path)


def test_two_transfers_share_it_and_bring_every_byte(tmp_path: Path) -> None:
    """The lower bound on time can only be broken by sending faster: a busy machine makes it longer."""
    (tmp_path / "fcntl.py").write_text("raise SystemExit('what lies where it was started was run')", encoding="utf-8")
    data, watch = os.urandom(50_000), Stopwatch()
    both = [relay(tmp_path, number, "cat") for number in range(2)]
    for one in both:
        assert one.stdin is not None
        with one.stdin:
            one.stdin.write(data)
    assert [one.wait(timeout=60) for one in both] == [0, 0]
    assert [(tmp_path / f"out{number}").read_bytes() == data for number in range(2)] == [True, True]
    first_pieces_go_at_once = 2 * limited.piece(200 * 1024)
    assert watch.seconds >= (2 * len(data) - first_pieces_go_at_once) / (200 * 1024)


def test_it_ends_as_the_program_does_and_with_it(tmp_path: Path) -> None:
    for number, (words, code) in enumerate({"exit 7": 7, "kill -9 $$": 137}.items()):
        with relay(tmp_path, number, "sh", "-c", words) as one:
            assert one.stdin is not None
            one.stdin.close()
            assert one.wait(timeout=60) == code
