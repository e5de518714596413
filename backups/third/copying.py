"""From a backup server to the store, a file at a time; a run that dies goes on where it was."""

import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from backups import paths
from backups.third.contents import contents, transaction
from backups.third.manifest import (
    MANIFEST,
    Copy,
    Found,
    Item,
    Manifest,
    Stored,
    checked,
    dropped,
    extended,
    lock_end,
    work,
)
from backups.third.sealing import Seal, Sealing, sealed_size, unsealed
from backups.third.settings import Settings
from backups.third.store import Store
from effects import files
from effects.clock import now
from estate.problem import Failed, Missing, Problem, Untrusted

STATE = paths.STATE / "third"
MOST = 100_000  # copies of one repository: hourly ones of eleven years
TRIES = 3  # while a repository is compacted under our hands
ITEM = TypeAdapter(Item)
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Target:
    """One repository and its copies."""

    store: Store
    seal: Seal
    server: str
    client: str
    kind: str

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.client} {self.kind} of {self.server}"

    def manifest_name(self, number: int) -> str:
        """The object that the copy of that number is described in."""
        return self.seal.name("manifest", self.server, self.client, self.kind, str(number))

    def file_name(self, file: Found) -> str:
        """The object that a file is in."""
        return self.seal.name("file", self.server, self.client, self.kind, *file.words)

    @property
    def memory(self) -> Path:
        """Which copy was the newest; made anew from the store where it is lost."""
        return STATE / f"{self.client}.{self.kind}"

    @property
    def sent(self) -> Path:
        """What was sent since then: a line for each file."""
        return self.memory.with_suffix(f".{self.kind}.sent")


def target(settings: Settings, store: Store, server: str, client: str, kind: str) -> Target:
    """The copies of one repository."""
    return Target(store, Seal(settings.seal), server, client, kind)


def copies(mine: Target, versions: Sequence[Stored]) -> Iterator[tuple[int, list[Stored]]]:
    """Number and versions of every manifest among all `versions` of the bucket, newest copy first."""
    there: dict[str, list[Stored]] = {}
    for version in versions:
        there.setdefault(version.name, []).append(version)
    names = ((number, mine.manifest_name(number)) for number in range(MOST, 0, -1))
    return ((number, there[name]) for number, name in names if name in there)


def read(mine: Target, name: str, candidates: Iterable[Stored]) -> Copy:
    """The manifest, from the first of its versions that is ours, oldest first: nobody can put another before it.

    Raises Untrusted where none is, Missing where there is none.
    """
    fault: Problem = Missing(f"no copy of {mine.label}", hint="seawall backup third list")
    for stored in sorted(candidates, key=lambda one: one.until):
        try:
            packed = b"".join(unsealed(mine.seal, name, mine.store.get(name, stored.version)))
            return Copy(checked(MANIFEST.validate_json(zlib.decompress(packed))), stored)
        except Problem as problem:
            fault = problem
        except (zlib.error, ValidationError) as error:
            fault = Untrusted(f"a copy of {mine.label} can't be read: {error}", hint="seawall backup third list")
    raise fault


def newest(mine: Target) -> Copy | None:
    """The copy before the next; None where there is none yet. Costs one request, or a listing of the bucket."""
    number = int(mine.memory.read_text(encoding="utf-8")) if mine.memory.exists() else 0
    name = mine.manifest_name(number)
    found = [(number, list(mine.store.versions(name)))] if number else list(copies(mine, list(mine.store.versions())))
    for wanted, candidates in found:
        if candidates:
            return _with_its_lock(mine, read(mine, mine.manifest_name(wanted), candidates))
    return None


def _with_its_lock(mine: Target, copy: Copy) -> Copy:
    """The store lists when an object came, and says only when asked until when it is locked."""
    until = mine.store.locked_until(copy.stored) or copy.stored.until
    return replace(copy, stored=replace(copy.stored, until=until))


def copy(mine: Target, repository: Path, settings: Settings, say: Report) -> Manifest:
    """Bring what is new in `repository` to the store, lock it, and write down what the copy consists of."""
    mine.store.require_lock()
    STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
    with files.locked(mine.memory.with_suffix(".lock"), what=f"the third copy of {mine.label}"):
        before = newest(mine)
        for _ in range(TRIES):
            try:
                return _copy(mine, repository, settings, before, say)
            except (FileNotFoundError, EOFError) as fault:
                say(f"{mine.label}: the repository changes, once more ({fault})")
        raise Failed(
            f"{mine.label}: the repository changed {TRIES} times while it was copied",
            hint="it is being compacted: run the same command again later",
        )


def _copy(mine: Target, repository: Path, settings: Settings, before: Copy | None, say: Report) -> Manifest:
    at, last = now(), transaction(repository)
    until = lock_end(at, settings.locked)
    todo = work(before.manifest if before else None, contents(repository, last), at, settings.locked)
    items = list(todo.keep)
    for item in todo.extend:
        mine.store.extend(item.stored, until)
        items.append(extended(item, until))
    done = _sent_before(mine)
    for number, file in enumerate(todo.send, 1):
        items.append(done.pop(file) if file in done else _sent(mine, repository, file, until))
        say(f"{mine.label}: {number} of {len(todo.send)} new files, {file.size / 1e6:.1f} MB")
    for stored in todo.remove:
        mine.store.remove(stored)
    gone = dropped(before, items, todo.remove) if before else ()
    gone += tuple(item.stored for item in done.values())
    number = before.manifest.number + 1 if before else 1
    made = Manifest(mine.server, mine.client, mine.kind, number, at, last, tuple(items), gone)
    _write(mine, made, settings)
    return made


def _sent_before(mine: Target) -> dict[Found, Item]:
    """What a run that died had sent already; its last line may be torn."""
    lines = mine.sent.read_bytes().splitlines() if mine.sent.exists() else []
    found = {}
    for line in lines:
        with suppress(ValidationError):
            item = ITEM.validate_json(line)
            found[item.file] = item
    return found


def _sent(mine: Target, repository: Path, file: Found, until: datetime) -> Item:
    name = mine.file_name(file)
    with (repository / file.path).open("rb") as stream:
        sealing = Sealing(mine.seal, name, stream, file.size)
        stored = mine.store.put(name, sealing, sealed_size(file.size), until)
    item = Item(file, sealing.digest.hexdigest(), stored)
    files.append(mine.sent, ITEM.dump_json(item).decode())
    return item


def _write(mine: Target, made: Manifest, settings: Settings) -> None:
    name, packed = mine.manifest_name(made.number), zlib.compress(MANIFEST.dump_json(made))
    sealing = Sealing(mine.seal, name, io.BytesIO(packed), len(packed))
    mine.store.put(name, sealing, sealed_size(len(packed)), lock_end(made.taken, settings.locked))
    files.write(mine.memory, f"{made.number}\n", mode=0o600)
    mine.sent.unlink(missing_ok=True)
