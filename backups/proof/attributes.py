"""Owner, mode, access list, attributes and times of what is written out of an archive, disarmed.

Whoever was root on production chose them: nothing may run as another user here (set-uid, set-gid, file capabilities),
and nothing may be made immutable, which would keep the next run from replacing it (so flags are left out).
"""

import os
import stat
from pathlib import Path
from typing import Any

from borg import xattr
from borg.platform import acl_set

from backups.proof.opened import owner

ARMED = stat.S_ISUID | stat.S_ISGID
CAPABILITY = b"security.capability"
ACLS = (b"system.posix_acl_access", b"system.posix_acl_default")


def modes(item: Any) -> int:
    """Its mode as it may be here. On a directory set-gid means who owns what is made in it, and stays."""
    mode = stat.S_IMODE(item.mode)
    return mode if stat.S_ISDIR(item.mode) else mode & ~ARMED


def harmless(item: Any) -> dict[bytes, bytes]:
    """Its extended attributes without those that give rights; access lists come by their own words."""
    found = item.get("xattrs") or {}
    return {name: value for name, value in found.items() if name != CAPABILITY and name not in ACLS}


def dress(item: Any, handle: int, force: tuple[int, int] | None) -> None:
    """Give an open file or directory, in this order, its owner, mode, access list, attributes and time.

    Changing the owner clears rights and times are last, for the rest moves them. An attribute that this file system
    can't keep is left out, as by borg.
    """
    os.fchown(handle, *(force or owner(item)))
    os.fchmod(handle, modes(item))
    if "acl_access" in item or "acl_default" in item:
        _quietly(lambda: acl_set(f"/proc/self/fd/{handle}", item, False))
    for name, value in harmless(item).items():
        _quietly(lambda name=name, value=value: os.setxattr(handle, name, value or b""))
    times(item, handle)


def undress(handle: int) -> None:
    """Take all attributes and lists away: those of the archive are all that there shall be."""
    for name in xattr.listxattr(f"/proc/self/fd/{handle}".encode(), follow_symlinks=True):
        if not name.startswith((b"security.selinux", b"system.nfs4")):
            _quietly(lambda name=name: os.removexattr(handle, name))


def dress_link(item: Any, name: str, directory: int, force: tuple[int, int] | None) -> None:
    """Likewise for what can't be opened: links, and pipes."""
    uid, gid = force or owner(item)
    os.chown(name, uid, gid, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISLNK(item.mode):
        Path(f"/proc/self/fd/{directory}/{name}").chmod(modes(item))
    os.utime(name, ns=(item.mtime, item.mtime), dir_fd=directory, follow_symlinks=False)


def times(item: Any, handle: int) -> None:
    """When its content was last changed."""
    os.utime(handle, ns=(item.mtime, item.mtime))


def _quietly(act: Any) -> None:
    try:
        act()
    except OSError as fault:
        if fault.errno in FATAL:
            raise


FATAL = (28, 5, 30, 122)  # ENOSPC, EIO, EROFS, EDQUOT
