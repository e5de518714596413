"""Two calls of the kernel that no program of Debian 12 makes, for directories under its file encryption.

    encrypted.py follow NEW            NEW, an empty directory, is encrypted with the key of its file system
    encrypted.py exchange ONE OTHER    each gets the other's name, at once: at no instant there is neither

The first is FS_IOC_SET_ENCRYPTION_POLICY of the kernel's Documentation/filesystems/fscrypt.rst: the key must have been
added, and whatever is made in NEW inherits it. The second is renameat2(2) with RENAME_EXCHANGE.
"""

import ctypes
import errno
import fcntl
import os
import struct
import sys
from pathlib import Path

KEY = ".seawall-encrypted"  # at the top of a file system: a directory that has its key
GET_POLICY = 0xC0096616  # FS_IOC_GET_ENCRYPTION_POLICY_EX, _IOWR('f', 22, __u8[9])
SET_POLICY = 0x800C6613  # FS_IOC_SET_ENCRYPTION_POLICY, _IOR('f', 19, struct fscrypt_policy_v1)
POLICY = 24  # bytes of struct fscrypt_policy_v2, the longer of the two
NONE = (errno.ENODATA, errno.ENOTTY, errno.EOPNOTSUPP)  # in the clear, or on a file system that has no encryption
AT_FDCWD, RENAME_EXCHANGE = -100, 2


def policy(directory: str) -> "bytes | None":
    """How it is encrypted; None where it lies in the clear."""
    found = bytearray(struct.pack(f"=Q{POLICY}x", POLICY))
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(opened, GET_POLICY, found)
    except OSError as fault:
        if fault.errno in NONE:
            return None
        raise
    finally:
        os.close(opened)
    return bytes(found[8 : 8 + struct.unpack_from("=Q", found)[0]])


def follow(new: str) -> None:
    """Encrypt `new` with the key of its file system; nothing happens where that has none.

    Raises OSError: ENOTEMPTY where `new` holds something, ENOKEY where the key is not there.
    """
    opened = os.open(new, os.O_RDONLY | os.O_DIRECTORY)
    try:
        device = os.fstat(opened).st_dev
        for top in Path(new).resolve().parents:
            key = top / KEY
            if key.is_dir() and key.stat().st_dev == device and (wanted := policy(str(key))) is not None:
                fcntl.ioctl(opened, SET_POLICY, wanted)
                return
    finally:
        os.close(opened)


def exchange(one: str, other: str) -> None:
    """Swap two names of one file system."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), one)


if __name__ == "__main__":
    if sys.argv[1] == "follow":
        follow(sys.argv[2])
    else:
        exchange(*sys.argv[2:])
