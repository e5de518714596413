"""The end of a run: what the archive has no more is removed, and directories get their attributes, for writing in them
moved their times."""

import os

from backups.proof.attributes import dress, modes, times, undress
from backups.proof.index import Index, Known, about_of
from backups.proof.opened import owner, unpacked
from backups.proof.tree import Parts, Tree, parts_of

DIRECTORY = b"directory"


def finish(
    tree: Tree, index: Index, known: Known, members: tuple[str, ...], force: tuple[int, int] | None, *, bare: bool
) -> int:
    """How many entries were removed. `index` takes the directories; `known` has all else that this run kept.

    Where nothing stood before (`bare`), there is nothing else, and nothing is looked for.
    """
    way = {parts_of(one)[:depth] for one in members for depth in range(len(parts_of(one)))}
    removed = 0 if bare else _remove_the_rest(tree, known, way)
    for path, kept in known.directories():
        _attributes(tree, index, path, kept, force)
    return removed


def _remove_the_rest(tree: Tree, known: Known, way: set[Parts]) -> int:
    removed, kept = 0, known.paths()
    for parts, _ in tree.everything():
        if parts not in way and not kept("/".join(parts)):
            tree.clear(parts)
            removed += 1
    return removed


def _attributes(tree: Tree, index: Index, path: str, kept: bytes, force: tuple[int, int] | None) -> None:
    item = unpacked(kept)
    handle = tree.open(parts_of(path))
    assert handle is not None, path
    try:
        now, row, about = os.fstat(handle), index.row(path), about_of(item)
        same = row is not None and (row.inode, row.about) == (now.st_ino, about)
        if same and (now.st_uid, now.st_gid, now.st_mode & 0o7777) == (*(force or owner(item)), modes(item)):
            if now.st_mtime_ns != item.mtime:
                times(item, handle)
        else:
            undress(handle)
            dress(item, handle, force)
        index.keep(path, os.fstat(handle), DIRECTORY, about)
    finally:
        os.close(handle)
