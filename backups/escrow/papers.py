"""What is on a paper: a person's private key, the same sealed with a passphrase, or one share of one sealed file.

The first byte is the version of this format, the second says which of them it is.
"""

from dataclasses import dataclass

from backups.escrow import coding, paper
from backups.escrow.people import LENGTH, NONCE, SALT, Private, unwrap, wrap
from estate.problem import Untrusted

VERSION = 1
KEY, SEALED, SHARE = b"K", b"S", b"H"
ABOUT = b"seawall paper key 1"
ID, TAG = 8, 16  # bytes


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A private key that a passphrase opens."""

    cost: int  # scrypt's N, a power of two
    salt: bytes
    sealed: bytes  # nonce, ciphertext and tag

    def open(self, passphrase: str) -> Private:
        """Raises Untrusted where the passphrase is another."""
        wrapped = {"kdf": "scrypt", "n": self.cost, "salt": coding.text(self.salt), "sealed": coding.text(self.sealed)}
        return Private(unwrap(passphrase, wrapped, ABOUT))


@dataclass(frozen=True, slots=True)
class Share:
    """One person's share of one sealed file, to be read over a telephone; it opens no other file."""

    of: bytes  # `Sealed.id`
    number: int
    share: bytes


def key(private: Private) -> list[str]:
    """Lines of an open key: whoever has the paper has the key."""
    return paper.lines(bytes([VERSION]) + KEY + private.secret)


def sealed_key(private: Private, passphrase: str) -> list[str]:
    """Lines of a key that needs the passphrase too."""
    wrapped = wrap(passphrase, private.secret, ABOUT)
    cost = int(str(wrapped["n"])).bit_length() - 1
    parts = (bytes([cost]), coding.data(wrapped["salt"]), coding.data(wrapped["sealed"]))
    return paper.lines(bytes([VERSION]) + SEALED + b"".join(parts))


def share(one: Share) -> list[str]:
    """Lines of a share."""
    return paper.lines(bytes([VERSION]) + SHARE + one.of + bytes([one.number]) + one.share)


def read(data: bytes) -> Private | SealedKey | Share:
    """What the lines of a paper said. Raises Untrusted where it is none of ours."""
    version, kind, body = data[:1], data[1:2], data[2:]
    if version == bytes([VERSION]):
        if kind == KEY and len(body) == LENGTH:
            return Private(body)
        if kind == SEALED and len(body) == 1 + SALT + NONCE + LENGTH + TAG and body[0] < 64:
            return SealedKey(1 << body[0], body[1 : 1 + SALT], body[1 + SALT :])
        if kind == SHARE and len(body) == ID + 1 + LENGTH:
            return Share(body[:ID], body[ID], body[ID + 1 :])
    raise Untrusted("this paper is whole, but not one that this seawall knows", hint="use a newer seawall")
