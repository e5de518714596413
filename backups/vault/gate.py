"""What a key opens on a backup server: borg's own server behind rules that its append-only mode does not have.

`borg serve --append-only` (1.4.5, tried) is not enough. Two messages destroy a whole repository: `open` with `create`
fails, but leaves an object that is not append-only, and `destroy` then removes every file. Archives can be
hidden until the next compaction, chunks replaced, the passphrase changed, locks broken, and any number of repositories
made beside the two that a quota is for. Behind this gate a writer

* opens its two repositories and nothing else, once a session, always with borg's lock (without it: to read);
* adds. What was there before its session is neither deleted nor replaced; the list of archives alone can be (borg keeps
  it under one fixed id), and that can be made again from the catalogue, since all that it named is still there;
* sets a key where there is none, and never another; breaks no lock, runs no check, destroys nothing;
* waits at the door while the keeper works, so that nothing changes between the keeper's look and its act;
* adds nothing while its twin serves in its name (`backups.vault.fenced`).

The keeper may do what borg can do, except destroy. What a writer was refused is noted beside the repositories.
"""

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from configparser import ConfigParser
from contextlib import ExitStack, suppress
from datetime import UTC
from pathlib import Path
from typing import Any, ClassVar

from borg import archiver
from borg.helpers import Error
from borg.locking import LockTimeout
from borg.remote import RepositoryServer

from backups import paths
from backups.segments import transaction
from backups.vault import fenced, heads, unfinished
from effects import clock, files
from estate.problem import Refused

KINDS = ("files", "databases")
MANIFEST = b"\0" * 32  # borg's fixed id of the list of archives
DOOR = 600.0  # seconds that a writer waits for the keeper, and the keeper for writers; borg's lock has its own limit
LARGEST = 64_000_000  # characters of the catalogue at once
KNOWN = frozenset(("__len__", "check", "commit", "delete", "destroy", "get", "list", "scan", "negotiate", "open", "put",
    "rollback", "save_key", "load_key", "break_lock", "get_free_nonce", "commit_nonce_reservation",
    "inject_exception"))  # fmt: skip
NOBODY = {"destroy", "inject_exception"}
NOTES = 1_000_000  # bytes of notes about refusals; what comes later is not noted, and the first are what matters


class Denied(Error):  # type: ignore[misc]  # borg has no types
    """refused: {}"""


def home(client: str) -> Path:
    """The directory of a client's repositories on this backup server."""
    return paths.REPOSITORIES / client


def door(client: str, kind: str) -> Path:
    """Held by each writer together, or by the keeper alone."""
    return home(client) / f".door-{kind}"


def refusals(client: str) -> Path:
    """What writers were refused: one JSON document a line."""
    return home(client) / ".refused"


def copy(client: str) -> Path:
    """The keeper's catalogue, so that it outlives the twin; it can only grow."""
    return home(client) / ".copy"


