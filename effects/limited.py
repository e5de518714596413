"""One upload limit for all transfers of a host: `python -I limited.py KIB BUCKET PROGRAM …` hands its input on, slowly.

borg's own --upload-ratelimit knows one transfer, and files and databases go to two sides at once. Here every transfer
books its next bytes in a file that all of them share, under a lock, and sends them when their turn has come. What
comes back from the program is not held. The standard library only: borg starts this where it stands, which may be a
directory that a database server may write to, and -I lets nothing of that in.
"""

import fcntl
import os
import signal
import struct
import subprocess
import sys
import time
from typing import IO

LARGEST = 1 << 16  # bytes sent at once
SLICE = 0.1  # seconds that one piece may take of the line
MOST = 60.0  # seconds; who finds more booked finds what a boot or a broken disk has left
TIMES = struct.Struct("<d")


def piece(rate: float) -> int:
    """Bytes that are sent at once, at `rate` bytes a second: so little that no transfer waits long for the others."""
    return max(512, min(LARGEST, int(rate * SLICE)))


def booked(now: float, until: float, size: int, rate: float) -> tuple[float, float]:
    """When `size` bytes may go, and until when the line is taken then. Nothing is saved up while nobody sends."""
    start = until if now < until <= now + MOST else now
    return start, start + size / rate


def book(bucket: int, size: int, rate: float) -> float:
    """Book it in the open file that all share; the instant of CLOCK_BOOTTIME at which it may go."""
    fcntl.flock(bucket, fcntl.LOCK_EX)
    try:
        kept = os.pread(bucket, TIMES.size, 0)
        until = TIMES.unpack(kept)[0] if len(kept) == TIMES.size else 0.0
        start, until = booked(time.clock_gettime(time.CLOCK_BOOTTIME), until, size, rate)
        os.pwrite(bucket, TIMES.pack(until), 0)
    finally:
        fcntl.flock(bucket, fcntl.LOCK_UN)
    return start


def hand_on(bucket: int, rate: float, target: IO[bytes]) -> None:
    """Standard input, to its end."""
    while data := os.read(sys.stdin.fileno(), piece(rate)):
        wait = book(bucket, len(data), rate) - time.clock_gettime(time.CLOCK_BOOTTIME)
        if wait > 0:
            time.sleep(wait)
        target.write(data)


def main(kib: str, path: str, *argv: str) -> int:
    """The exit code of the program; as shells count them where a signal ended it."""
    bucket = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, bufsize=0) as program:
        assert program.stdin is not None
        try:
            hand_on(bucket, float(kib) * 1024, program.stdin)
            program.stdin.close()
        except BrokenPipeError:
            pass  # it says itself why it ended
    return program.returncode if program.returncode >= 0 else 128 - program.returncode


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # borg says what a Ctrl-C means
    sys.exit(main(*sys.argv[1:]))
