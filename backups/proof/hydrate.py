"""Hydration: a tree on this host is brought from the archive that it holds to the one that it shall hold.

A mark says which archive that is: taken away before anything changes, written when all of it is on the disk. Whoever
dies in between, the next run finds by hash what is there already. What a run may believe of the last one is in an index
(`backups.proof.index`), which counts from the same moment.
"""

import shutil
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from backups import paths, progress
from backups.mark import Mark
from backups.proof.disarm import disarm
from backups.proof.errand import ANSWERS, ORDERS, Answer, Counted, Order, known
from backups.proof.index import count
from backups.proof.record import LOST
from backups.repository import Repository
from effects import files
from effects.onhost import encrypted
from effects.run import cores, run
from estate.points import Archive
from estate.problem import Failed, Problem

HYDRATED = paths.STATE / "hydrated"
LIMIT = 12 * 3600.0  # seconds, as for `borg extract`
TURN = 3600.0  # seconds that one waits for another that fills the same tree
NAMED = 5  # damaged files in an error
_COUNTED = TypeAdapter(Counted)


class Lost(Failed):
    """The repository has no longer all of the archive's content."""


@dataclass(frozen=True, slots=True)
class Target:
    """A tree that is hydrated."""

    subject: str
    top: Path
    members: tuple[str, ...] = ()  # paths as in the archive; none: all
    seed: Path | None = None  # where this host's own files lie under the same paths: chunks are taken from there too
    owner: str | None = None  # who gets all of it; None: as saved

    @property
    def mark(self) -> Mark:
        """What it holds."""
        return Mark(f"{self.subject}+hydrated")

    @property
    def index(self) -> Path:
        """What is known of its files."""
        return HYDRATED / self.subject

    @property
    def stands(self) -> bool:
        """Whether it was filled before: then little is left to do."""
        return (self.index / "now").exists()

    def holds(self, archive: Archive) -> Counted | None:
        """What was counted when it was filled, where it holds all of `archive`; else None."""
        return self.counted if self.mark.holds(archive, self.top) else None

    @property
    def counted(self) -> Counted | None:
        """What was counted when it was filled the last time, whatever it was filled with; None where it never was."""
        try:
            return _COUNTED.validate_json((self.index / "counted.json").read_bytes())
        except (OSError, ValidationError):
            return None

    def leave(self) -> None:
        """From now on it holds nothing: somebody takes its parts away."""
        self.mark.clear()
        shutil.rmtree(self.index, ignore_errors=True)

    def remove(self) -> None:
        """Let nothing be left of it."""
        self.leave()
        shutil.rmtree(self.top, ignore_errors=True)
        with suppress(OSError):
            self.top.parent.rmdir()  # only where it was the last


def hydrate(repository: Repository, archive: Archive, target: Target, *, prove: bool = False) -> Counted:
    """Let `target` hold `archive`; with `prove`, every byte of it is compared with the archive's chunk ids.

    Raises Lost where the repository has lost content, naming the files; ByHand for an archive that borg did not make;
    and as `Repository` does.
    """
    with _turn(target):
        done = target.holds(archive)
        if done is not None and not prove:
            return done
        _begin(target)
        if known():
            (answer,) = _sent(repository, archive, [target], prove=prove)
            counted = _judged(repository, archive, target, answer)
        else:
            counted = _anew(repository, archive, target)
        _keep(target, archive, counted)
        return counted


def hydrate_all(repository: Repository, archive: Archive, targets: Sequence[Target]) -> None:
    """Bring those that hold an older one up to `archive` in one pass: it is read once, however many they are.

    Whatever goes wrong with one of them is told by `hydrate` of it, which finds what was done; or goes right there.
    """
    with suppress(Problem, OSError), ExitStack() as turns:
        for target in sorted(targets, key=lambda target: target.subject):
            turns.enter_context(_turn(target))
        left = [target for target in targets if target.stands and target.holds(archive) is None]
        if len(left) < 2 or not known():
            return
        for target in left:
            _begin(target)
        for target, answer in zip(left, _sent(repository, archive, left), strict=True):
            with suppress(Problem, OSError):
                _keep(target, archive, _judged(repository, archive, target, answer))


def _turn(target: Target) -> AbstractContextManager[None]:
    lock = HYDRATED / f"{target.subject}.lock"
    return files.locked(lock, what=f"a hydration of {target.subject}", wait=TURN, inherited=True)


def _begin(target: Target) -> None:
    target.mark.clear()
    if not target.top.exists():
        target.top.mkdir(mode=0o700, parents=True)
        encrypted.follow(str(target.top))  # as what lies beside it


def _keep(target: Target, archive: Archive, counted: Counted) -> None:
    files.write_bytes(target.index / "counted.json", _COUNTED.dump_json(counted), mode=0o600)
    target.mark.write(archive, target.top)


def _sent(
    repository: Repository, archive: Archive, targets: Sequence[Target], *, prove: bool = False
) -> tuple[Answer, ...]:
    """What became of each. On the disk by then."""
    orders = tuple(_order(repository, archive, target, prove=prove) for target in targets)
    argv = [sys.executable, "-m", "backups.proof.worker"]
    try:
        said = repository.read_by(argv, stdin=ORDERS.dump_json(orders).decode(), timeout=LIMIT)
    finally:
        for target in targets:
            progress.forget(target.index)
    run(["sync", "--file-system", *(str(target.top) for target in targets)], timeout=LIMIT)
    return ANSWERS.validate_json(said)


def _order(repository: Repository, archive: Archive, target: Target, *, prove: bool) -> Order:
    """By several processes where nothing is there yet: then there is work for all cores."""
    target.index.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.rmtree(target.index / "new", ignore_errors=True)
    progress.forget(target.index)
    shards = 1 if target.stands else cores()
    return Order(
        repository.url, archive.name, archive.id, target.top, target.members, target.seed, target.index,
        shards=shards, owner=target.owner, prove=prove,
    )  # fmt: skip


def _judged(repository: Repository, archive: Archive, target: Target, answer: Answer) -> Counted:
    counted = answer.judge()
    if counted.damaged:
        some = ", ".join(map(repr, sorted(counted.damaged)[:NAMED]))
        raise Lost(
            f"{archive.name} on {repository.server.name} {LOST} {len(counted.damaged)} files: {some}",
            hint=f"take it from the other side; on {repository.server.name} look at the disk, then: borg check",
        )
    count(target.index / "now", target.index / "new")
    return counted


def _anew(repository: Repository, archive: Archive, target: Target) -> Counted:
    """Without borg's modules: all of it once more, beside, by the public command line."""
    beside = target.top.with_name(f"{target.top.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(mode=0o700)
    encrypted.follow(str(beside))
    repository.extract(archive, beside, target.members)
    disarm(beside)
    if target.owner is not None:
        run(["chown", "-R", "--no-dereference", f"{target.owner}:{target.owner}", str(beside)], timeout=LIMIT)
    target.leave()
    target.index.mkdir(mode=0o700, parents=True)
    shutil.rmtree(target.top)
    beside.rename(target.top)
    run(["sync", "--file-system", str(target.top)], timeout=LIMIT)
    return _counted(target.top)


def _counted(top: Path) -> Counted:
    counted = Counted()
    for line in run(["find", str(top), "-type", "f", "-printf", r"%s %T@\n"], timeout=LIMIT).splitlines():
        size, changed = line.split()
        counted.files += 1
        counted.bytes += int(size)
        counted.newest = max(counted.newest, int(float(changed) * 1e9))
    counted.written = counted.files
    return counted