class Writer(RepositoryServer):  # type: ignore[misc]  # borg has no types
    """borg's server, for a client that adds."""

    rpc_methods = tuple(sorted(KNOWN - {"check", "inject_exception"}))  # some of them only to be refused, and noted
    client: ClassVar[str] = ""
    quotas: ClassVar[Mapping[str, int]] = {}  # bytes, by class
    repository: Any  # borg's, once it is open

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._passed = ExitStack()
        self._locked = False
        self._denied = set[str]()  # each is noted once a session: borg asks for every chunk of an archive
        self._before: int | None = None  # the last segment that was there when this session began to write

    def open(
        self,
        path: bytes | str,
        create: bool = False,
        lock_wait: float | None = None,
        lock: bool = True,
        exclusive: bool | None = None,
        append_only: bool = False,
    ) -> Any:
        if self.repository is not None:
            self._deny("a second repository in one session")
        if create:
            self._clear(path)
        self._pass_the_door(path, lock_wait)
        self._locked = lock
        try:
            # Not the one that `create` asks for: the configuration on disk shall say append-only too.
            opened = super().open(path, create, lock_wait, lock, exclusive, append_only=True)
        except BaseException:
            self.repository = None  # a repository that did not open must take no further message
            raise
        # Where the disk has no room for a new one, borg takes away what this session made, and only that.
        self.repository.append_only = not self.repository.created
        self.repository.storage_quota = self.quotas.get(Path(self.repository.path).name, 0)
        return opened

    def put(self, id: bytes, data: bytes, wait: bool = True) -> Any:  # noqa: A002 - the protocol's own word
        """Add. What is there already stays as it is: its id is a hash of what it holds, under the client's key."""
        self._require_lock()
        if id != MANIFEST and self._is_old(id):
            return None
        return self.repository.put(id, data, wait)

    def delete(self, id: bytes, wait: bool = True) -> Any:  # noqa: A002
        """Only what this session added: borg takes back a checkpoint, or a file that could not be read to its end."""
        self._require_lock()
        if self._is_old(id):
            self._deny("deleting what was saved before")
        return self.repository.delete(id, wait)

    def save_key(self, keydata: bytes) -> Any:
        """A new repository's."""
        self._require_lock()
        if self.repository.load_key():
            self._deny("changing the key or its passphrase")
        return self.repository.save_key(keydata)

    def commit(self) -> Any:
        self._require_lock()
        return self.repository.commit(compact=False)

    def commit_nonce_reservation(self, next_unreserved: int, start_nonce: int | None) -> Any:
        self._require_lock()
        return self.repository.commit_nonce_reservation(next_unreserved, start_nonce)

    def break_lock(self) -> None:
        self._deny("breaking a lock")

    def destroy(self) -> None:
        self._deny("destroying a repository")

    def _is_old(self, id: bytes) -> bool:  # noqa: A002
        if not self.repository._active_txn:  # as borg's own `put` begins
            transaction = self.repository.get_transaction_id()
            self._before = self._before if self._before is not None else -1 if transaction is None else transaction
            self.repository.prepare_txn(transaction)
        place = self.repository.index.get(id)
        return place is not None and place[0] <= self._before

    def _require_lock(self) -> None:
        if not self._locked:
            self._deny("writing past borg's lock")
        fenced.require(self.client)

    def _clear(self, path: bytes | str) -> None:
        """What a creation left that died half way, for another: where nobody else is in, and it is one of the two."""
        mine = Path(self._resolve_path(path))
        if mine in {Path(os.path.realpath(home(self.client) / kind)) for kind in KINDS}:
            fenced.require_there(self.client, mine)
            with suppress(Refused), files.locked(door(self.client, mine.name), what="a writer"):
                unfinished.set_aside(mine)

    def _pass_the_door(self, path: bytes | str, lock_wait: float | None) -> None:
        kind = Path(self._resolve_path(path)).name
        if self._resolve_path(path) not in {os.path.realpath(home(self.client) / kind) for kind in KINDS}:
            self._deny("another directory than its own")
        try:
            wait = min(DOOR, lock_wait or 1.0)
            self._passed.enter_context(files.locked(door(self.client, kind), what="the keeper", wait=wait, shared=True))
        except Refused:
            raise LockTimeout(f"{kind}, by the keeper") from None

    def _deny(self, what: str) -> None:
        note = refusals(self.client)
        if what not in self._denied and (not note.exists() or note.stat().st_size < NOTES):
            self._denied.add(what)
            files.append(note, json.dumps({"at": clock.now().astimezone(UTC).isoformat(), "what": what}), mode=0o640)
        raise Denied(what)


class Keeper(RepositoryServer):  # type: ignore[misc]  # borg has no types
    """borg's server, for the DRP side, which alone deletes and compacts."""

    rpc_methods = tuple(sorted(KNOWN - NOBODY))
    repository: Any

    def open(
        self,
        path: bytes | str,
        create: bool = False,
        lock_wait: float | None = None,
        lock: bool = True,
        exclusive: bool | None = None,
    ) -> Any:
        opened = super().open(path, False, lock_wait, lock, exclusive)
        self.repository.append_only = False  # to everybody else its configuration says that it is
        return opened


