"""A local process that holds something for as long as its standard input is open."""

import selectors
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from estate.problem import Failed, Unreachable

GRACE = 20  # seconds between the end of its input and SIGKILL


@contextmanager
def held(argv: Sequence[str], *, timeout: float, what: str) -> Iterator[str]:
    """Its first line, within `timeout` seconds; it ends with the block, whatever happens in there.

    Raises Unreachable where it ends without a line, Failed where none comes in time.
    """
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(child.stdout, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise Failed(f"{what}: no answer within {timeout:g} s", hint="is somebody else at work there?")
            line = child.stdout.readline().strip()
            if not line:
                raise Unreachable(f"{what}: the connection ended", hint="is the server up? the next turn tries again")
            yield line
        finally:
            child.stdin.close()
            try:
                child.wait(GRACE)
            except subprocess.TimeoutExpired:
                child.kill()
