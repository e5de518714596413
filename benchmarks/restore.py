"""What bringing files back costs, against restic and plain `borg extract`: all of them, and 1 % of them changed.

    PYTHONPATH=.:tests python -m benchmarks.restore RESTIC FOLDER [FILES [ROUNDS]]

RESTIC is a restic program; FOLDER, on the disk that counts, is filled with a few gigabytes and emptied again. All three
read a repository on the same disk, encrypted, in turn, and the best round of each counts; processor time counts
children, for machines that do other work as well. At the end: hydration where nothing, and where 10 % changed, and the
most memory that one of its processes takes, for all files and for a third of them.
"""

import os
import random
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from local_borg import Local
from saved_estate import lab_estate

from backups import mark, paths
from backups.proof import hydrate
from backups.proof.hydrate import Target
from benchmarks.figures import Figures
from effects.run import run
from estate.model import Side
from estate.points import Archive

SMALL, LARGE = 8_000, 50_000_000  # bytes: of most files on average, and of some
LIMIT = 3600.0
GOALS = {"full": 1.2, "1 % changed": 0.8}  # times restic's


class Measured(Local):
    """A repository whose workers say how much memory they took."""

    def read_by(self, argv: Sequence[str], *, stdin: str, timeout: float) -> str:
        wrapped = [sys.executable, "-m", "benchmarks.peak", str(self.folder / "peak"), *argv]
        return super().read_by(wrapped, stdin=stdin, timeout=timeout)

    def peak(self) -> int:
        """In MiB, of the last one."""
        return int((self.folder / "peak").read_text(encoding="ascii")) // 1024


def repository_in(folder: Path, kind: Literal["files", "databases"]) -> Measured:
    """A new one; nothing that hydration remembers is kept anywhere else."""
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    paths.BORG, paths.BORG_HOME = Path(sys.executable).with_name("borg"), folder / "home"
    mark.RESTORED, hydrate.HYDRATED = folder / "restored", folder / "hydrated"
    kept = folder / "passphrase"
    kept.write_text("a benchmark's own", encoding="utf-8")
    (folder / "borg/web1").mkdir(parents=True)
    made = Measured("web1", kind, Side.ODD, lab_estate(folder).hosts["vault-odd"], kept, folder=folder / "borg")
    made.init()
    return made


@dataclass(slots=True)
class Bench:
    """Everything below one folder."""

    restic: str
    folder: Path
    files: int
    turns: int = 0
    saved: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - the same data each time

    def fill(self) -> None:
        """About 1.5 GB in 60,000 files, a hundred in a directory."""
        for number in range(self.files):
            path = self.path(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.dice.randbytes(self.dice.randint(0, 2 * SMALL)))
        for number in range(max(1, 20 * self.files // 60_000)):
            (self.folder / "live" / f"large{number}").write_bytes(self.dice.randbytes(LARGE))

    def path(self, number: int) -> Path:
        return self.folder / "live" / str(number // 100) / f"{number}.txt"

    def change(self, every: int) -> None:
        """One of so many: most written anew, some gone, some new; and a page of a large one."""
        self.turns += 1
        for number in range(self.turns, self.files, every):
            path = self.path(number)
            if number % (10 * every) == self.turns:
                path.rename(path.with_name(f"{path.name}.moved"))
            elif path.exists():
                path.write_bytes(self.dice.randbytes(SMALL))
        with (self.folder / "live/large0").open("r+b") as large:
            large.seek(LARGE // 2)
            large.write(self.dice.randbytes(16_384))

    def save(self, repository: Measured) -> Archive:
        """The tree as it is, with all three."""
        self.saved += 1
        name = f"web1.files.2026-11-22T{self.saved:02d}:00:00Z"
        repository.create(name, ["live"], cwd=self.folder, options=["--compression=lz4"])
        self.resticked("backup", "live")
        return next(one for one in repository.archives() if one.name == name)

    def resticked(self, *words: str) -> None:
        password = ["--password-file", str(self.folder / "passphrase"), "--repo", str(self.folder / "restic")]
        cache = ["--cache-dir", str(self.folder / "cache"), "--quiet"]
        run([self.restic, *password, *cache, *words], timeout=LIMIT, cwd=self.folder)

    def equal(self, top: str) -> None:
        """What came back is what was saved."""
        run(["diff", "--recursive", "--no-dereference", str(self.folder / "live"), str(self.folder / top / "live")],
            timeout=LIMIT)  # fmt: skip


def hydrated(repository: Measured, archive: Archive, ready: Target) -> None:
    """What is measured."""
    hydrate.hydrate(repository, archive, ready)


def main(restic: str, folder: str, files: str = "60000", rounds: str = "2") -> None:
    """Print all ratios, and what they were to be."""
    peaks = []
    for share in (3, 1):  # the small one first: for its memory alone
        bench = Bench(restic, Path(folder) / "restore-benchmark", int(files) // share)
        bench.folder.mkdir(parents=True)
        try:
            peaks.append(measured(bench, int(rounds) if share == 1 else 0))
        finally:
            shutil.rmtree(bench.folder)
    print(f"memory: {peaks[0]} MiB for {int(files) // 3} files, {peaks[1]} MiB for {files}: {peaks[1] / peaks[0]:.2f}")


def measured(bench: Bench, rounds: int) -> int:
    """The most memory of a process of a full hydration, in MiB."""
    repository, figures = repository_in(bench.folder, "files"), Figures(bench.folder)
    bench.fill()
    bench.resticked("init")
    ready, archive = Target("bench", bench.folder / "seawall"), bench.save(repository)
    for _ in range(rounds or 1):
        for top in ("seawall", "resticked", "extracted"):
            shutil.rmtree(bench.folder / top, ignore_errors=True)
        ready.leave()
        compare(bench, repository, figures, ready, "full", archive)
        peak = repository.peak()
        if not rounds:
            return peak
    for _ in range(rounds):
        bench.change(100)
        compare(bench, repository, figures, ready, "1 % changed", bench.save(repository))
    for turn, every in (("nothing changed", 0), ("10 % changed", 10)):
        if every:
            bench.change(every)
        archive = bench.save(repository)
        figures.time(turn, "seawall", lambda archive=archive: hydrated(repository, archive, ready))  # type: ignore[misc]
    bench.equal("seawall")
    for turn, goal in GOALS.items():
        figures.compare(turn, "seawall", "restic", goal)
        figures.compare(turn, "seawall", "borg")
    return peak


def compare(bench: Bench, repository: Measured, figures: Figures, ready: Target, turn: str, archive: Archive) -> None:
    """All three, one after the other."""
    (bench.folder / "extracted").mkdir(exist_ok=True)
    figures.time(turn, "seawall", lambda: hydrated(repository, archive, ready))
    figures.time(turn, "restic", lambda: bench.resticked("restore", "latest", "--target", f"{bench.folder}/resticked"))
    figures.time(turn, "borg", lambda: repository.extract(archive, bench.folder / "extracted"))


if __name__ == "__main__":
    main(*sys.argv[1:])
