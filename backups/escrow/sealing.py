"""One sealed file: what an estate needs to come back, for those people together who are named in it.

Its format, in JSON (docs/keys.md): a `head` that anybody may read; `payload`, AES-256-GCM under a key of its own with
the head as additional data; `shares` of that key by Shamir's scheme, each sealed to one person by HPKE (RFC 9180, base
mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM), bound to the same head. With a passphrase, the key itself
is sealed with it (scrypt). So nothing in the file can be changed, exchanged or taken over into another one unseen.

Anybody can seal to public keys, so the control machine signs the whole (Ed25519, RFC 8032). Who opens it compares the
code of that signer with the one on the paper: a backup server must not hand out an estate of its own making.
"""

import hashlib
import json
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from backups.escrow import coding, people, shamir
from estate.problem import Refused, Untrusted

FORMAT, VERSION = "seawall escrow", 1
NONCE, LENGTH = 12, 32
LARGEST = 2**28  # bytes of a payload: a bomb must not fill the memory
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
SHARE = b"seawall escrow share 1\0"
SIGNED = b"seawall escrow signed 1\0"
CODE = 10  # bytes of a signer's code


@dataclass(frozen=True, slots=True)
class Head:
    """What anybody may read of a sealed file, and nobody can change unseen."""

    estate: str
    number: int  # exports of an estate are numbered from 1
    made: datetime
    needed: int  # people
    recipients: Mapping[str, str]  # name to public key; a person's share has the number of its place here, from 1
    keys: tuple[str, ...]  # fingerprints of the repositories' keys in it, sorted
    contents: str  # a fingerprint of all of it that only the control machine can make
    signer: bytes  # the control machine's public key, 32 bytes

    def document(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "estate": self.estate,
            "number": self.number,
            "made": self.made.isoformat(),
            "needed": self.needed,
            "recipients": [{"name": name, "key": key} for name, key in self.recipients.items()],
            "keys": list(self.keys),
            "contents": self.contents,
            "signer": coding.text(self.signer),
        }


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed file that is well-formed; whether it is genuine shows when it is opened."""

    head: Head
    authentic: bytes  # the head's canonical form as it stands in the file
    shares: Mapping[str, bytes]  # by name
    passphrase: dict[str, object] | None
    payload: bytes

    @property
    def id(self) -> bytes:
        """8 bytes that a share of it names it by."""
        return hashlib.sha256(self.authentic).digest()[:8]

    @property
    def signer(self) -> bytes:
        """The code of who sealed it: the same for all of a control machine's."""
        return code_of(self.head.signer)

    def share_of(self, private: people.Private) -> tuple[str, int, bytes]:
        """Whose it is, its number, and the share. Raises Untrusted for a key of nobody here, or a changed file."""
        for number, (name, public) in enumerate(self.head.recipients.items(), 1):
            if public == private.public:
                return name, number, self._opened(name, private)
        now = ", ".join(f"{name} {public[:16]}…" for name, public in self.head.recipients.items()) or "a passphrase"
        raise Untrusted(
            f"number {self.head.number} is not sealed to the key {private.public[:16]}…: it is sealed to {now}",
            hint="an old paper, or another person's? take the newer one, or a sealed file from its time",
        )

    def _opened(self, name: str, private: people.Private) -> bytes:
        try:
            return SUITE.decrypt(self.shares[name], private.key, info=SHARE + self.authentic)
        except (InvalidTag, KeyError, ValueError):
            raise _tampered(f"the share of {name} does not open, though it is for this key") from None

    def open_with(self, shares: Mapping[int, bytes]) -> dict[str, Any]:
        """The payload. Raises Refused where there are too few, Untrusted where something was changed."""
        if (there := len(shares)) < self.head.needed:
            others = "nobody" if there == 0 else "one person alone" if there == 1 else f"{there} people"
            raise Refused(
                f"{others} can't open this: it takes {self.head.needed} of {', '.join(self.head.recipients)}",
                hint="add the key, the paper or the share of another one: --key, --paper, --share",
            )
        try:
            return self._payload(shamir.join(shares))
        except ValueError:
            raise _tampered("the shares do not fit each other") from None

    def open_by(self, passphrase: str) -> dict[str, Any]:
        """The payload, where it was sealed with a passphrase too."""
        if self.passphrase is None:
            raise Refused("this was sealed to people, not with a passphrase", hint="open it with --key or --paper")
        try:
            return self._payload(people.unwrap(passphrase, self.passphrase, self.authentic))
        except ValueError:
            raise _tampered("the part for the passphrase is damaged") from None

    def _payload(self, key: bytes) -> dict[str, Any]:
        try:
            packed = AESGCM(key).decrypt(self.payload[:NONCE], self.payload[NONCE:], self.authentic)
        except (InvalidTag, ValueError):
            raise _tampered("what is in it does not open, or a share was wrong") from None
        document: dict[str, Any] = json.loads(zlib.decompressobj().decompress(packed, LARGEST))
        return document


