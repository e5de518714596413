"""A tree of files that is written by paths out of an archive, which are an attacker's.

Every step is taken from the directory before it and never through a link (open(2), O_NOFOLLOW), so whatever the paths
say, nothing outside the tree is written. What is written lies in a directory of its own first, and is renamed.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from estate.problem import Untrusted

NEW = ".seawall-new"  # at the top of a tree: what is not whole yet
HOLD = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
HINT = "somebody made this archive by hand: take an older one, and look at the host that saved it"
Parts = tuple[str, ...]


def parts_of(path: str) -> Parts:
    """The names on the way; none for the top itself. Raises Untrusted where borg would never have saved such a path."""
    parts = tuple(path.split("/"))
    if "" in parts or "." in parts:
        parts = tuple(part for part in parts if part not in ("", "."))
    if path.startswith("/") or ".." in parts or parts[:1] == (NEW,):
        raise Untrusted(f"the archive holds the path {path!r}, which leads out of its tree", hint=HINT)
    return parts


def is_bare(top: Path) -> bool:
    """Whether nothing stands there, not even what an earlier run began."""
    return not top.is_dir() or not any(top.iterdir())


class Way:
    """From `top` to the directory that was asked for last, one held open a level."""

    def __init__(self, top: Path) -> None:
        self._held = [os.open(top, HOLD)]
        self._at: Parts = ()

    def close(self) -> None:
        """Let go of all."""
        while self._held:
            os.close(self._held.pop())

    def to(self, parts: Parts, *, make: bool) -> int:
        """A handle of that directory, good until the next call.

        Raises NotADirectoryError where a link or a file is on the way; FileNotFoundError, unless it is to be made.
        """
        if parts == self._at:
            return self._held[-1]
        same = 0
        while same < min(len(parts), len(self._at)) and parts[same] == self._at[same]:
            same += 1
        self._back(same)
        for part in parts[same:]:
            self._held.append(self._entered(part, make=make))
            self._at = (*self._at, part)
        return self._held[-1]

    def forget(self, parts: Parts) -> None:
        """Hold nothing at or below `parts`, which is about to become something else."""
        if parts and self._at[: len(parts)] == parts:
            self._back(len(parts) - 1)

    def _entered(self, part: str, *, make: bool) -> int:
        try:
            return os.open(part, HOLD, dir_fd=self._held[-1])
        except FileNotFoundError:
            if not make:
                raise
        except OSError as fault:
            if fault.errno == errno.ELOOP:
                raise NotADirectoryError(fault.errno, fault.strerror, part) from None
            raise
        with suppress(FileExistsError):  # another shard was faster
            os.mkdir(part, 0o700, dir_fd=self._held[-1])
        return os.open(part, HOLD, dir_fd=self._held[-1])

    def _back(self, depth: int) -> None:
        while len(self._at) > depth:
            os.close(self._held.pop())
            self._at = self._at[:-1]


class Tree:
    """A tree below `top`, which only root may enter while it is filled."""

    def __init__(self, top: Path, shard: int) -> None:
        top.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._way = Way(top)
        self._names = iter(range(1 << 62))
        fresh = top / NEW / str(shard)
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        self.new = os.open(fresh, HOLD)

    def close(self) -> None:
        """Let go of all directories."""
        os.close(self.new)
        self._way.close()

    def directory(self, parts: Parts) -> int:
        """A handle of that directory, good until the next call; made where it is missing. Raises Untrusted."""
        try:
            return self._way.to(parts, make=True)
        except NotADirectoryError as fault:
            raise Untrusted(
                f"the archive holds {'/'.join(parts)!r}, but {fault.filename!r} on the way is no directory in it",
                hint=HINT,
            ) from None

    def make_directory(self, parts: Parts) -> None:
        """Let a directory stand there; a file or link of an earlier run gives way."""
        now = self.seen(parts) if parts else None
        if now is not None and not stat.S_ISDIR(now.st_mode):
            with suppress(FileNotFoundError, IsADirectoryError):  # another shard was faster
                os.unlink(parts[-1], dir_fd=self.directory(parts[:-1]))
        self.directory(parts)

    def open(self, parts: Parts) -> int | None:
        """The file or directory that stands there, to be read; None where there is nothing that can be."""
        try:
            if not parts:
                return os.open(".", READ | os.O_DIRECTORY, dir_fd=self.directory(()))
            return os.open(parts[-1], READ, dir_fd=self.directory(parts[:-1]))
        except OSError as fault:
            if fault.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
                return None
            raise

    def seen(self, parts: Parts) -> os.stat_result | None:
        """What stands there, never followed; None where nothing does."""
        try:
            return os.lstat(parts[-1], dir_fd=self.directory(parts[:-1]))
        except FileNotFoundError:
            return None

    def begin(self, parts: Parts, *, bare: bool) -> tuple[int, str | None]:
        """A new file's handle, and its name in `new`: None where it stands in its place at once.

        That is where nothing stood before (`bare`): nothing can be lost, and what is not whole is found by its hash.
        """
        if bare:
            with suppress(FileExistsError):  # an archive that names it twice was made by hand
                return os.open(parts[-1], CREATE, 0o600, dir_fd=self.directory(parts[:-1])), None
        spare = self.spare()
        return os.open(spare, CREATE, 0o600, dir_fd=self.new), spare

    def drop(self, spare: str | None, parts: Parts) -> None:
        """Let a file that was begun be nowhere."""
        if spare is None:
            os.unlink(parts[-1], dir_fd=self.directory(parts[:-1]))
        else:
            os.unlink(spare, dir_fd=self.new)

    def spare(self) -> str:
        """A name that is free in `new`."""
        return str(next(self._names))

    def place(self, spare: str, parts: Parts) -> None:
        """Give what lies in `new` under that name its place; a file there is replaced at once, a directory removed."""
        try:
            os.rename(spare, parts[-1], src_dir_fd=self.new, dst_dir_fd=self.directory(parts[:-1]))
        except IsADirectoryError:
            self.clear(parts)
            os.rename(spare, parts[-1], src_dir_fd=self.new, dst_dir_fd=self.directory(parts[:-1]))

    def clear(self, parts: Parts) -> None:
        """Remove what stands there, and all below it."""
        now = self.seen(parts)
        if now is not None and stat.S_ISDIR(now.st_mode):
            self._way.forget(parts)
            shutil.rmtree(parts[-1], dir_fd=self.directory(parts[:-1]))
        elif now is not None:
            os.unlink(parts[-1], dir_fd=self.directory(parts[:-1]))

    def everything(self) -> Iterator[tuple[Parts, bool]]:
        """All that stands in it, and whether it is a directory; what is below comes first."""
        top = self.directory(())
        yield from _below(os.open(".", READ | os.O_DIRECTORY, dir_fd=top), ())


def _below(handle: int, way: Parts) -> Iterator[tuple[Parts, bool]]:
    try:
        with os.scandir(handle) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, deeper in found:
            if not way and name == NEW:
                continue
            if deeper:
                yield from _below(os.open(name, READ | os.O_DIRECTORY, dir_fd=handle), (*way, name))
            yield (*way, name), deeper
    finally:
        os.close(handle)
