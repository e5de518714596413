"""Chunks that are here already: in the tree, or where the host's own files lie.

The latter are somebody else's, and may change or be links: they are read without following any, and what was read is
what is hashed and written. A keyed hash that fits is the archive's content, whoever wrote it.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from backups.proof.opened import Opened
from backups.proof.tree import READ, Parts, Tree, Way


class Local:
    """Where content may be found without asking the repository. `seed`: the directory that holds the same paths."""

    def __init__(self, source: Opened, tree: Tree, seed: Path | None) -> None:
        self._source, self._tree = source, tree
        self._seed = Way(seed) if seed is not None and seed.is_dir() else None

    def close(self) -> None:
        """Let go of it."""
        if self._seed is not None:
            self._seed.close()

    @contextmanager
    def candidates(self, parts: Parts, *, own: bool) -> Iterator[list[int]]:
        """Files that may hold parts of the one at `parts`; `own`: the tree has one."""
        found = []
        if own and (mine := self._tree.open(parts)) is not None:
            found.append(mine)
        if self._seed is not None:
            with suppress(OSError):
                found.append(os.open(parts[-1], READ, dir_fd=self._seed.to(parts[:-1], make=False)))
        try:
            yield [handle for handle in found if stat.S_ISREG(os.fstat(handle).st_mode)]
        finally:
            for handle in found:
                os.close(handle)

    def find(self, candidates: list[int], chunk: Any, offset: int) -> bytes | None:
        """The content of the chunk; None where it is not here."""
        for handle in candidates:
            data = os.pread(handle, chunk.size, offset)
            if len(data) == chunk.size and self._source.hashed(data) == chunk.id:
                return data
        return None

    def equal(self, parts: Parts, chunks: Any, zeros: set[bytes]) -> bool:
        """Whether the tree's own file holds exactly these chunks, by the hash of every byte."""
        handle = self._tree.open(parts)
        if handle is None:
            return False
        try:
            offset = 0
            for chunk in chunks:
                data = os.pread(handle, chunk.size, offset)
                if chunk.id in zeros:
                    if data.count(0) != chunk.size:
                        return False
                elif len(data) != chunk.size or self._source.hashed(data) != chunk.id:
                    return False
                offset += chunk.size
            return os.fstat(handle).st_size == offset
        finally:
            os.close(handle)
