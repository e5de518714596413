"""What an archive of files costs, against plain `borg create` with the same options over the same tree.

"service" is the engine as the scheduler runs it, night by night; "command" is a process that has to start first.

    PYTHONPATH=.:tests python -m benchmarks.create FOLDER [FILES [ROUNDS]]

Each round takes a first archive and, with 1 % of the files changed, a second one, in turn; each writer is a process of
its own and begins with an empty repository on the same disk. The best round of each counts.
"""

import os
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from local_borg import Local
from saved_estate import site as a_site

from backups import manifest, paths, take
from backups.repository import Repository
from backups.site import Site
from benchmarks.figures import Figures
from effects.run import run
from estate.model import Host, Side
from estate.points import FILES, Kind

GOAL = 1.05
TURNS = ("first", "second, 1 % changed")
LIMIT = 3600.0
SIZE = 8_000
T0 = datetime(2026, 11, 22, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Here(Site):
    """A host whose backup servers are directories."""

    folder: Path = Path("/nonexistent")

    def repository(self, client: Host, kind: Kind, side: Side) -> Repository:
        """One for both sides: the second side of a first archive is no part of what is compared."""
        server = self.estate.hosts[client.backup[side]]
        return Local(client.name, "files", side, server, self.folder / "passphrase", folder=self.folder / "seawall")


def here(folder: Path) -> Here:
    """Below `folder`, and nowhere else."""
    paths.BORG, paths.BORG_HOME, paths.STATE = Path(sys.executable).with_name("borg"), folder / "home", folder / "state"
    paths.STATUS, manifest.WHERE = folder / "state/backup.json", folder / "state/host"
    take.ALWAYS = (str(folder / "live"),)
    found = a_site(folder)
    return Here(found.estate, found.host, folder=folder)


def engine(folder: Path, turn: int) -> None:
    """What is done on one side when an archive of files is due."""
    site, at = here(folder), T0 + timedelta(hours=turn)
    manifest.write(site)
    sources = [str(path).lstrip("/") for path in (folder / "live", manifest.WHERE)]
    options = [*take.FILE_OPTIONS, *(f"--exclude={path}" for path in take._relative(take.NEVER))]
    (taken,) = take._Run(site, FILES, at, sources, Path("/"), options, lambda _: None).to([Side.ODD])
    assert taken.error is None, taken.error


@dataclass(slots=True)
class Bench:
    """One tree, two repositories."""

    folder: Path
    files: int
    dice: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - the same data each time

    def write(self, every: int) -> None:
        """Every so manyth file, anew."""
        for number in range(0, self.files, every):
            path = self.folder / "live" / str(number // 100) / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.dice.randbytes(self.dice.randint(0, 2 * SIZE)))

    def service(self, turn: int) -> None:
        """The engine, as its service has it in memory."""
        engine(self.folder, turn)

    def command(self, turn: int) -> None:
        """The engine, from the start of its interpreter."""
        run([sys.executable, "-m", "benchmarks.create", "--engine", str(self.folder), str(turn)], timeout=LIMIT)

    def borg(self, turn: int) -> None:
        """The same by hand."""
        site = here(self.folder)
        environment = {
            **site.repository(site.host, FILES, Side.ODD)._environment(),
            "BORG_BASE_DIR": f"{self.folder}/plain",
        }
        excluded = [f"--exclude={path}" for path in take._relative(take.NEVER)]
        sources = [str(self.folder / "live").lstrip("/")]
        argv = [str(paths.BORG), "create", "--json", *take.FILE_OPTIONS, *excluded]
        run([*argv, f"{self.folder}/borg::{turn}", *sources], timeout=LIMIT, cwd=Path("/"), env=environment)

    def anew(self) -> None:
        """Both repositories empty."""
        site = here(self.folder)
        for part in ("seawall", "borg", "home", "plain"):
            shutil.rmtree(self.folder / part, ignore_errors=True)
        (self.folder / "seawall/web1").mkdir(parents=True)
        mine = site.repository(site.host, FILES, Side.ODD)
        mine.init()
        environment = {**mine._environment(), "BORG_BASE_DIR": f"{self.folder}/plain"}
        init = [str(paths.BORG), "init", "--encryption=repokey", "--append-only", f"{self.folder}/borg"]
        run(init, timeout=LIMIT, env=environment)


def main(folder: str, files: str = "60000", rounds: str = "3") -> None:
    """Print both ratios."""
    bench = Bench(Path(folder) / "create-benchmark", int(files))
    bench.folder.mkdir(parents=True)
    os.environ["PYTHONPATH"] = f"{Path(__file__).parents[1]}:{Path(__file__).parents[1]}/tests"
    (bench.folder / "passphrase").write_text("a benchmark's own", encoding="utf-8")
    figures = Figures(bench.folder)
    try:
        bench.write(1)
        writers: dict[str, Callable[[int], None]]
        writers = {"service": bench.service, "command": bench.command, "borg": bench.borg}
        for _ in range(int(rounds)):
            for who, act in writers.items():
                bench.anew()
                figures.time(TURNS[0], who, lambda act=act: act(0))  # type: ignore[misc]
                bench.write(100)
                figures.time(TURNS[1], who, lambda act=act: act(1))  # type: ignore[misc]
        for name in TURNS:
            for who in ("service", "command"):
                figures.compare(name, who, "borg", GOAL)
    finally:
        shutil.rmtree(bench.folder)


if __name__ == "__main__":
    if sys.argv[1] == "--engine":
        engine(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main(*sys.argv[1:])
