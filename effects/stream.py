"""A local process whose lines are read while it runs; it never outlives the reader."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from typing import IO

from estate.problem import Failed

GRACE = 5  # seconds between SIGTERM and SIGKILL


def lines(argv: Sequence[str], *, stdin: str, timeout: float) -> Generator[str]:
    """Its standard output line by line, without the newline; `timeout` is in seconds, for all of it.

    The process has a session of its own, so that Ctrl-C reaches only the reader, which then ends it.
    Raises Failed where the time is up or it does not exit 0, with the end of what it said.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        late = threading.Event()

        def give_up() -> None:
            late.set()
            _end(child)

        timer = threading.Timer(timeout, give_up)
        timer.start()
        try:
            yield from _talk(child, stdin)
            child.wait()
        finally:
            timer.cancel()
            _end(child)
        if late.is_set():
            raise Failed(
                f"{' '.join(argv[:3])} did not end within {timeout:g} s",
                hint="look at the hosts, then run the same command again",
            )
        if child.returncode != 0:
            raise Failed(
                f"{' '.join(argv[:3])} ended with {child.returncode}: {_tail(said)}",
                hint="mend that, then run the same command again",
            )


def _talk(child: "subprocess.Popen[str]", stdin: str) -> Iterator[str]:
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdout:
        with suppress(BrokenPipeError), child.stdin:  # it died early: its exit code says so
            child.stdin.write(stdin)
        for line in child.stdout:
            yield line.rstrip("\n")


def _end(child: "subprocess.Popen[str]") -> None:
    if child.poll() is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _tail(said: IO[str]) -> str:
    said.seek(0)
    return said.read().strip()[-600:] or "nothing was said"
