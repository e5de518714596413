"""To whom the estate's keys are sealed, and how many of them it takes to open what was sealed."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from estate.secret import Secret

PREFIX = "seawall1"
MEMORY = "escrow"  # a directory beside the estate file: sealed files, and which keys are known to be good
RAW, CHECK = 32, 4  # bytes of an X25519 public key (RFC 7748), and of its check code


@dataclass(frozen=True, slots=True)
class Escrow:
    """Nobody by default: keys are then in no escrow, which is said wherever one is made."""

    recipients: Mapping[str, str] = field(default_factory=dict)  # name to public key, "seawall1…"
    needed: int = 1  # how many of them together
    passphrase: Secret | None = None  # the other way: whoever knows it opens it alone

    @property
    def wanted(self) -> bool:
        """Whether there is anybody to seal to."""
        return bool(self.recipients) or self.passphrase is not None


def public_key(written: str) -> bytes:
    """The 32 bytes of "seawall1…" (base32 of key and check code). Raises ValueError where it was mistyped."""
    body = written.removeprefix(PREFIX)
    try:
        checked = base64.b32decode(body.upper() + "=" * (-len(body) % 8))
    except binascii.Error:
        checked = b""
    raw, check = checked[:RAW], checked[RAW:]
    if body == written or hashlib.sha256(PREFIX.encode() + raw).digest()[:CHECK] != check or len(raw) != RAW:
        raise ValueError("is no public key, or was mistyped; copy what `seawall backup keys recipient` shows")
    return raw
