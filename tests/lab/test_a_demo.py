"""The demo is a test: the whole path, as a user types it. It runs first, while no other lab is up."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from effects.run import attempt, run

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]
NAME = os.environ.get("SEAWALL_TEST_LAB", "test") + "d"
NETWORK = int(os.environ.get("SEAWALL_TEST_NETWORK", "78")) + 22


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    before = machine()
    argv = [sys.executable, "-m", "lab.demo", f"--name={NAME}", f"--network={NETWORK}", f"--out={folder}", "--small"]
    done = attempt(argv, timeout=1400)
    assert done.code == 0, done.err[-6000:]
    assert machine() == before, "the demo left something behind"
    return folder


def machine() -> list[str]:
    """Namespaces, links and mounts of this machine."""
    looks = (["ip", "netns"], ["ip", "-o", "link"], ["findmnt", "-rno", "TARGET"])
    return sorted(line for look in looks for line in run(look, timeout=30).splitlines() if NAME in line)


@pytest.fixture(scope="module")
def figures(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "report.json").read_text())
    return found


def test_every_site_comes_back_and_returns(figures: dict[str, Any]) -> None:
    assert figures["ok"] is True
    assert set(figures["vhosts"]) == {"shop.example", "ledger.example", "docs.example"}
    for row in figures["vhosts"].values():
        assert row["rto_seconds"] > 0
    assert figures["vhosts"]["docs.example"]["rpo_seconds"] > 0  # its files were saved before the loss


def test_what_was_lost_is_counted_and_nothing_is_lost_afterwards(figures: dict[str, Any]) -> None:
    """What counts is tried by itself (test_lab): of rows that the stream brings back, none may be missing."""
    ledger = figures["vhosts"]["ledger.example"]
    assert ledger["rpo_seconds"] <= 5  # the goal for databases, with the newest snapshot older than that
    assert ledger["rows_acknowledged"] > ledger["rows_lost"] + 40
    assert ledger["rows_lost_later"] == 0


def test_hardening_reaches_every_host_and_a_second_run_changes_nothing(figures: dict[str, Any]) -> None:
    first, second = figures["hardening"]
    assert first["hosts"] == second["hosts"] == 7
    assert first["changes"] > 0
    assert second["changes"] == 0


def test_the_page_stands_alone_and_shows_a_timeline(out: Path) -> None:
    page = (out / "report.html").read_text()
    assert "<svg" in page
    assert "src=" not in page
    assert "ledger.example" in page
