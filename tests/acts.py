"""Small real acts on files, for jobs that are killed and run again."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from ordered import ordered
from saved_estate import T0, everything, site

from backups.site import Site
from drp import job as jobs
from drp.job import Job, JobKind
from drp.plan import Observed, activation
from drp.step import World
from estate.problem import Failed


class Killed(BaseException):
    """What no `except Problem` may catch, like a kill."""


@dataclass
class Fuse:
    """Burns down by one at every boundary, and kills at zero."""

    left: int = 10**9

    def burn(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


@dataclass(frozen=True)
class Write:
    """A real small act: a file with a line, written and then confirmed."""

    folder: Path
    subject: str
    fuse: Fuse = field(default_factory=Fuse)
    broken: tuple[str, ...] = ()
    shared: frozenset[str] = frozenset()
    lane: str | None = None
    kind = "write"

    @property
    def vhosts(self) -> frozenset[str]:
        return self.shared or frozenset({self.subject.split(":")[0]})

    def proof(self, world: World) -> str | None:
        self.fuse.burn()
        path = self.folder / self.subject
        return "it says done" if path.exists() and path.read_text(encoding="utf-8") == "done" else None

    def act(self, world: World) -> None:
        path = self.folder / self.subject
        self.fuse.burn()
        path.write_text("half", encoding="utf-8")
        self.fuse.burn()
        if self.subject in self.broken:
            raise Failed(f"{self.subject} can't be written", hint="mend it")
        path.write_text("done", encoding="utf-8")
        self.fuse.burn()


SUBJECTS = ("shop:files", "shop:dns", "ledger:files", "ledger:dns")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The twin."""
    return site(tmp_path_factory.mktemp("estate"), "twin1")


@pytest.fixture
def world(here: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """With an activation that was ordered, and nothing done of it."""
    monkeypatch.setattr(jobs, "DIRECTORY", tmp_path / "jobs")
    changes = dict.fromkeys(here.estate.vhosts, ())
    seen = Observed(T0, 0, everything(), {}, changes, frozenset(), ())
    plan = activation(here.estate, here.estate.hosts["web1"], here.host, seen)
    job = Job(JobKind.ACTIVATE, plan.seal, plan, T0 + timedelta(minutes=5), ordered(here.estate, plan, T0))
    job.save()
    return World(here, job)


def steps(folder: Path, fuse: Fuse | None = None, broken: tuple[str, ...] = ()) -> list[Write]:
    burning = fuse or Fuse()
    return [Write(folder, subject, burning, broken) for subject in SUBJECTS]


def events(world: World) -> list[tuple[str, str]]:
    return [(entry.event, entry.subject) for entry in world.job.journal.entries()]


def state(folder: Path) -> dict[str, str]:
    return {
        subject: (folder / subject).read_text(encoding="utf-8") for subject in SUBJECTS if (folder / subject).exists()
    }
