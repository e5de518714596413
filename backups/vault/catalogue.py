"""The catalogue: a hash chain of all that the keeper saw and did, each entry signed with the twin's Ed25519 key.

One file a client, /var/lib/seawall/vault/CLIENT.jsonl, and a copy on each backup server that can only grow: whoever
takes the twin over can add to the past there, and not change it. Signatures are those of RFC 8032.
"""

import json
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from backups import paths
from backups.vault.model import State, state_of
from effects import files
from effects.journal import START, Entry, Journal, Json, parse
from estate.problem import Untrusted

VAULT = paths.STATE / "vault"


def signing_key() -> Ed25519PrivateKey:
    """The twin's own: made when it is first needed, and never leaves it."""
    path = VAULT / "signing.key"
    VAULT.mkdir(mode=0o700, parents=True, exist_ok=True)
    with files.locked(VAULT / "signing.lock", what="making of the signing key", wait=30):
        if not path.exists():
            made = Ed25519PrivateKey.generate()
            raw = made.private_bytes(form.Encoding.Raw, form.PrivateFormat.Raw, form.NoEncryption())
            files.write(path, raw.hex() + "\n", mode=0o600)
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text(encoding="ascii").strip()))


def public_words(key: Ed25519PublicKey) -> str:
    """64 hex digits, to compare and to keep elsewhere."""
    return key.public_bytes(form.Encoding.Raw, form.PublicFormat.Raw).hex()


class Catalogue:
    """That of one client, read once. One process writes at a time: the caller holds VAULT/CLIENT.lock from before."""

    def __init__(self, client: str) -> None:
        self.client = client
        self.path = VAULT / f"{client}.jsonl"
        self._journal = Journal(self.path)
        self._key = signing_key()
        self._entries: list[Entry] = []  # verified once: there are years of them
        self._read = False

    def entries(self) -> tuple[Entry, ...]:
        """All of them, oldest first. Raises Untrusted where the chain or a signature is broken."""
        if not self._read:
            self._entries = list(self._journal.entries())
            verify(self._entries, self._key.public_key(), name=str(self.path))
            self._read = True
        return tuple(self._entries)

    def state(self, repository: str) -> State:
        """Of the repository of that label."""
        return state_of(self.entries(), repository)

    def note(self, event: str, repository: str, subject: str = "", **detail: Json) -> None:
        """Append one entry; it is on the disk when this returns."""
        entries = self.entries()
        number, previous = (entries[-1].number, entries[-1].digest) if entries else (0, START)
        signature = self._key.sign(_signed(number + 1, event, repository, subject, detail, previous)).hex()
        self._entries.append(self._journal.write(event, repository, subject, **detail, signature=signature))

    @property
    def public(self) -> str:
        """The key that all entries are signed with."""
        return public_words(self._key.public_key())


def verify(entries: Iterable[Entry], key: Ed25519PublicKey, *, name: str) -> None:
    """Raises Untrusted with the entry where a signature is not that of `key`. The chain is for the journal to judge."""
    for entry in entries:
        detail = {word: value for word, value in entry.detail.items() if word != "signature"}
        signed = _signed(entry.number, entry.event, entry.step, entry.subject, detail, entry.previous)
        try:
            key.verify(bytes.fromhex(str(entry.detail.get("signature"))), signed)
        except (InvalidSignature, ValueError):
            raise Untrusted(
                f"{name}, entry {entry.number}: not signed with this twin's key",
                hint=f"keep {name} as evidence, and compare it with the copies on the backup servers",
            ) from None


def read(text: str, public: str, *, name: str) -> tuple[Entry, ...]:
    """A copy from elsewhere, judged by the public key that its reader brings. Raises Untrusted."""
    entries = parse(text, name=name)
    verify(entries, Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)), name=name)
    return entries


def _signed(number: int, event: str, repository: str, subject: str, detail: dict[str, Json], previous: str) -> bytes:
    return json.dumps([number, event, repository, subject, detail, previous], sort_keys=True).encode()
