"""Turns of the keeper at a real repository on this disk: what is noted, missed, got back, let go, left by a crash."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from local_borg import use_local_borg
from saved_estate import lab_estate

from backups import paths
from backups.vault import back, catalogue, keeping, turn
from backups.vault.catalogue import Catalogue
from backups.vault.gate import facts
from backups.vault.keeping import Keeping
from backups.vault.turn import Facts, Rules, Turn
from effects.clock import now as clock
from effects.run import run
from estate.model import Side
from estate.problem import Refused
from estate.vault import Keep, VaultPolicy

NOW = clock().replace(microsecond=0)
LITTLE = Keep(timedelta(0), daily=0, weekly=0, monthly=0, yearly=0, at_least=1)
RULES = Rules(VaultPolicy(files=LITTLE), ZoneInfo("UTC"), frozenset(), NOW)


@dataclass(frozen=True, slots=True)
class Here(Keeping):
    """A repository of this disk, where nobody else writes."""

    folder: Path = Path("/nonexistent")

    @property
    def url(self) -> str:
        return str(self.folder / self.client / self.kind)

    @contextmanager
    def alone(self) -> Iterator[None]:
        yield

    def told(self) -> dict[str, Any]:
        return {"repositories": {"files": facts(Path(self.url))}}


class Dies(Here):
    """Its process ends when it has deleted, and before anybody heard of it."""

    def compact(self) -> None:
        raise KeyboardInterrupt


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    kept = use_local_borg(monkeypatch, tmp_path)
    monkeypatch.setattr(keeping, "BORG_HOME", tmp_path / "keeper")
    for module in (catalogue, turn):
        monkeypatch.setattr(module, "VAULT", tmp_path / "vault")
    monkeypatch.setattr(paths, "STATE", tmp_path)
    server = lab_estate(tmp_path).hosts["vault-odd"]
    (tmp_path / "borg/web1").mkdir(parents=True)
    (tmp_path / "live").mkdir()
    (tmp_path / "live/a.txt").write_text("worth keeping\n", encoding="utf-8")
    made = Here("web1", "files", Side.ODD, server, kept, writing=False, folder=tmp_path / "borg")
    assert made.acting.init()
    return made


def look(repository: Here, kept: Catalogue, rules: Rules, alarm: turn.Alarm) -> Turn:
    """A turn, with what a gate would tell."""
    return turn.take(repository, Facts(**facts(Path(repository.url))), kept, rules, alarm)  # type: ignore[arg-type]


def save(repository: Here, hours: float) -> str:
    name = f"web1.files.{NOW - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"
    replace(repository, writing=True).create(name, ["live"], cwd=repository.folder.parent)
    return name


def names(repository: Here) -> set[str]:
    return {one.name for one in repository.listed()}


def at(days: float = 0.0) -> Rules:
    return replace(RULES, now=NOW + timedelta(days=days))


HIDE = """
import sys
from borg.helpers import Manifest
from borg.logger import setup_logging
from borg.repository import Repository
setup_logging()
with Repository(sys.argv[1], exclusive=True) as repository:
    manifest, _ = Manifest.load(repository, ())
    for name in list(manifest.archives):
        del manifest.archives[name]
    manifest.write()
    repository.commit(compact=False)
"""


def test_what_was_hidden_behind_a_changed_key_is_missed_and_comes_back(repository: Here) -> None:
    told: list[str] = []
    first, kept = save(repository, 3), Catalogue("web1")
    assert look(repository, kept, RULES, lambda _, what: told.append(what)).new == 1
    assert not told
    env = repository.acting._environment() | {"BORG_NEW_PASSPHRASE": "mine now"}
    run([sys.executable, "-c", HIDE, repository.url], timeout=60, env=env)
    run([str(paths.BORG), "key", "change-passphrase", repository.url], timeout=60, env=env)
    assert "can't be read" in "".join(look(repository, kept, RULES, lambda _, what: told.append(what)).frozen)
    assert len(told) == 1
    plan = back.plan(repository, kept, RULES)
    assert ["put the key back" in step or first in step for step in plan.steps] == [True, True]
    plan.act(kept)
    assert first in names(repository)
    assert back.thaw(repository, kept, RULES, by="carol", why="looked at it") == ()
    assert look(repository, kept, RULES, lambda _, what: told.append(what)).frozen == ()
    assert len(told) == 1


def test_nothing_goes_on_while_something_can_be_got_back(repository: Here) -> None:
    kept = Catalogue("web1")
    kept.note("seen", repository.label, "web1.files.2026-11-22T01:30:00Z", id="a" * 64, stats=None, suspect="")
    with pytest.raises(Refused, match="can be got back"):
        back.thaw(repository, kept, RULES, by="carol", why="no")


def test_what_goes_is_marked_first_and_a_crash_in_between_is_completed(repository: Here) -> None:
    kept = Catalogue("web1")
    old, new = save(repository, 5), save(repository, 4)
    assert look(repository, kept, at(), print).leaving == 1
    assert turn._due(kept.state(repository.label), at(6.9)) == []
    dying = Dies(**{field.name: getattr(repository, field.name) for field in fields(repository)})
    with pytest.raises(KeyboardInterrupt):
        look(dying, kept, at(7.1), print)
    assert names(repository) == {new}
    done = look(repository, Catalogue("web1"), at(7.2), print)
    assert (done.removed, done.frozen) == ((old,), ())
    assert turn._due(Catalogue("web1").state(repository.label), at(9)) == []


def test_what_a_run_left_that_never_ended_goes_when_it_is_dead_and_nothing_else_does(repository: Here) -> None:
    kept, last = Catalogue("web1"), save(repository, 30)
    for hours in (29, 2):
        acting = repository.acting
        name = f"web1.files.{NOW - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}.checkpoint"
        acting.create(name, ["live"], cwd=repository.folder.parent)
    done = look(repository, kept, RULES, print)
    assert [one.endswith("checkpoint") for one in done.removed] == [True]
    assert names(repository) == {last, name}
    assert (done.frozen, look(repository, kept, at(0.01), print).removed) == ((), ())
