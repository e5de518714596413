"""Several acts at once in children of this process, which share what it has imported and nothing that they write to.

For a process of one thread, that has opened nothing yet whose place in a file or stream its children would share.
"""

import ctypes
import os
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

PR_SET_PDEATHSIG = 1  # prctl(2)


def forked(acts: Sequence[Callable[[], tuple[int, bytes]]]) -> list[tuple[int, bytes]]:
    """Exit code and answer of each act, in this order; of one that a signal ended, the negative number of that.

    All have ended when this returns. Children end with this process, however it ends.
    """
    begun: list[tuple[int, int]] = []
    try:
        for act in acts:
            begun.append(_begin(act, [pipe for _, pipe in begun]))
        answers = [_all_of(pipe) for _, pipe in begun]
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child, _ in begun]
    except BaseException:
        for child, _ in begun:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        raise
    finally:
        for _, pipe in begun:
            os.close(pipe)
    return list(zip(codes, answers, strict=True))


class Child:
    """An act in a child of this process that nobody waits for. It ends when its time is up, whatever holds it."""

    def __init__(self, act: Callable[[], None], *, limit: float) -> None:
        def whole() -> tuple[int, bytes]:
            act()
            return 0, b""

        self._pid, pipe = _begin(whole, ())
        os.close(pipe)  # it has nothing to answer
        self._end = time.monotonic() + limit
        self._code: int | None = None

    @property
    def code(self) -> int | None:
        """How it ended: its exit code, or the negative number of a signal. None while it works."""
        if self._code is None:
            if time.monotonic() > self._end:
                os.kill(self._pid, signal.SIGKILL)
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code


def _begin(act: Callable[[], tuple[int, bytes]], others: Sequence[int]) -> tuple[int, int]:
    theirs, ours = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _live(act, parent, ours, (theirs, *others))
    os.close(ours)
    return child, theirs


def _live(act: Callable[[], tuple[int, bytes]], parent: int, answers: int, others: Sequence[int]) -> NoReturn:
    """A child's whole life. It never returns into what its parent was doing, and never runs its parent's last acts."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for pipe in others:
            os.close(pipe)
        if os.getppid() == parent:  # else it died before we asked to die with it
            code, said = act()
            with os.fdopen(answers, "wb") as pipe_to_parent:
                pipe_to_parent.write(said)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _all_of(pipe: int) -> bytes:
    said = b""
    while part := os.read(pipe, 1 << 16):
        said += part
    return said