def code_of(signer: bytes) -> bytes:
    """What a paper says of a public key."""
    return hashlib.sha256(b"seawall signer" + signer).digest()[:CODE]


def signed(document: Mapping[str, Any]) -> bytes:
    """What the signature is of: all but itself."""
    whole = {name: value for name, value in document.items() if name != "signature"}
    return SIGNED + hashlib.sha256(coding.canonical(whole)).digest()


def seal(head: Head, payload: Mapping[str, Any], key_of_ours: Ed25519PrivateKey, passphrase: str | None = None) -> str:
    """The sealed file; `head.signer` is `key_of_ours`, its public half. Raises BadEstate where a recipient is none."""
    authentic, key = coding.canonical(head.document()), secrets.token_bytes(LENGTH)
    nonce, packed = secrets.token_bytes(NONCE), zlib.compress(coding.canonical(payload), 9)
    names = list(head.recipients)
    parts = shamir.split(key, head.needed, len(names)) if names else {}
    shares = {
        names[number - 1]: SUITE.encrypt(part, people.recipient(head.recipients[names[number - 1]]), SHARE + authentic)
        for number, part in parts.items()
    }
    document: dict[str, Any] = {
        "read me": f"The sealed keys of {head.estate}. To open: seawall backup keys restore --help, or docs/keys.md",
        "head": head.document(),
        "shares": {name: coding.text(share) for name, share in shares.items()},
        "passphrase": None if passphrase is None else people.wrap(passphrase, key, authentic),
        "payload": coding.text(nonce + AESGCM(key).encrypt(nonce, packed, authentic)),
    }
    document["signature"] = coding.text(key_of_ours.sign(signed(document)))
    return json.dumps(document, indent=1) + "\n"


def parse(content: str) -> Sealed:
    """Of a sealed file's text. Raises Untrusted where it is none, was cut short, or is of a later version."""
    try:
        document = json.loads(content)
        head = document["head"]
        if head["format"] == FORMAT and head["version"] != VERSION:
            raise Untrusted("this sealed file is of a later version", hint="use a newer seawall")
        found = Sealed(
            _head(head),
            coding.canonical(head),
            {name: coding.data(share) for name, share in document["shares"].items()},
            document["passphrase"],
            coding.data(document["payload"]),
        )
        signature = coding.data(document["signature"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _tampered("this is no sealed file, or it was cut short") from None
    if found.authentic != coding.canonical(found.head.document()):
        raise _tampered("its head is not as it was written")
    try:
        Ed25519PublicKey.from_public_bytes(found.head.signer).verify(signature, signed(document))
    except (InvalidSignature, ValueError):
        raise _tampered("it is not as it was signed") from None
    return found


def _head(head: Mapping[str, Any]) -> Head:
    return Head(
        estate=str(head["estate"]),
        number=int(head["number"]),
        made=datetime.fromisoformat(head["made"]),
        needed=int(head["needed"]),
        recipients={str(row["name"]): str(row["key"]) for row in head["recipients"]},
        keys=tuple(map(str, head["keys"])),
        contents=str(head["contents"]),
        signer=coding.data(head["signer"]),
    )


def _tampered(what: str) -> Untrusted:
    return Untrusted(
        f"the sealed file was changed or damaged: {what}",
        hint="take another copy: the control machine, every backup server and every twin has one",
    )
