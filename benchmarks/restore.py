"""What bringing files back costs, against restic and plain `borg extract`: all of them, and 1 % of them changed.

    PYTHONPATH=.:tests python -m benchmarks.restore RESTIC FOLDER [FILES]

RESTIC is a restic program; FOLDER, on the disk that counts, is filled with a few gigabytes and emptied again. All three
read a repository on the same disk, encrypted, one after the other; processor time counts children, for machines that
do other work as well.
"""

import os
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from local_borg import Local
from saved_estate import lab_estate

from backups import mark, paths
from backups.proof import hydrate
from backups.proof.hydrate import Target
from backups.repository import Repository
from effects.clock import Stopwatch
from effects.run import run
from estate.model import Side
from estate.points import Archive

SMALL, LARGE = 8_000, 50_000_000  # bytes: of most files on average, and of some
LIMIT = 3600.0
NAMES = ("web1.files.2026-11-22T03:00:00Z", "web1.files.2026-11-22T04:00:00Z")


@dataclass(slots=True)
class Bench:
    """Everything below one folder."""

    restic: str
    folder: Path
    files: int
    dice: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - the same data each time

    def fill(self) -> None:
        """About 1.5 GB in 60,000 files, a hundred in a directory."""
        for number in range(self.files):
            path = self.path(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.dice.randbytes(self.dice.randint(0, 2 * SMALL)))
        for number in range(20 * self.files // 60_000):
            (self.folder / "live" / f"large{number}").write_bytes(self.dice.randbytes(LARGE))

    def path(self, number: int) -> Path:
        return self.folder / "live" / str(number // 100) / f"{number}.txt"

    def change(self) -> None:
        """1 %: most written anew, some gone, some new; and a page of a large one."""
        for number in range(0, self.files, 100):
            path = self.path(number)
            if number % 1000 == 0:
                path.rename(path.with_name(f"{path.name}.moved"))
            else:
                path.write_bytes(self.dice.randbytes(SMALL))
        with (self.folder / "live/large0").open("r+b") as large:
            large.seek(LARGE // 2)
            large.write(self.dice.randbytes(16_384))

    def repository(self) -> Local:
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
        paths.BORG, paths.BORG_HOME = Path(sys.executable).with_name("borg"), self.folder / "home"
        mark.RESTORED, hydrate.HYDRATED = self.folder / "restored", self.folder / "hydrated"
        kept = self.folder / "passphrase"
        kept.write_text("a benchmark's own", encoding="utf-8")
        (self.folder / "borg/web1").mkdir(parents=True)
        vault = lab_estate(self.folder).hosts["vault-odd"]
        return Local("web1", "files", Side.ODD, vault, kept, folder=self.folder / "borg")

    def save(self, repository: Repository, name: str) -> Archive:
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


def timed(folder: Path, act: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the wall, and of processors in children. The disk has it all at the end."""
    run(["sync", "--file-system", str(folder)], timeout=LIMIT)
    before, watch = getrusage(RUSAGE_CHILDREN), Stopwatch()
    act()
    run(["sync", "--file-system", str(folder)], timeout=LIMIT)
    after = getrusage(RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return watch.seconds, round(spent, 2)


def main(restic: str, folder: str, files: str = "60000") -> None:
    bench = Bench(restic, Path(folder) / "restore-benchmark", int(files))
    bench.folder.mkdir(parents=True)
    try:
        compare(bench)
    finally:
        shutil.rmtree(bench.folder)


def compare(bench: Bench) -> None:
    """Both kinds of restore, each by each."""
    repository = bench.repository()
    repository.init()
    bench.fill()
    bench.resticked("init")
    ready = Target("bench", bench.folder / "seawall")
    figures: dict[tuple[str, str], tuple[float, float]] = {}
    for turn, name in zip(("full", "delta"), NAMES, strict=True):
        if turn == "delta":
            bench.change()
        archive = bench.save(repository, name)
        (bench.folder / "extracted").mkdir(exist_ok=True)
        acts: dict[str, Callable[[], object]] = {
            "seawall": lambda archive=archive: hydrate.hydrate(repository, archive, ready),  # type: ignore[misc]
            "restic": lambda: bench.resticked("restore", "latest", "--target", str(bench.folder / "resticked")),
            "borg": lambda archive=archive: repository.extract(archive, bench.folder / "extracted"),  # type: ignore[misc]
        }
        for who, act in acts.items():
            figures[turn, who] = timed(bench.folder, act)
            print(turn, who, *figures[turn, who], flush=True)
        bench.equal("seawall")
    for turn in ("full", "delta"):
        for other in ("restic", "borg"):
            ratios = [
                mine / theirs for mine, theirs in zip(figures[turn, "seawall"], figures[turn, other], strict=True)
            ]
            print(f"{turn}: seawall / {other}: {ratios[0]:.2f} on the wall, {ratios[1]:.2f} of processors")


if __name__ == "__main__":
    main(*sys.argv[1:])
