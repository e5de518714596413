"""Chunks that are not here are fetched in batches and written where they belong, so memory does not grow with files.

A round trip for each file would cost more than the files: up to MANY small ones share one, and a large one is fetched
piece by piece.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backups.proof.opened import DAMAGED, Opened
from backups.proof.tree import Parts

MANY = 256  # chunks in flight
LARGE = 16 << 20  # bytes in flight


@dataclass(slots=True)
class Fresh:
    """A file that is being written, beside its place."""

    item: Any
    parts: Parts
    content: bytes
    about: bytes
    spare: str | None  # its name until it is whole; None: it stands in its place already
    handle: int
    size: int = 0
    written: int = 0  # where its last content ends: after that there is a hole
    waiting: int = 0  # chunks that are not there yet
    sealed: bool = False  # all of its chunks are known
    lost: bool = False  # a chunk of it can't be had

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self.sealed and not self.waiting

    def write(self, offset: int, data: bytes) -> bool:
        """Whether it was content: of zeros there is a hole instead."""
        if not data[0] and not data[-1] and data.count(0) == len(data):
            return False
        end, done = offset + len(data), os.pwrite(self.handle, data, offset)
        while offset + done < end:
            done += os.pwrite(self.handle, memoryview(data)[done:], offset + done)
        self.written = max(self.written, end)
        return True


class Fetcher:
    """A queue of wanted chunks. `done` is called for each file that is whole, or lost."""

    def __init__(self, source: Opened, done: Callable[[Fresh], None]) -> None:
        self._source, self._done = source, done
        self._queue: list[tuple[Fresh, int, bytes]] = []
        self._bytes = 0
        self.fetched = 0
        self.zeros: set[bytes] = set()  # ids of chunks that hold nothing but zeros

    def want(self, fresh: Fresh, offset: int, chunk: Any) -> None:
        """This chunk belongs there."""
        fresh.waiting += 1
        self._queue.append((fresh, offset, chunk.id))
        self._bytes += chunk.size
        if len(self._queue) >= MANY or self._bytes >= LARGE:
            self.flush()

    def seal(self, fresh: Fresh) -> None:
        """No more chunks of it will be wanted."""
        fresh.sealed = True
        if fresh.whole:
            self._done(fresh)

    def flush(self) -> None:
        """Fetch what is wanted; where one is damaged, one by one, so that it is known whose it is."""
        queue, self._queue, self._bytes = self._queue, [], 0
        came = 0
        try:
            for (fresh, offset, wanted), data in zip(queue, self._source.chunks([q[2] for q in queue]), strict=False):
                self._arrived(fresh, offset, wanted, data)
                came += 1
        except DAMAGED:
            self._one_by_one(queue[came:])

    def _one_by_one(self, queue: list[tuple[Fresh, int, bytes]]) -> None:
        for fresh, offset, wanted in queue:
            try:
                self._arrived(fresh, offset, wanted, next(iter(self._source.chunks([wanted]))))
            except DAMAGED:
                fresh.lost = True
                self._off(fresh)

    def _arrived(self, fresh: Fresh, offset: int, wanted: bytes, data: bytes) -> None:
        self.fetched += len(data)
        if not fresh.write(offset, data):
            self.zeros.add(wanted)
        self._off(fresh)

    def _off(self, fresh: Fresh) -> None:
        fresh.waiting -= 1
        if fresh.whole:
            self._done(fresh)
