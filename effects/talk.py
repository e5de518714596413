"""A process one talks with for hours: requests and answers over its standard streams, each with a time limit."""

import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from estate.problem import Unreachable

CHUNK = 1 << 16


class Talk:
    """A running process; after any fault it is ended, and whoever wants to go on starts another."""

    def __init__(self, argv: Sequence[str], *, what: str, cwd: Path | None = None) -> None:
        self._what = what
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the process
        self._child = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
            bufsize=0,
            cwd=cwd,
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._in, self._out = self._child.stdin.fileno(), self._child.stdout.fileno()
        os.set_blocking(self._in, False)
        self._left = b""

    def say(self, data: bytes, *, limit: float) -> None:
        """Hand `data` over. Raises Unreachable where that takes longer than `limit` seconds, or nobody is there."""
        end, view = time.monotonic() + limit, memoryview(data)
        while view:
            if not select.select([], [self._in], [], max(0.0, end - time.monotonic()))[1]:
                raise self._gone(f"took no data for {limit:g} s")
            try:
                view = view[os.write(self._in, view) :]
            except OSError:
                raise self._gone("ended") from None

    def line(self, *, limit: float) -> str:
        """One line of its answer, without the newline. Raises Unreachable."""
        end = time.monotonic() + limit
        while b"\n" not in self._left:
            self._more(end, limit)
        line, _, self._left = self._left.partition(b"\n")
        return line.decode("utf-8", "replace")

    def exactly(self, count: int, *, limit: float) -> bytes:
        """That many bytes of its answer. Raises Unreachable."""
        end, found = time.monotonic() + limit, bytearray(self._left)
        while len(found) < count:
            self._left = b""
            self._more(end, limit)
            found += self._left
        self._left = bytes(found[count:])
        return bytes(found[:count])

    def _more(self, end: float, limit: float) -> None:
        if not select.select([self._out], [], [], max(0.0, end - time.monotonic()))[0]:
            raise self._gone(f"said nothing for {limit:g} s")
        data = os.read(self._out, CHUNK)
        if not data:
            raise self._gone("ended")
        self._left += data

    def _gone(self, how: str) -> Unreachable:
        self.close()
        self._errors.seek(0)
        said = self._errors.read()[-400:].decode("utf-8", "replace").strip()
        return Unreachable(
            f"{self._what} {how}{': ' + said if said else ''}", hint="is that server up? the other side goes on"
        )

    def close(self) -> None:
        """End it, whatever it does."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
