"""The key of a borg repository in `repokey` mode: where it lies, and whether a passphrase opens it.

It lies in the repository's `config`, as base64 of msgpack (of before version 2, where text is bytes): an AES-256-CTR
ciphertext under PBKDF2-SHA256 of the passphrase, with an HMAC-SHA256 of the plaintext (borg 1.4, borg/crypto/key.py,
`decrypt_key_file`).
"""

import configparser
import hashlib
import hmac
from dataclasses import dataclass

import msgpack
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from backups.escrow import coding

FILE_ID = "BORG_KEY"  # the first word of what `borg key export` writes
DEAREST = 10_000_000  # iterations; borg 1.4 uses 100,000, and whoever can write there must not stop us


@dataclass(frozen=True, slots=True)
class RepositoryKey:
    """A repository's id and its key, still encrypted with the passphrase."""

    id: str  # 64 hex digits
    blob: str  # base64 on one line

    @property
    def fingerprint(self) -> str:
        """Says nothing about the key; another passphrase gives another one."""
        return hashlib.sha256(f"{self.id} {self.blob}".encode()).hexdigest()[:32]

    def exported(self) -> str:
        """As `borg key export` writes it, and `borg key import` takes it."""
        lines = (self.blob[start : start + 70] for start in range(0, len(self.blob), 70))
        return "\n".join((f"{FILE_ID} {self.id}", *lines)) + "\n"

    def material(self, passphrase: str) -> str | None:
        """A fingerprint of what the passphrase opens: the same whatever the passphrase. None where it does not open."""
        try:
            plain = self._opened(passphrase)
            fields = msgpack.unpackb(plain, raw=True)
            if fields[b"repository_id"].hex() != self.id:
                return None
            secret = [fields[name] for name in (b"repository_id", b"enc_key", b"enc_hmac_key", b"id_key")]
        except (ValueError, KeyError, TypeError, msgpack.UnpackException):
            return None
        return hashlib.sha256(b"seawall key material" + b"".join(secret)).hexdigest()

    def _opened(self, passphrase: str) -> bytes:
        """Raises ValueError, KeyError or TypeError where it does not open."""
        wrapped = msgpack.unpackb(coding.data(self.blob), raw=True)
        if wrapped[b"version"] != 1 or wrapped[b"algorithm"] != b"sha256" or not 0 < wrapped[b"iterations"] <= DEAREST:
            raise ValueError("not a key of borg 1")
        key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), wrapped[b"salt"], wrapped[b"iterations"], 32)
        plain = Cipher(AES(key), CTR(bytes(16))).decryptor().update(wrapped[b"data"])
        if not hmac.compare_digest(hmac.digest(key, plain, "sha256"), wrapped[b"hash"]):
            raise ValueError("another passphrase")
        return plain


def from_config(config: str) -> RepositoryKey | None:
    """Of a repository's `config`; None where it has no key or is no such file."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(config)
        section = parser["repository"]
        return RepositoryKey(section["id"].strip(), "".join(section["key"].split()))
    except (configparser.Error, KeyError):
        return None
