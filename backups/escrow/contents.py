"""What is sealed: everything a new control machine needs to look after the estate again. Pure.

The estate file, the control machine's ssh key, every secret the estate refers to, and every repository's key; with a
letter to whoever opens it and has never seen Seawall.
"""

import hmac
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backups.escrow import coding
from backups.escrow.borgkey import RepositoryKey
from backups.escrow.custody import Held
from estate.escrow import MEMORY
from estate.model import Estate
from estate.secret import Secret

ELSEWHERE = "elsewhere"  # below it, what belongs outside the estate file's directory
LETTER = "READ-ME-FIRST.txt"
TEXT = """\
The keys of the estate {name}, sealed on {made}.

What is here: the estate file ({estate_file}), the ssh key of the machine that drives the hosts, every secret, and
below repository-keys/ the key of each backup repository. All of it is secret. Keep this directory to root.

With Seawall (https://… or a copy of its checkout), in this directory:
    seawall estate check --secrets --estate {estate_file}
    seawall backup keys verify --estate {estate_file}
If production and its twin are gone too: put new servers into {estate_file} (address and host_key), then
    seawall harden; seawall install; seawall drp activate

Without Seawall, with borg 1.4 (Debian: borgbackup) and a backup server that runs:
{servers}
    export BORG_REPO=ssh://root@ADDRESS:PORT/srv/borg/HOST/files   BORG_REMOTE_PATH=/opt/seawall/bin/borg
    export BORG_RSH='ssh -i {ssh_key}'   BORG_PASSCOMMAND='cat secrets/HOST.passphrase'
    borg list --bypass-lock; mkdir out; cd out; borg extract --bypass-lock --list ::ARCHIVE
Databases are in HOST/databases: each archive is the data directory of one server (MariaDB or PostgreSQL, physical).

If a passphrase does not open a repository, its key was changed by somebody; the right one is in repository-keys/:
    borg key import REPOSITORY repository-keys/HOST.KIND.SIDE.key
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """One secret: where the estate says it is kept, and its value."""

    where: Secret
    value: str


@dataclass(frozen=True, slots=True)
class Contents:
    """All of it. `repr` would show secrets, so it has none."""

    estate: str
    estate_file: str  # its name
    text: str
    ssh_key_file: str
    ssh_key: str
    secrets: Mapping[str, Kept]  # by place in the estate file
    keys: Mapping[str, Held]  # by `custody.name`
    servers: tuple[str, ...]  # a line on each backup server

    def __repr__(self) -> str:
        return f"Contents({self.estate})"

    def document(self) -> dict[str, Any]:
        """As it is sealed."""
        return {
            "version": 1,
            "estate": self.estate,
            "estate_file": [self.estate_file, self.text],
            "ssh_key": [self.ssh_key_file, self.ssh_key],
            "secrets": {
                place: {"where": asdict(kept.where), "value": kept.value} for place, kept in self.secrets.items()
            },
            "keys": keys_document(self.keys),
            "servers": list(self.servers),
        }

    def fingerprint(self, own: str | None) -> str:
        """Says whether anything has changed (`own`: the passphrase of the seal), to nobody what: our key is in it."""
        return hmac.digest(self._derived(b"contents"), coding.canonical([self.document(), own]), "sha256").hex()

    def signing_key(self) -> Ed25519PrivateKey:
        """What the control machine signs with: its own as long as its ssh key is."""
        return Ed25519PrivateKey.from_private_bytes(self._derived(b"signer"))

    def _derived(self, use: bytes) -> bytes:
        return HKDF(SHA256(), 32, None, b"seawall escrow " + use).derive(self.ssh_key.encode())


def keys_document(keys: Mapping[str, Held]) -> dict[str, dict[str, str]]:
    """As JSON."""
    return {name: {"id": it.key.id, "blob": it.key.blob, "material": it.material} for name, it in sorted(keys.items())}


def keys_from(document: Mapping[str, Mapping[str, str]]) -> dict[str, Held]:
    """Back. Raises KeyError or TypeError where it is no such document."""
    return {name: Held(RepositoryKey(it["id"], it["blob"]), it["material"]) for name, it in document.items()}


def from_document(document: Mapping[str, Any]) -> Contents:
    """Of what was sealed; nobody else could have made it, so its form is not doubted."""
    secrets = {
        place: Kept(Secret(it["where"]["file"], it["where"]["env"], _words(it["where"]["command"])), it["value"])
        for place, it in document["secrets"].items()
    }
    return Contents(
        estate=document["estate"],
        estate_file=document["estate_file"][0],
        text=document["estate_file"][1],
        ssh_key_file=document["ssh_key"][0],
        ssh_key=document["ssh_key"][1],
        secrets=secrets,
        keys=keys_from(document["keys"]),
        servers=tuple(document["servers"]),
    )


def _words(command: list[str] | None) -> tuple[str, ...] | None:
    return None if command is None else tuple(command)


def servers(estate: Estate) -> tuple[str, ...]:
    """Where the backups lie, for whoever has a console or an ssh client and nothing else."""
    return tuple(
        f"{host.name}: {host.ipv4} port {host.ssh_port}, in {host.datacenter}, host key {host.host_key}"
        for host in estate.hosts.values()
        if estate.clients_of(host)
    )


def directory(contents: Contents, made: str) -> dict[str, str]:
    """Path below the new directory, and content, of everything that a control machine is made of."""
    letter = TEXT.format(
        name=contents.estate,
        made=made,
        estate_file=contents.estate_file,
        ssh_key=inside(contents.ssh_key_file),
        servers="\n".join(f"    {line}" for line in contents.servers),
    )
    found = {
        LETTER: letter,
        contents.estate_file: contents.text,
        inside(contents.ssh_key_file): contents.ssh_key,
        f"{MEMORY}/known.json": known_text(contents.keys),
    }
    found |= {_place(place, kept.where): f"{kept.value}\n" for place, kept in contents.secrets.items()}
    return found | {
        f"repository-keys/{name.replace('/', '.').replace('@', '.')}.key": held.key.exported()
        for name, held in contents.keys.items()
    }


def known_text(keys: Mapping[str, Held]) -> str:
    """The control machine's own memory of which keys are good."""
    return coding.readable(keys_document(keys))


def _place(place: str, where: Secret) -> str:
    """A file where the estate says; what was in a variable or came from a command, below ELSEWHERE by its name."""
    if where.file is not None:
        return inside(where.file)
    name = place.replace('"', "")
    return f"{ELSEWHERE}/{name}"


def inside(path: str) -> str:
    """A path that stays below the new directory, whatever the estate says."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        return str(PurePosixPath(ELSEWHERE, *(part for part in pure.parts if part not in ("/", ".."))))
    return str(pure)
