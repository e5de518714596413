#!/usr/bin/python3
"""Put there by playbooks/uploads.py: vhosts' upload directories, bound over themselves so that nothing runs in them.

    uploads                   mount what LIST names, now and at boot; what can't be is said, and the others are done
    uploads look [PATH]...    the state of these and of LIST, as JSON; changes nothing
    uploads remount PATH...   no device and no set-user-id on what an administrator has mounted there
    uploads unmount PATH...   take away what is mounted at these and below

A vhost's user owns the directories on the way, and may put a link there at any instant. So each step is taken from the
directory before it and never through a link (open(2), O_NOFOLLOW), and what was reached is mounted by its descriptor,
not by its name, safe before anybody sees it: open_tree(2), mount_setattr(2), move_mount(2), since Linux 5.12.
"""

import ctypes
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

TOP = "/srv/vhosts"  # up to here all of the way is root's
LIST, FSTAB = Path("/etc/seawall/uploads"), Path("/etc/fstab")
DATA = os.ST_NOSUID | os.ST_NODEV
INERT = DATA | os.ST_NOEXEC
SAFE, OWED, OWN, ABSENT, ASTRAY = "safe", "owed", "an administrator's", "absent", "led astray"

OPEN_TREE, MOVE_MOUNT, MOUNT_SETATTR = 428, 429, 442  # the same on all of Debian's architectures
CLONE, EMPTY_PATH, RECURSIVE, FROM_EMPTY, TO_EMPTY, DETACH = 0x1, 0x1000, 0x8000, 0x4, 0x40, 0x2
LIBC = ctypes.CDLL(None, use_errno=True)


class Attributes(ctypes.Structure):
    """mount_setattr(2). Its flags for nosuid, nodev and noexec are those of statvfs(3)."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "namespace")]


class Reached(NamedTuple):
    """A directory, held: whatever is renamed now, it is this one."""

    handle: int
    is_mount: bool
    flags: int  # of its file system's mount, as for statvfs(3)


def call(number: int, *words: "int | bytes | ctypes.Array[ctypes.c_char]") -> int:
    """A system call that libc has no name for. Raises OSError."""
    found: int = LIBC.syscall(number, *words)
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


@contextmanager
def reached(path: str) -> "Iterator[Reached]":
    """Walk there from TOP. Raises NotADirectoryError for a link on the way, FileNotFoundError for nothing."""
    held = [os.open(TOP, os.O_PATH | os.O_DIRECTORY)]
    try:
        for part in PurePosixPath(path).relative_to(TOP).parts:
            held.append(os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=held[-1]))
        yield Reached(held[-1], mount_id(held[-1]) != mount_id(held[-2]), os.fstatvfs(held[-1]).f_flag)
    finally:
        for handle in held:
            os.close(handle)


def mount_id(handle: int) -> str:
    """As proc_pid_fdinfo(5) has it: it changes where one steps into a mount."""
    return Path(f"/proc/self/fdinfo/{handle}").read_text().partition("mnt_id:")[2].split()[0]


def state(path: str) -> str:
    """What is to be done about an upload directory."""
    try:
        with reached(path) as it:
            if it.is_mount:
                return SAFE if it.flags & INERT == INERT else OWED
            return OWN if path in awaited() else OWED
    except FileNotFoundError:
        return ABSENT
    except NotADirectoryError:
        return ASTRAY


def awaited() -> "set[str]":
    """Where an administrator's fstab mounts a disk: never covered by us, should it come late."""
    rows = (
        [line.split() for line in FSTAB.read_text().splitlines() if not line.startswith("#")] if FSTAB.exists() else []
    )
    return {row[1] for row in rows if len(row) >= 4 and row[0] != row[1]}


def bind(path: str) -> None:
    """Make it safe. Raises OSError."""
    with reached(path) as it:
        if it.is_mount:
            restrict(it.handle, INERT)
        elif path not in awaited():
            tree = call(OPEN_TREE, it.handle, b"", CLONE | EMPTY_PATH | RECURSIVE | os.O_CLOEXEC)
            try:
                restrict(tree, INERT)
                call(MOVE_MOUNT, tree, b"", it.handle, b"", FROM_EMPTY | TO_EMPTY)
            finally:
                os.close(tree)


def restrict(handle: int, flags: int) -> None:
    """The mount at `handle`, and those below it, get these flags."""
    wanted = Attributes(set=flags)
    call(MOUNT_SETATTR, handle, b"", EMPTY_PATH | RECURSIVE, bytes(wanted), ctypes.sizeof(wanted))


def remount(path: str) -> None:
    """What is mounted there gets DATA. Raises OSError."""
    with reached(path) as it:
        if it.is_mount:
            restrict(it.handle, DATA)


def unmount(path: str) -> None:
    """Whatever is mounted there goes, also while somebody reads in it: what it shows is below it as well."""
    again = True
    while again:
        with reached(path) as it:
            again = it.is_mount
            if again and LIBC.umount2(f"/proc/self/fd/{it.handle}".encode(), DETACH) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def below(path: str) -> "list[str]":
    """Where something is mounted at or below `path`, deepest first."""
    rows = (line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    places = {re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), row) for row in rows}
    return sorted((place for place in places if place == path or place.startswith(f"{path}/")), reverse=True)


def listed() -> "list[str]":
    """Those of LIST."""
    lines = LIST.read_text().splitlines() if LIST.exists() else []
    return [line for line in lines if line.startswith("/")]


def attend(act: "Callable[[str], None]", paths: "Iterable[str]") -> int:
    """Do it to each; exit code 1 where the kernel refuses, 0 where a client has put something in the way."""
    code = 0
    for path in paths:
        try:
            act(path)
        except (FileNotFoundError, NotADirectoryError):
            print(f"{path}: not mounted: no directory stands there, or a link is on the way", file=sys.stderr)
        except OSError as fault:
            print(f"{path}: {fault.strerror}", file=sys.stderr)
            code = 1
    return code


def main(word: str = "mount", *paths: str) -> int:
    """The words above."""
    if word == "look":
        print(json.dumps({path: state(path) for path in dict.fromkeys([*paths, *listed()])}))
        return 0
    if word == "unmount":
        return attend(unmount, [place for path in paths for place in below(path)])
    if word == "remount":
        return attend(remount, paths)
    return attend(bind, listed())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
