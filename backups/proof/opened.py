"""A borg archive, read by borg's own modules in this process: for what its command line can't do, reuse what is here.

borg promises its command line and not its modules, so this is for the one version that it was tried with; for any
other `known` says no, and who asks takes `borg extract`. The repository is never locked, and never written to.
"""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from borg import logger
from borg.archive import Archive, DownloadPipeline, get_item_uid_gid
from borg.cache import ChunkListEntry, assert_secure
from borg.crypto.low_level import IntegrityError as CryptoIntegrityError
from borg.helpers import IntegrityError, Location, Manifest, msgpack
from borg.item import Item
from borg.locking import LockTimeout
from borg.remote import RemoteRepository
from borg.repository import Repository

from estate.problem import Untrusted

LOCK_WAIT = 600  # seconds
DAMAGED = (Repository.ObjectNotFound, IntegrityError, CryptoIntegrityError)


@dataclass(frozen=True, slots=True)
class Opened:
    """One archive of a repository that is open."""

    repository: Any
    key: Any
    archive: Any

    @property
    def space(self) -> bytes:
        """16 bytes that are the same where chunk ids mean the same: in one repository, or in related ones."""
        return blake2b(self.key.id_key, digest_size=16).digest()

    def items(self) -> Iterator[Any]:
        """All items, in the order in which they were saved; their content is fetched by `chunks`."""
        yield from self.archive.iter_items()

    def hashed(self, data: bytes) -> bytes:
        """The id of the chunk that holds `data`: a keyed hash, so equal ids are equal content."""
        return bytes(self.key.id_hash(data))

    def chunks(self, ids: Sequence[bytes]) -> Iterator[bytes]:
        """Their content, in this order, each verified against its id. Raises one of DAMAGED."""
        yield from DownloadPipeline(self.repository, self.key).fetch_many(ids)


@contextmanager
def opened(url: str, name: str, fingerprint: str) -> Iterator[Opened]:
    """The archive `name` of the repository at `url`. How to reach it and its passphrase are borg's BORG_… variables.

    Raises Untrusted where the archive of that name is another than `fingerprint` says; borg's own errors.
    """
    if not logger.configured:
        logger.setup_logging(level="warning")
    location = Location(url)
    with _repository(location) as repository:
        manifest, key = Manifest.load(repository, (Manifest.Operation.READ,))
        _require_known(repository, manifest)
        archive = Archive(repository, key, manifest, name)
        if archive.fpr != fingerprint:
            raise Untrusted(
                f"{name} is no longer the archive that it was: {archive.fpr[:12]} instead of {fingerprint[:12]}",
                hint="somebody replaced it by hand: look at the host that saved it, and take another archive",
            )
        yield Opened(repository, key, archive)


def _require_known(repository: Any, manifest: Any) -> None:
    """Raise unless it is the repository that it was. Shards ask at once; where this host wrote to it, under a lock.

    Whoever finds that lock taken looks again after a tenth of what he would wait (borg 1.4.5, locking.TimeoutTimer):
    with all of it, that was a minute of sleep. So many short waits instead.
    """
    for _ in range(LOCK_WAIT - 1):
        with suppress(LockTimeout):
            assert_secure(repository, manifest, 1)
            return
    assert_secure(repository, manifest, 1)


def _repository(location: Any) -> Any:
    if location.proto != "ssh":
        return Repository(location.path, create=False, exclusive=False, lock=False, append_only=False)
    how = Namespace(rsh=None, remote_path=None, debug_topics=[], upload_ratelimit=None, upload_buffer=None)
    return RemoteRepository(location, create=False, exclusive=False, lock=False, args=how)


def owner(item: Any) -> tuple[int, int]:
    """Its owner and group here: by name, and by number where nobody here has that name, as `borg extract` does."""
    uid, gid = get_item_uid_gid(item, numeric=False)
    return int(uid), int(gid)


def packed(item: Any, *, chunks: bool = False) -> bytes:
    """An item as bytes, with the list of its chunks or without."""
    return bytes(msgpack.packb({word: value for word, value in item.as_dict().items() if chunks or word != "chunks"}))


def unpacked(kept: bytes) -> Any:
    """The item that was packed."""
    item = Item(internal_dict=msgpack.unpackb(kept))
    if "chunks" in item:
        item.chunks = [ChunkListEntry(*one) for one in item.chunks]
    return item
