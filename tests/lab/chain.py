"""What the tests of the chain share: typing commands, on the control machine and on hosts, and judging errors."""

import json
import os
import re
import shutil
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backups.debts import calendar
from effects.clock import now, wait_until
from effects.run import Result, attempt
from estate.model import Estate, Side
from estate.points import FILES
from estate.problem import Failed
from inventory import load
from lab import Lab
from lab.small import thin
from seawall import wheels

SEAWALL = str(Path(sys.executable).with_name("seawall"))
THERE = "/opt/seawall/bin/seawall"
BORG = "/opt/seawall/bin/borg"
SITES = ("shop.example", "ledger.example", "docs.example")
LIMIT = 400.0  # seconds for the longest command
LOOK = 3.0  # seconds between two looks at what is being saved: each lists both sides, and takes from what it waits for


def typed(lab: Lab, *words: str, estate: Path | None = None) -> Result:
    """A command on the control machine."""
    argv = [SEAWALL, *words, "--estate", str(estate or lab.estate_file)]
    return attempt(argv, timeout=LIMIT)


def on(lab: Lab, host: str, *words: str) -> Result:
    """A command on a managed host, whatever its network."""
    return lab.run(host, [THERE, *words], timeout=LIMIT)


def good(result: Result) -> Any:
    """The JSON document of a command that must succeed."""
    assert result.ok, result.err[-3000:]
    return json.loads(result.out)


def all_told(lab: Lab, host: str = "twin1") -> None:
    """Nothing waits in the host's outbox any more."""
    late = Failed("people are not told", hint=f"on {host}: seawall host tickets; journalctl -u seawall-tickets")
    nothing = 'test -z "$(ls /var/lib/seawall/outbox/waiting)"'
    wait_until(lambda: lab.run(host, nothing).ok, timeout=60, late=late, every=0.3)


def fault(result: Result, code: int, *named: str) -> None:
    """It ended as an operator can act on: the code, who it is about, what to type next, and no traceback."""
    assert result.code == code, f"{result.code}: {result.err[-3000:]}"
    assert "Traceback" not in result.out + result.err
    assert re.search(r"hint: \S", result.err)
    for name in named:
        assert name in result.err


@cache
def _kept() -> TemporaryDirectory[str]:
    """As long as this process lives."""
    return TemporaryDirectory(prefix="seawall-toolkit-")


@cache
def toolkit() -> str:
    """Wheels of this checkout as it is now: who edits it meanwhile changes nothing here.

    SEAWALL_TEST_WHEELS names others, for hosts with another Debian than this machine's.
    """
    return str(shutil.copy(os.environ.get("SEAWALL_TEST_WHEELS") or wheels.toolkit(), _kept().name))


def install(lab: Lab, estate: Path | None = None) -> Result:
    """The toolkit, keys and services."""
    return typed(lab, "install", "--json", "--wheels", toolkit(), estate=estate)


@cache
def prepare(lab: Lab) -> None:
    """Hardened, installed, and the scheduler's first archives taken; once per run."""
    thin(lab)
    good(typed(lab, "harden", "--json"))
    good(install(lab))
    late = Failed("the scheduler never took its first archives", hint="journalctl -u seawall-backup on web1")
    wait_until(lambda: on(lab, "web1", "backup", "status").ok, timeout=400, late=late, every=LOOK)


def archives(lab: Lab) -> set[tuple[str, str]]:
    """Name and side of all that is saved of web1, as its twin reads it: no lock is in its way."""
    found = good(on(lab, "twin1", "backup", "list", "--host=web1", "--json"))
    assert not found["faults"]
    return {(row["name"], row["side"]) for row in found["archives"]}


def estate_of(lab: Lab) -> Estate:
    """The lab's."""
    return load(lab.estate_file)


def todays(lab: Lab) -> Side:
    """The side whose turn it is for files; asked of the rule that was tested by itself."""
    estate = estate_of(lab)
    when = calendar(estate, estate.hosts["web1"], FILES)
    (side,) = when.sides(when.rhythm.slot(now()))
    return side


def add_row(lab: Lab, number: int) -> None:
    """Let a visitor put a row into the ledger."""
    said = lab.run("probe", f"curl -sSf --max-time 10 -d number={number} https://ledger.example/add")
    assert said.ok, said.err


def rows(lab: Lab) -> set[int]:
    """What a visitor reads in the ledger, wherever it is served."""
    said = lab.run("probe", "curl -sSf --max-time 10 https://ledger.example/numbers")
    assert said.ok, said.err
    return {int(number) for number in said.out.split()}
