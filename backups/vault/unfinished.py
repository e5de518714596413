"""A repository that was being made when the power went: before its first commit. Nothing was ever saved in it.

borg takes it for one that is there (`init` ends with "already exists"), and never opens it. It is set aside, whole, so
that `init` makes it anew.
"""

from pathlib import Path
from struct import pack
from zlib import crc32

from backups.segments import transaction
from effects import files

LARGEST = 65_536  # bytes of data that a first commit which never came can have left: a list of no archives
_BODY = pack("<IB", 9, 2)  # size and tag of the entry that ends a committed segment (borg.repository, LoggedIO.COMMIT)
COMMIT = pack("<I", crc32(_BODY)) + _BODY
ASIDE = ".unfinished"


def unfinished(repository: Path) -> bool:
    """Whether it was begun, and nothing was ever committed: by its indexes, by its data, and by how little it is."""
    if not repository.is_dir() or not any(repository.iterdir()) or transaction(repository) is not None:
        return False
    data = [path.read_bytes()[-LARGEST:] for path in repository.glob("data/*/*")]
    return sum(map(len, data)) < LARGEST and not any(content.endswith(COMMIT) for content in data)


def set_aside(repository: Path) -> Path | None:
    """Out of the way of a new one; None where it is finished, or not there. The caller keeps others from using it."""
    return aside(repository, ASIDE) if unfinished(repository) else None


def aside(repository: Path, why: str) -> Path:
    """Where it lies now, whole, beside where it was; `why` begins its name."""
    names = (repository.with_name(f"{why}-{repository.name}.{number}") for number in range(1000))
    there = next(path for path in names if not path.exists())
    repository.rename(there)
    files.sync_directory(repository.parent)
    return there
