"""What the tests of escrow share: keys as borg wraps them, and holders whose shell commands run on this machine."""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgpack
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from saved_estate import lab_estate

from backups import paths
from backups.escrow import borgkey, holders, people
from effects.run import run
from estate.model import Control, Host
from estate.problem import Unreachable

PEOPLE = {name: people.Private(bytes([n]) * 32) for n, name in enumerate(("alice", "bob", "carol"), 1)}


def wrapped(secret: bytes, passphrase: str) -> borgkey.RepositoryKey:
    """A key as borg 1.4 wraps it; `secret` is what it holds."""
    inner = {"version": 1, "repository_id": bytes(32), "enc_key": secret, "enc_hmac_key": secret, "id_key": secret}
    plain, salt = msgpack.packb(inner, use_bin_type=False), os.urandom(32)
    key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, 10, 32)
    data = Cipher(AES(key), CTR(bytes(16))).encryptor().update(plain)
    outer = {"version": 1, "algorithm": "sha256", "iterations": 10, "salt": salt, "data": data,
             "hash": hmac.digest(key, plain, "sha256")}  # fmt: skip
    blob = base64.b64encode(msgpack.packb(outer, use_bin_type=False)).decode()
    return borgkey.RepositoryKey(bytes(32).hex(), blob)


@dataclass(frozen=True)
class Yard:
    """An estate's directory, and in `hosts` what lies on each of its servers."""

    base: Path

    @property
    def estate_file(self) -> Path:
        return self.base / "estate.toml"

    def place(self, host: Host) -> Path:
        return self.base / "hosts" / host.name

    def config(self, repository: str, key: borgkey.RepositoryKey) -> Path:
        """Write a repository's config, as all backup servers here show it."""
        path = self.base / "borg" / repository / "config"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"[repository]\nversion = 1\nid = {key.id}\nkey = {key.blob[:40]}\n\t{key.blob[40:]}\n", "utf-8"
        )
        return path

    def sealed(self, host: str) -> dict[str, str]:
        """What a holder has."""
        return {path.name: path.read_text("utf-8") for path in (self.base / "hosts" / host).glob("*.sealed")}


def yard(monkeypatch: pytest.MonkeyPatch, folder: Path, down: set[str]) -> Yard:
    """The lab's estate with two of three people and eight repositories; hosts in `down` do not answer."""
    lab_estate(folder)
    made = Yard(folder)
    named = "\n".join(f'recipients.{name} = "{key.public}"' for name, key in PEOPLE.items())
    made.estate_file.write_text(f"{made.estate_file.read_text('utf-8')}\n[escrow]\nneeded = 2\n{named}\n", "utf-8")
    for name in ("secrets/web1.passphrase", "secrets/twin1.passphrase", "secrets/tsig", "ssh_key"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(f"the content of {name}\n", "utf-8")
    for host in ("web1", "twin1"):
        for kind in holders.KINDS:
            made.config(f"{host}/{kind}", wrapped(kind.encode(), f"the content of secrets/{host}.passphrase"))

    class Here:
        """As effects.remote.Remote, on this machine."""

        def __init__(self, host: Host, control: Control) -> None:
            self.host = host

        def __enter__(self) -> Self:
            if self.host.name in down:
                raise Unreachable(f"{self.host.name} does not answer", hint="wait")
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def run(self, argv: list[str], *, timeout: float, stdin: str | None = None) -> str:
            return run(argv, timeout=timeout, stdin=stdin)

    monkeypatch.setattr(holders, "Remote", Here)
    monkeypatch.setattr(holders, "place", made.place)
    monkeypatch.setattr(paths, "REPOSITORIES", folder / "borg")
    monkeypatch.setattr(people, "COST", 2**4)
    return made
