"""Children that share what was imported: answers come in order, deaths are told, and none outlives its parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from effects.clock import wait_until
from effects.forked import forked
from estate.problem import Failed

FAMILY = """
import os, signal, sys
from effects.forked import forked
def wait():
    os.write(1, b"%d\\n" % os.getpid())
    signal.pause()
forked([wait, wait])
"""


def test_answers_come_in_order_however_long_with_their_exit_codes() -> None:
    large = b"x" * 300_000  # more than a pipe holds
    assert forked([lambda: (0, large), lambda: (52, b""), lambda: (0, b"c")]) == [(0, large), (52, b""), (0, b"c")]
    assert forked([]) == []


def _dies() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_a_child_that_dies_or_breaks_is_told_and_hinders_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    def breaks() -> NoReturn:
        raise ValueError("it broke")

    assert forked([_dies, breaks, lambda: (0, b"well")]) == [(-signal.SIGKILL, b""), (1, b""), (0, b"well")]
    assert "it broke" in capfd.readouterr().err


def test_nobody_outlives_a_parent_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            children = [Path("/proc") / parent.stdout.readline().strip() for _ in range(2)]
            assert all(_lives(child) for child in children)
        finally:
            parent.kill()
        late = Failed("a child lives on", hint="look at prctl")
        wait_until(lambda: not any(_lives(child) for child in children), timeout=10, late=late)


def _lives(process: Path) -> bool:
    try:
        return (process / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False
