"""Put archives back into a repository's list of archives, which borg calls its manifest.

That list is the one thing that whoever writes can replace: an archive that is not in it is hidden, and all its data is
there still, since nothing else can be deleted behind the gate. Each archive's own record is fetched by its id and must
be authentic under the repository's key; what stands in the list now and is readable stays in it. borg (1.4) has no
command for this but `check --repair`, which believes all that it finds. A process of its own, as borg keeps its state
in globals: `python -m backups.vault.manifest URL`, ids as a JSON list on standard input, borg's environment.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

from borg.archiver import Archiver
from borg.crypto.key import key_factory
from borg.helpers import Error, Location, Manifest
from borg.item import ArchiveItem
from borg.logger import setup_logging
from borg.remote import RemoteRepository
from borg.repository import Repository

LOCK_WAIT = 600


def put_back(repository: Any, ids: Sequence[str]) -> list[str]:
    """Names of the archives that are in the list now. Raises borg's errors where one is not what it was."""
    key = key_factory(repository, repository.get(bytes.fromhex(ids[0])))
    manifest = _now(repository, key)
    wanted = [bytes.fromhex(one) for one in ids]
    for alias in [name for name in manifest.archives if manifest.archives[name].id in wanted]:
        del manifest.archives[alias]  # its own name is the one that its record has
    for archive in wanted:
        data = key.decrypt(archive, repository.get(archive))
        record, _, _ = key.unpack_and_verify_archive(data)
        item = ArchiveItem(internal_dict=record)
        manifest.archives[item.name] = (archive, item.time)
    manifest.write()
    repository.commit(compact=False)
    return sorted(manifest.archives)


def _now(repository: Any, key: Any) -> Any:
    """The list that is there, or an empty one where it can't be read."""
    try:
        return Manifest.load(repository, Manifest.NO_OPERATION_CHECK, key=key)[0]
    except (Error, ValueError):
        return Manifest(key, repository)


def main(url: str) -> None:
    """Of a repository behind the keeper's gate, or on this disk."""
    setup_logging()  # borg's own modules write to it from the start
    args = Archiver().parse_args(["list", url])
    location = Location(url)
    made = RemoteRepository if location.proto == "ssh" else Repository
    more = {"args": args} if location.proto == "ssh" else {}
    where = location if location.proto == "ssh" else location.path
    with made(where, exclusive=True, lock_wait=LOCK_WAIT, **more) as repository:
        json.dump(put_back(repository, json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
