"""What is on a paper: a person's private key, the same sealed with a passphrase, or one share of one sealed file.

The first byte is the version of this format, the second says which of them it is. With a key goes the code of the
control machine that seals to it, so that nobody else's sealed file is taken for one of ours; zeros where not known.
"""

from dataclasses import dataclass

from backups.escrow import coding, paper
from backups.escrow.people import LENGTH, NONCE, SALT, Private, unwrap, wrap
from backups.escrow.sealing import CODE
from estate.problem import Untrusted

VERSION = 1
KEY, SEALED, SHARE = b"K", b"S", b"H"
ABOUT = b"seawall paper key 1"
ID, TAG = 8, 16  # bytes
UNKNOWN = bytes(CODE)


@dataclass(frozen=True, slots=True)
class Key:
    """A private key, and the code of who seals to it; None where the paper does not know."""

    private: Private
    signer: bytes | None


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A private key that a passphrase opens."""

    cost: int  # scrypt's N, a power of two
    salt: bytes
    sealed: bytes  # nonce, ciphertext and tag
    signer: bytes

    def open(self, passphrase: str) -> Key:
        """Raises Untrusted where the passphrase is another."""
        wrapped = {"kdf": "scrypt", "n": self.cost, "salt": coding.text(self.salt), "sealed": coding.text(self.sealed)}
        return Key(Private(unwrap(passphrase, wrapped, ABOUT + self.signer)), _known(self.signer))


@dataclass(frozen=True, slots=True)
class Share:
    """One person's share of one sealed file, to be read over a telephone; it opens no other file."""

    of: bytes  # `Sealed.id`
    number: int
    share: bytes


def _known(signer: bytes) -> bytes | None:
    return None if signer == UNKNOWN else signer


def key(private: Private, signer: bytes | None) -> list[str]:
    """Lines of an open key: whoever has the paper has the key."""
    return paper.lines(bytes([VERSION]) + KEY + (signer or UNKNOWN) + private.secret)


def sealed_key(private: Private, signer: bytes | None, passphrase: str) -> list[str]:
    """Lines of a key that needs the passphrase too."""
    wrapped = wrap(passphrase, private.secret, ABOUT + (signer or UNKNOWN))
    cost = int(str(wrapped["n"])).bit_length() - 1
    parts = (signer or UNKNOWN, bytes([cost]), coding.data(wrapped["salt"]), coding.data(wrapped["sealed"]))
    return paper.lines(bytes([VERSION]) + SEALED + b"".join(parts))


def share(one: Share) -> list[str]:
    """Lines of a share."""
    return paper.lines(bytes([VERSION]) + SHARE + one.of + bytes([one.number]) + one.share)


def code(signer: bytes) -> str:
    """A signer's code for people: four groups of four."""
    return paper.grouped(paper.encode(signer))


def read(data: bytes) -> Key | SealedKey | Share:
    """What the lines of a paper said. Raises Untrusted where it is none of ours."""
    version, kind, body = data[:1], data[1:2], data[2:]
    signer, rest = body[:CODE], body[CODE:]
    if version == bytes([VERSION]):
        if kind == KEY and len(rest) == LENGTH:
            return Key(Private(rest), _known(signer))
        if kind == SEALED and len(rest) == 1 + SALT + NONCE + LENGTH + TAG and rest[0] < 64:
            return SealedKey(1 << rest[0], rest[1 : 1 + SALT], rest[1 + SALT :], signer)
        if kind == SHARE and len(body) == ID + 1 + LENGTH:
            return Share(body[:ID], body[ID], body[ID + 1 :])
    raise Untrusted("this paper is whole, but not one that this seawall knows", hint="use a newer seawall")
