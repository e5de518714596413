"""A job is watched from afar by what its journal has become since the last look."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from drp import job as jobs
from drp.drive import Hand
from effects.journal import Journal, parse
from effects.run import Result, attempt

JOB = "activate-0123456789ab"


class Here:
    """This machine as if it were another, on which the unit is `state`."""

    def __init__(self, folder: Path, state: str) -> None:
        (folder / "systemctl").write_text(f"#!/bin/sh\necho {state}\n", encoding="utf-8")
        (folder / "systemctl").chmod(0o755)
        self._env = {"PATH": f"{folder}:/usr/bin:/bin"}
        self.heard = 0  # characters

    def attempt(self, argv: Sequence[str], *, timeout: float, stdin: str | None) -> Result:
        said = attempt(argv, timeout=timeout, env=self._env, stdin=stdin)
        self.heard = len(said.out)
        return said


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.setattr(jobs, "DIRECTORY", tmp_path)
    return Journal(tmp_path / JOB / "journal.jsonl")


def hand(here: Here) -> Hand:
    found = object.__new__(Hand)
    found.host, found.remote = SimpleNamespace(name="twin1"), here  # type: ignore[assignment]
    return found


def test_each_look_brings_what_is_new_and_a_torn_line_again(book: Journal, tmp_path: Path) -> None:
    here = Here(tmp_path, "active")
    assert hand(here).standing(JOB) == (True, "")  # ordered, and not begun yet
    known = ""
    for number in range(3):
        book.write("begun", "files", f"v{number}")
        _, known = hand(here).standing(JOB, known)
        assert parse(known, name=JOB) == book.entries()
    assert here.heard < len(known)
    with book.path.open("a", encoding="ascii") as stream:
        stream.write('{"torn')
    _, known = hand(here).standing(JOB, known)
    assert parse(known, name=JOB) == book.entries()
    Journal(book.path).write("opened")  # the next run cuts it off
    _, known = hand(here).standing(JOB, known)
    assert parse(known, name=JOB) == Journal(book.path).entries()
    assert len(parse(known, name=JOB)) == 4


@pytest.mark.parametrize(
    ("state", "runs"), [("activating", True), ("deactivating", True), ("inactive", False), ("failed", False)]
)
def test_it_runs_until_systemd_says_that_it_is_over(book: Journal, tmp_path: Path, state: str, runs: bool) -> None:
    book.write("opened")
    assert hand(Here(tmp_path, state)).standing(JOB)[0] is runs
