"""Whom keys are sealed to: a pair of X25519 keys for each person.

The public one stands in the estate, as `seawall1…` with a check code. The private one is on the person's paper, or in a
file of theirs, sealed with a passphrase (scrypt, RFC 7914, then AES-256-GCM).
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from backups.escrow import coding
from estate.escrow import PREFIX, public_key
from estate.problem import BadEstate, Untrusted

KIND = "seawall key"
COST = 2**17  # scrypt's N: 128 MiB and about a third of a second; r = 8, p = 1
DEAREST = 2**22  # somebody else's file must not take all memory
SALT, NONCE, LENGTH = 16, 12, 32  # bytes


@dataclass(frozen=True, slots=True)
class Private:
    """One person's private key. `repr` does not show it."""

    secret: bytes

    def __repr__(self) -> str:
        return f"Private({self.public})"

    @classmethod
    def made(cls) -> "Private":
        """A new one."""
        return cls(secrets.token_bytes(LENGTH))

    @property
    def key(self) -> X25519PrivateKey:
        """As the library takes it."""
        return X25519PrivateKey.from_private_bytes(self.secret)

    @property
    def public(self) -> str:
        """As the estate file has it."""
        return written(self.key.public_key().public_bytes_raw())


def written(raw: bytes) -> str:
    """32 bytes of a public key as the estate file has them."""
    checked = raw + hashlib.sha256(PREFIX.encode() + raw).digest()[:4]
    return PREFIX + base64.b32encode(checked).decode().lower().rstrip("=")


def recipient(public: str) -> X25519PublicKey:
    """Raises BadEstate where it was mistyped."""
    try:
        return X25519PublicKey.from_public_bytes(public_key(public))
    except ValueError as fault:
        raise BadEstate(f"this {fault}", hint="ask for it again: seawall backup keys recipient shows it") from None


def wrap(passphrase: str, content: bytes, about: bytes) -> dict[str, object]:
    """`content` sealed with a passphrase; `about` is what must not be changed with it."""
    salt, nonce = secrets.token_bytes(SALT), secrets.token_bytes(NONCE)
    sealed = AESGCM(_stretch(passphrase, salt, COST)).encrypt(nonce, content, about)
    return {
        "kdf": "scrypt",
        "n": COST,
        "r": 8,
        "p": 1,
        "salt": coding.text(salt),
        "sealed": coding.text(nonce + sealed),
    }


def unwrap(passphrase: str, wrapped: dict[str, object], about: bytes) -> bytes:
    """What `wrap` sealed. Raises Untrusted where the passphrase is another, ValueError where it is no such thing."""
    cost, sealed = wrapped.get("n"), coding.data(wrapped.get("sealed"))
    if wrapped.get("kdf") != "scrypt" or not isinstance(cost, int) or cost.bit_count() != 1 or not 1 < cost <= DEAREST:
        raise ValueError("it is sealed in a way that is not known here")
    key = AESGCM(_stretch(passphrase, coding.data(wrapped.get("salt")), cost))
    try:
        return key.decrypt(sealed[:NONCE], sealed[NONCE:], about)
    except (InvalidTag, ValueError):
        raise Untrusted("it does not open with this passphrase", hint="type it again; capitals count") from None


def _stretch(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=LENGTH, n=cost, r=8, p=1).derive(passphrase.encode())


def key_file(name: str, private: Private, passphrase: str) -> str:
    """The content of NAME.key."""
    head = {"format": KIND, "version": 1, "name": name, "public": private.public}
    wrapped = wrap(passphrase, private.secret, coding.canonical(head))
    return json.dumps({**head, "private": wrapped}, indent=1) + "\n"


def public_of(content: str) -> tuple[str, str]:
    """Name and public key that a key file claims. Raises Untrusted where it is no key file."""
    document = _document(content)
    return str(document.get("name")), str(document.get("public"))


def open_key_file(content: str, passphrase: str) -> Private:
    """Raises Untrusted where it is no key file, was changed, or the passphrase is another."""
    document = _document(content)
    head = {name: value for name, value in document.items() if name != "private"}
    try:
        private = Private(unwrap(passphrase, document["private"], coding.canonical(head)))
    except (ValueError, AttributeError):
        raise _no_key() from None
    if private.public != document.get("public"):
        raise _no_key()
    return private


def _document(content: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        raise _no_key() from None
    if not isinstance(document, dict) or document.get("format") != KIND or "private" not in document:
        raise _no_key()
    if document.get("version") != 1:
        raise Untrusted("this key file is of a later version", hint="use a newer seawall")
    return document


def _no_key() -> Untrusted:
    return Untrusted(
        "this is no key file, or it was changed",
        hint="take the file that `seawall backup keys recipient` wrote, or type the paper: --paper -",
    )
