"""Makes a tree hold what an archive holds, and moves only what changed.

For each item of the archive: a file that stands as the last run left it, and is named by the same chunks, stays. Of all
others the chunks that are here already, in the tree or where the host's own files lie, are recognised by their keyed
hashes; only the rest is fetched. A chunk that is damaged or missing names its file, which stays as it was, and the
others go on. Where one archive is filled in by several shards, all files that are links to each other are one shard's.
"""

import os
import stat
from collections.abc import Iterable
from typing import Any
from zlib import crc32

from backups.progress import Seen
from backups.proof.attributes import dress, dress_link, times, undress
from backups.proof.errand import Counted
from backups.proof.fetching import Fetcher, Fresh
from backups.proof.index import Index, Row, about_of, content_of
from backups.proof.local import Local
from backups.proof.opened import Opened, packed
from backups.proof.tree import Parts, Tree, parts_of

DAMAGED = b"damaged"  # the content of a file that is not what the archive says


def _unseen(done: int, count: int) -> None:
    """Nobody looks."""


class Filler:
    """One shard of one run."""

    def __init__(
        self, source: Opened, tree: Tree, local: Local, index: Index, *,
        members: tuple[str, ...], shard: int, of: int, force: tuple[int, int] | None, prove: bool, bare: bool,
    ) -> None:  # fmt: skip
        """`members`: paths, none for all; `force`: who owns all of it; `prove`: read every byte; `bare`: it is new."""
        self._source, self._tree, self._local, self._index = source, tree, local, index
        self._members, self._shard, self._of, self._force, self._prove = members, shard, of, force, prove
        self._bare, self._space = bare, source.space
        self._fetcher = Fetcher(source, self._done)
        self._masters: dict[str, Any] = {}  # path of a file with links to it: its chunks
        self._names: dict[str, list[tuple[str, bytes, bytes]]] = {}  # that path: its names here, with what they hold
        self.counted = Counted()
        self.seen: Seen = _unseen

    def run(self, items: Iterable[Any]) -> Counted:
        """Those of the archive's items that are this shard's. Raises Untrusted for a path that leads astray."""
        for item in items:
            if item.get("hardlink_master") and "chunks" in item:
                self._masters[item.path] = item.chunks
            if self._wanted(item.path):
                self._one(item)
        self._fetcher.flush()
        lost = {*self.counted.damaged}
        for names in self._names.values():  # each link made moved the change time of the others
            for path, content, about in names:
                if path not in lost and (now := self._tree.seen(parts_of(path))):
                    self._index.keep(path, now, content, about)
        self.counted.fetched = self._fetcher.fetched
        return self.counted

    def _wanted(self, path: str) -> bool:
        return not self._members or any(path == one or path.startswith(f"{one}/") for one in self._members)

    def _one(self, item: Any) -> None:
        parts = parts_of(item.path)
        if stat.S_ISDIR(item.mode):
            self._tree.make_directory(parts)
            if self._shard == 0:
                self._index.keep_directory(item.path, packed(item))
            return
        link = item.get("source") if stat.S_ISREG(item.mode) else None
        if crc32((link or item.path).encode("utf-8", "surrogateescape")) % self._of != self._shard:
            return
        if stat.S_ISREG(item.mode):
            self._file(item, parts, link)
        elif stat.S_ISLNK(item.mode) or stat.S_ISFIFO(item.mode):
            self._special(item, parts)
        else:
            self.counted.devices += 1

    def _file(self, item: Any, parts: Parts, link: str | None) -> None:
        if link in self._names:
            self._link(item, parts, str(link))
            return
        if link is not None:  # what it is a link to lies elsewhere: it is the first of its names here
            item.chunks = self._masters.get(link, [])
        elif "chunks" not in item:
            item.chunks = []
        linked = link or (item.path if item.get("hardlink_master") else None)
        content, about = content_of(item, self._space), about_of(item)
        if linked is not None:
            self._names[linked] = [(item.path, content, about)]
        self._count(item)
        if "chunks_healthy" in item or (link is not None and link not in self._masters):
            self._lost(item.path, parts)
            return
        now, row = (None, None) if self._bare else (self._tree.seen(parts), self._index.row(item.path))
        fits = now is not None and stat.S_ISREG(now.st_mode) and (linked is not None or now.st_nlink == 1)
        own = now is not None and stat.S_ISREG(now.st_mode)
        row = row if now is not None and row is not None and row.is_of(now) else None
        if fits and now is not None and self._holds(parts, item, now, row, content):
            self._keep(item, parts, now, row, content, about)
        else:
            self._write(item, parts, content, about, own=own)

    def _holds(self, parts: Parts, item: Any, now: os.stat_result, row: Row | None, content: bytes) -> bool:
        """Whether it has that content. A row that knows another content of the same key spares reading it twice."""
        if row is not None and not self._prove and row.content[:16] == content[:16]:
            return row.content == content
        size = sum(chunk.size for chunk in item.chunks)
        return now.st_size == size and self._local.equal(parts, item.chunks, self._fetcher.zeros)

    def _keep(
        self, item: Any, parts: Parts, now: os.stat_result, row: Row | None, content: bytes, about: bytes
    ) -> None:
        self.counted.kept += 1
        handle = None
        if row is None or row.about != about or now.st_mtime_ns != item.mtime:
            handle = self._tree.open(parts)
        if handle is not None:
            if row is not None and row.about == about:
                times(item, handle)
            else:
                undress(handle)
                dress(item, handle, self._force)
            now = os.fstat(handle)
            os.close(handle)
        self._note(item, now, content, about)

    def _note(self, item: Any, now: os.stat_result, content: bytes, about: bytes) -> None:
        """How it is left; what has several names is noted when all of them are made."""
        if not (item.get("source") or item.get("hardlink_master")):
            self._index.keep(item.path, now, content, about)

    def _write(self, item: Any, parts: Parts, content: bytes, about: bytes, *, own: bool) -> None:
        handle, spare = self._tree.begin(parts, bare=self._bare)
        fresh = Fresh(item, parts, content, about, spare, handle)
        with self._local.candidates(parts, own=own) as candidates:
            for chunk in item.chunks:
                if chunk.id not in self._fetcher.zeros:
                    data = self._local.find(candidates, chunk, fresh.size)
                    if data is None:
                        self._fetcher.want(fresh, fresh.size, chunk)
                    elif not fresh.write(fresh.size, data):
                        self._fetcher.zeros.add(chunk.id)
                fresh.size += chunk.size
        fresh.lost |= item.get("size", fresh.size) != fresh.size
        self._fetcher.seal(fresh)

    def _done(self, fresh: Fresh) -> None:
        try:
            if fresh.lost:
                self._tree.drop(fresh.spare, fresh.parts)
                self._lost(fresh.item.path, fresh.parts)
                return
            if fresh.written != fresh.size:
                os.ftruncate(fresh.handle, fresh.size)
            dress(fresh.item, fresh.handle, self._force)
            if fresh.spare is not None:
                self._tree.place(fresh.spare, fresh.parts)
            self._note(fresh.item, os.fstat(fresh.handle), fresh.content, fresh.about)
            self.counted.written += 1
        finally:
            os.close(fresh.handle)

    def _lost(self, path: str, parts: Parts) -> None:
        """It stays as it was, and is what the archive has, but never taken for its content."""
        self.counted.damaged.append(path)
        self._index.keep(path, self._tree.seen(parts), DAMAGED, b"")

    def _link(self, item: Any, parts: Parts, link: str) -> None:
        self._fetcher.flush()  # the first of its names may still be on its way
        first, content, about = self._names[link][0]
        self._names[link].append((item.path, content, about))
        theirs, now = self._tree.seen(parts_of(first)), self._tree.seen(parts)
        if theirs is None or first in self.counted.damaged:
            self._lost(item.path, parts)
        elif now is None or now.st_ino != theirs.st_ino:
            spare, there = self._tree.spare(), parts_of(first)
            source = self._tree.directory(there[:-1])
            os.link(there[-1], spare, src_dir_fd=source, dst_dir_fd=self._tree.new, follow_symlinks=False)
            self._tree.place(spare, parts)
            self.counted.written += 1

    def _special(self, item: Any, parts: Parts) -> None:
        content, about = content_of(item, b""), about_of(item)
        now, row = self._tree.seen(parts), self._index.row(item.path)
        if now is None or row is None or not row.is_of(now) or (row.content, row.about) != (content, about):
            spare = self._tree.spare()
            if stat.S_ISLNK(item.mode):
                os.symlink(item.source, spare, dir_fd=self._tree.new)
            else:
                os.mkfifo(spare, 0o600, dir_fd=self._tree.new)
            dress_link(item, spare, self._tree.new, self._force)
            self._tree.place(spare, parts)
            self.counted.written += 1
            now = self._tree.seen(parts)
        assert now is not None
        self._index.keep(item.path, now, content, about)

    def _count(self, item: Any) -> None:
        self.counted.files += 1
        self.counted.bytes += sum([chunk.size for chunk in item.chunks])
        self.counted.newest = max(self.counted.newest, item.mtime)
        self.seen(self.counted.bytes, self.counted.files)
