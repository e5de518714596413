"""A child whose lines are read while it runs, and that never outlives the reader."""

import sys
from pathlib import Path

import pytest

from effects.clock import Stopwatch, wait_until
from effects.stream import lines
from estate.problem import Failed


def test_lines_come_while_the_child_runs() -> None:
    talk = "import sys; print(sys.stdin.read()); sys.stdout.flush(); import time; time.sleep(60)"
    watch = Stopwatch()
    stream = lines([sys.executable, "-c", talk], stdin="hello", timeout=60)
    assert next(iter(stream)) == "hello"
    stream.close()  # the reader leaves, and the child is ended
    assert watch.seconds < 30


def test_a_child_that_takes_too_long_is_ended() -> None:
    with pytest.raises(Failed, match="did not end within"):
        list(lines([sys.executable, "-c", "import time; time.sleep(60)"], stdin="", timeout=0.5))


def test_a_child_that_fails_is_quoted() -> None:
    with pytest.raises(Failed, match=r"ended with 3: no luck"):
        list(
            lines([sys.executable, "-c", "import sys; sys.stderr.write('no luck'); sys.exit(3)"], stdin="", timeout=30)
        )


def test_ending_the_child_ends_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {note}; echo ready; wait"
    stream = lines(["sh", "-c", script], stdin="", timeout=60)
    next(stream)
    stream.close()
    state = Path("/proc", note.read_text(encoding="utf-8").strip(), "status")
    ended = lambda: not state.exists() or "zombie" in state.read_text(encoding="utf-8")  # noqa: E731
    wait_until(ended, timeout=20, late=Failed("the grandchild lives on", hint="look at effects/stream.py"))
