"""A process that is read while it runs ends as any other: code, words, time limit."""

import sys

import pytest

from effects.follow import follow
from estate.problem import Failed, Missing

LOUD = "import sys; [print(n, file=sys.stderr) for n in range(3)]; print('x' * 200_000); sys.exit(3)"


def test_what_is_heard_is_kept_and_what_is_not_is_dropped() -> None:
    said = follow([sys.executable, "-c", LOUD], timeout=60, heard=lambda line: None if line == "1" else f"heard {line}")
    assert (said.code, said.err) == (3, "heard 0\nheard 2")
    assert len(said.out) == 200_001


def test_it_has_a_time_limit_and_a_name() -> None:
    with pytest.raises(Failed, match="did not end within"):
        follow(["sleep", "60"], timeout=0.2, heard=str)
    with pytest.raises(Missing, match="no-such-program"):
        follow(["no-such-program"], timeout=1, heard=str)
