"""Back from the store when both backup servers are gone, and the proof that it could be done."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from backups.third.copying import Report, Target
from backups.third.manifest import Item, Manifest, Stored
from backups.third.sealing import unsealed
from estate.problem import Untrusted


def fetch(mine: Target, manifest: Manifest, into: Path, say: Report) -> None:
    """Write the repository of a copy into the empty directory `into`. What lies there already and is right stays."""
    for number, item in enumerate(manifest.items, 1):
        path = into / item.file.path
        if not (path.exists() and _digest(path) == item.digest):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _fetched(mine, item, path)
        say(f"{mine.label}: {number} of {len(manifest.items)} files")


def _fetched(mine: Target, item: Item, path: Path) -> None:
    stage = path.with_name(f".{path.name}.part")
    with stage.open("wb") as stream:
        for frame in _clear(mine, item):
            stream.write(frame)
    stage.replace(path)


def _clear(mine: Target, item: Item) -> Iterator[bytes]:
    """What the file holds. Raises Untrusted at its end where that is not what was copied."""
    found = hashlib.sha256()
    for frame in unsealed(mine.seal, item.stored.name, mine.store.get(item.stored.name, item.stored.version)):
        found.update(frame)
        yield frame
    if found.hexdigest() != item.digest:
        raise Untrusted(
            f"{item.file.path} of {mine.label} is not what was copied", hint="an older copy: seawall backup third list"
        )


def prove(mine: Target, items: Sequence[Item]) -> None:
    """Fetch these and look whether they are what was copied, and locked. Raises Untrusted, Missing."""
    for item in items:
        for _ in _clear(mine, item):
            pass  # it is what it says it is when its end is reached
        until = mine.store.locked_until(item.stored)
        if until is None or until < item.stored.until.replace(microsecond=0):
            raise Untrusted(
                f"{item.file.path} of {mine.label} is locked until {until}, not until {item.stored.until}",
                hint="the store does not keep its word: ask whoever runs it",
            )


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def lost(manifest: Manifest, versions: Sequence[Stored]) -> list[Item]:
    """What a copy names and the store no longer has."""
    there = {(stored.name, stored.version) for stored in versions}
    return [item for item in manifest.items if (item.stored.name, item.stored.version) not in there]


def only(manifest: Manifest, share: float, chance: Random) -> list[Item]:
    """That share of its files, at least one; nobody foresees which."""
    return chance.sample(manifest.items, max(1, round(len(manifest.items) * share)))
