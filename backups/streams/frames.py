"""What a stream file on a backup server is made of. Pure: bytes in, bytes out.

    file    "SWS1", salt (32 random bytes), then frames
    frame   "SWF1", number in this file, length of the body, flags, instant (microseconds of Unix time), offset in the
            log file, length of the log's bytes, name of the log file, SHA-256 of the frame before, mark; body

The body is the log's bytes, deflated, under AES-256-GCM; the header is authenticated with it. The key is made with
HKDF-SHA256 (RFC 5869) from the passphrase of the host's repositories and the file's salt, for one host, engine and
chain. A file is written by one connection of one process that keeps the key in memory alone, so a frame's number is a
nonce that never comes twice (NIST SP 800-38D, 8.2.1). A frame that was changed, dropped, swapped or taken from another
place doesn't open, or leaves a hole that the numbers and the log's own offsets show.
"""

import hashlib
import hmac
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from effects.onhost.streams import FRAME, HEADER, MAGIC
from estate.problem import Untrusted

FILE_MAGIC = b"SWS1"
SALT = 32
MOST = 1 << 20  # bytes of a log in one frame
FINAL = 1  # flag: the log file ends here, the next byte is the first of the next file
NAME = 32
NOTHING = bytes(32)  # the digest before the first frame of a chain
MARKED = 512  # bytes of the log that a mark covers
UNSTEADY = 256  # bytes at a binary log's head, in which MariaDB changes a flag when it closes the file
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Position:
    """Where one is in a log: a file's name, and how many of its bytes are behind one."""

    name: str
    offset: int

    @classmethod
    def of(cls, text: str) -> "Position":
        """As it is written: FILE:OFFSET."""
        name, _, offset = text.rpartition(":")
        return cls(name, int(offset))

    def __str__(self) -> str:
        return f"{self.name}:{self.offset}"

    @property
    def order(self) -> tuple[int, str, int]:
        """Sorts as the log was written: MariaDB's numbers get a seventh digit one day."""
        return len(self.name), self.name, self.offset


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a log from one file. All that was committed before `instant` is in the log up to its end."""

    start: Position
    data: bytes
    final: bool
    instant: datetime

    @property
    def end(self) -> Position:
        """Where the next byte of that file would be."""
        return Position(self.start.name, self.start.offset + len(self.data))


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup server sees of a frame."""

    number: int
    size: int  # of the body
    final: bool
    instant: datetime
    start: Position
    length: int  # of the log's bytes
    previous: bytes
    mark: bytes

    @property
    def end(self) -> Position:
        """Where the log's next byte is in that file."""
        return Position(self.start.name, self.start.offset + self.length)

    def pack(self) -> bytes:
        """As it stands before the body."""
        microseconds = (self.instant - EPOCH) // timedelta(microseconds=1)
        return FRAME.pack(
            MAGIC,
            self.number,
            self.size,
            FINAL if self.final else 0,
            microseconds,
            self.start.offset,
            self.length,
            self.start.name.encode().ljust(NAME, b"\0"),
            self.previous,
            self.mark,
        )


def unpack(data: bytes) -> Header:
    """Raises Untrusted where that is no frame's header."""
    try:
        magic, number, size, flags, at, offset, length, name, previous, mark = FRAME.unpack_from(data)
        word = name.rstrip(b"\0").decode("ascii")
        instant = EPOCH + timedelta(microseconds=at)
    except (struct.error, UnicodeDecodeError, OverflowError):
        magic = b""
    if magic != MAGIC:
        raise Untrusted("what a backup server keeps of a stream is no frame", hint="look at that server's disk")
    return Header(number, size, bool(flags & FINAL), instant, Position(word, offset), length, previous, mark)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose key it is: nothing opens under another host's, engine's or chain's."""

    host: str
    engine: str
    chain: str

    def key(self, passphrase: str, salt: bytes, use: str = "frames") -> bytes:
        """32 bytes."""
        info = f"seawall stream 1\0{use}\0{self.host}\0{self.engine}\0{self.chain}".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(passphrase.encode())


class Sealer:
    """Seals the frames of one stream file, in order. Never made twice for one salt."""

    def __init__(self, scope: Scope, passphrase: str, salt: bytes, previous: bytes) -> None:
        assert len(salt) == SALT
        self.head = FILE_MAGIC + salt
        self._cipher = AESGCM(scope.key(passphrase, salt))
        self._marks = scope.key(passphrase, b"", "marks")
        self._previous, self._number = previous, 0

    def seal(self, chunk: Chunk, tail: bytes) -> bytes:
        """One frame; `tail`: the up to MARKED bytes of the log file before its end."""
        packed = zlib.compress(chunk.data, 1)
        mark = mark_of(self._marks, chunk.end, tail)
        header = Header(
            self._number, len(packed) + 16, chunk.final, chunk.instant, chunk.start, len(chunk.data),
            self._previous, mark,
        ).pack()  # fmt: skip
        frame = header + self._cipher.encrypt(nonce(self._number), packed, header)
        self._previous, self._number = hashlib.sha256(frame).digest(), self._number + 1
        return frame


def nonce(number: int) -> bytes:
    """12 bytes."""
    return number.to_bytes(12, "big")


def mark_of(key: bytes, end: Position, tail: bytes) -> bytes:
    """What tells later whether a log still has the bytes that were sent: it could have been replaced meanwhile."""
    return hmac.digest(key, f"{end}\0".encode() + tail, "sha256")[:16]


def marked_from(end: Position) -> int:
    """Where the bytes that a mark covers begin."""
    return min(max(end.offset - MARKED, UNSTEADY), end.offset)


@dataclass(frozen=True, slots=True)
class Stored:
    """A frame as it lies in a stream file."""

    header: Header
    at: int  # in the file
    frame: bytes

    @property
    def digest(self) -> bytes:
        """What the next one names as the one before it."""
        return hashlib.sha256(self.frame).digest()


def stored(content: bytes) -> Iterator[Stored]:
    """The whole frames of a stream file in order, unopened; what is torn at its end is passed over."""
    at = HEADER
    while at + FRAME.size <= len(content):
        try:
            header = unpack(content[at : at + FRAME.size])  # no more: all of what is left, each time, took minutes
        except Untrusted:
            return
        end = at + FRAME.size + header.size
        if end > len(content):
            return
        yield Stored(header, at, content[at:end])
        at = end


def opened(content: bytes, scope: Scope, passphrase: str) -> Iterator[tuple[Stored, bytes | None]]:
    """Frames with the log's bytes, or None where a frame does not open or comes after a later one.

    Each stands for itself: one that was changed or is missing takes no other with it. Raises Untrusted where that is
    no stream file.
    """
    if content[:4] != FILE_MAGIC:
        raise Untrusted("that is no stream file", hint="look at the backup server's disk")
    cipher = AESGCM(scope.key(passphrase, content[4:HEADER]))
    last, digest = -1, b""  # of the frame before, where that one opened
    for one in stored(content):
        data = _opened(cipher, one) if one.header.number > last else None
        if one.header.number == last + 1 and digest and digest != one.header.previous:
            data = None
        last, digest = (last, b"") if data is None else (one.header.number, one.digest)
        yield one, data


def _opened(cipher: AESGCM, one: Stored) -> bytes | None:
    try:
        packed = cipher.decrypt(nonce(one.header.number), one.frame[FRAME.size :], one.frame[: FRAME.size])
        data = zlib.decompress(packed)
    except (InvalidTag, zlib.error):
        return None
    return data if len(data) == one.header.length else None