def hold(client: str, kind: str) -> None:
    """Keep writers out until standard input ends: a keeper whose connection breaks holds nobody up."""
    try:
        with files.locked(door(client, kind), what="a backup", wait=DOOR if kind == "databases" else 0):
            print("held", flush=True)
            sys.stdin.read()
    except Refused:
        print("busy", flush=True)


def facts(repository: Path) -> dict[str, str | int]:
    """Its key as `borg key export` writes it, and the number of its newest transaction: without starting borg."""
    config = ConfigParser(interpolation=None)
    config.read(repository / "config", encoding="utf-8")
    key = config.get("repository", "key", fallback="").strip()
    last = transaction(repository)
    return {
        "key": f"BORG_KEY {config.get('repository', 'id', fallback='')}\n{key}\n" if key else "",
        "transaction": -1 if last is None else last,
    }


def tell(client: str) -> None:
    """What the keeper can't see through borg, as one JSON document: refusals (text), and the disk's bytes.

    Of the copy its size and SHA-256: after years it has 100 MB, too much to be sent every half hour.
    """
    disk = os.statvfs(home(client))
    note, kept = refusals(client), copy(client)
    print(
        json.dumps(
            {
                "refused": [json.loads(line) for line in note.read_text(encoding="utf-8").splitlines()]
                if note.exists()
                else [],
                "bytes": disk.f_blocks * disk.f_frsize,
                "free": disk.f_bavail * disk.f_frsize,
                "copy": kept.stat().st_size if kept.exists() else 0,
                "digest": hashlib.sha256(kept.read_bytes() if kept.exists() else b"").hexdigest(),
                "repositories": {kind: facts(home(client) / kind) for kind in KINDS if (home(client) / kind).exists()},
            }
        )
    )


def extend(client: str, at: str) -> None:
    """Append what comes on standard input to the copy of the catalogue, if it has `at` bytes: it never shrinks."""
    with files.locked(home(client) / ".copy", what="a copy of the catalogue", wait=DOOR):
        if copy(client).stat().st_size != int(at):
            sys.exit("seawall: the copy of the catalogue has another size")
        if text := sys.stdin.read(LARGEST):
            files.append(copy(client), text.removesuffix("\n"), mode=0o640)


def serve(role: str, client: str, quotas: Sequence[str]) -> None:
    """borg's own command, with the server of that role. Words that the client sent count for nothing."""
    if frozenset(RepositoryServer.rpc_methods) != KNOWN:
        sys.exit(
            "seawall: this borg has messages that the gate does not know; nothing is served before somebody looked"
        )
    Writer.client = client
    Writer.quotas = {kind: int(size) for kind, _, size in (quota.partition("=") for quota in quotas)}
    archiver.RepositoryServer = {"writer": Writer, "keeper": Keeper}[role]
    only = (f"--restrict-to-repository={home(client) / kind}" for kind in KINDS)
    os.environ.pop("SSH_ORIGINAL_COMMAND", None)
    sys.argv = ["borg", "serve", "--umask=0027", *only]
    archiver.main()


def main(role: str, client: str, *quotas: str) -> None:
    """A forced command: `writer CLIENT [files=BYTES] [databases=BYTES]`, or `keeper CLIENT`."""
    match (role, *os.environ.get("SSH_ORIGINAL_COMMAND", "").split()):
        case ("keeper", "hold", ("files" | "databases") as kind):
            hold(client, kind)
        case ("keeper", "tell"):
            tell(client)
        case ("keeper", "append", at) if at.isdecimal():
            extend(client, at)
        case ("keeper", "heads"):
            heads.answer(client)
        case ("keeper", "fence", *words):
            fenced.answer(client, words)
        case ("keeper", "copy"):
            print(copy(client).read_text(encoding="utf-8") if copy(client).exists() else "", end="")
        case _:
            serve(role, client, quotas)


if __name__ == "__main__":
    main(*sys.argv[1:])
