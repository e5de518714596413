"""What leaves for the store: sealed in frames, so that memory stays flat, under names that say nothing.

An object is MAGIC, a random salt of 16 bytes, and frames. Its key is HKDF-SHA256 (RFC 5869) of the seal, that salt and
the object's name. A frame is at most FRAME bytes under AES-256-GCM with the nonce "number of the frame, is it the
last": frames can't be left out, swapped or cut off (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár,
CRYPTO 2015), nor can objects be exchanged for each other.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from estate.problem import Untrusted

MAGIC = b"seawall3"
SALT = 16
TAG = 16
FRAME = 1 << 20  # bytes in the clear


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at its end."""


@dataclass(frozen=True, slots=True)
class Seal:
    """The secret of a third copy, as the estate keeps it: at least 32 characters, all of them random."""

    secret: str

    def name(self, *words: str) -> str:
        """What an object is called there: 64 hex digits."""
        return hmac.new(_derived(self.secret, b"names", b""), "\0".join(words).encode(), hashlib.sha256).hexdigest()

    def cipher(self, name: str, salt: bytes) -> AESGCM:
        """What seals the frames of one object."""
        return AESGCM(_derived(self.secret, b"object " + name.encode(), salt))


@lru_cache(maxsize=8)  # looking for copies makes a hundred thousand names
def _derived(secret: str, purpose: bytes, salt: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, b"seawall third copy " + purpose).derive(secret.encode())


def sealed_size(size: int) -> int:
    """How many bytes an object of `size` bytes has there."""
    return len(MAGIC) + SALT + size + TAG * max(1, -(-size // FRAME))


class Sealing:
    """A stream of `size` bytes, read sealed. Raises EOFError where it ends before; what comes after them stays out."""

    def __init__(self, seal: Seal, name: str, clear: Readable, size: int) -> None:
        salt = os.urandom(SALT)
        self.digest = hashlib.sha256()  # of what was read in the clear
        self._frames = self._sealed(seal.cipher(name, salt), clear, size)
        self._ready = bytearray(MAGIC + salt)

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes there are to send."""
        while size < 0 or len(self._ready) < size:
            frame = next(self._frames, None)
            if frame is None:
                break
            self._ready += frame
        end = len(self._ready) if size < 0 else size
        out = bytes(self._ready[:end])
        del self._ready[:end]
        return out

    def _sealed(self, cipher: AESGCM, clear: Readable, size: int) -> Iterator[bytes]:
        count = max(1, -(-size // FRAME))
        for number in range(count):
            wanted = min(FRAME, size - number * FRAME)
            frame = clear.read(wanted) if wanted else b""
            if len(frame) != wanted:
                raise EOFError(f"it has {size} bytes no more")
            self.digest.update(frame)
            yield cipher.encrypt(_nonce(number, last=number == count - 1), frame, None)


def unsealed(seal: Seal, name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The frames of an object in the clear; nothing is given out that was not authenticated.

    Raises Untrusted where it is not what was sealed under this name with this seal.
    """
    ready, cipher, number = bytearray(), None, 0
    for chunk in chunks:
        ready += chunk
        if cipher is None and len(ready) >= len(MAGIC) + SALT:
            cipher = _opened(seal, name, ready)
        while cipher is not None and len(ready) > FRAME + TAG:  # more comes, so this one is not the last
            yield _frame(cipher, name, number, bytes(ready[: FRAME + TAG]), last=False)
            del ready[: FRAME + TAG]
            number += 1
    if cipher is None:
        raise _untrusted(name)
    yield _frame(cipher, name, number, bytes(ready), last=True)


def _opened(seal: Seal, name: str, ready: bytearray) -> AESGCM:
    if ready[: len(MAGIC)] != MAGIC:
        raise _untrusted(name)
    salt = bytes(ready[len(MAGIC) : len(MAGIC) + SALT])
    del ready[: len(MAGIC) + SALT]
    return seal.cipher(name, salt)


def _frame(cipher: AESGCM, name: str, number: int, frame: bytes, *, last: bool) -> bytes:
    try:
        return cipher.decrypt(_nonce(number, last=last), frame, None)
    except InvalidTag:
        raise _untrusted(name) from None


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _untrusted(name: str) -> Untrusted:
    return Untrusted(
        f"the object {name[:12]}… of the third copy is not what was sealed here",
        hint="look at the seal in the estate; an older copy: seawall backup third list",
    )
