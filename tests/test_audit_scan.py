"""A scanner that stops for ever is ended and asked once more: our shell, with a scanner of the test's."""

from pathlib import Path

import pytest

from effects.run import Result, attempt
from supervision.audit import OSCAP

STUCK = """#!/bin/sh
[ "$1" != --version ] || { echo "OpenSCAP command line tool (oscap) 1.3.7"; exit; }
echo >> called
[ $(wc -l < called) -gt STOPS ] || { exec sleep 60; }
echo found > cis.xml
exit CODE
"""


def scan(folder: Path, *, stops: int, code: int) -> Result:
    program = folder / "oscap"
    program.write_text(STUCK.replace("STOPS", str(stops)).replace("CODE", str(code)), encoding="utf-8")
    program.chmod(0o755)
    command = OSCAP.format(folder=folder, name="cis", profile="any", patience=5, pause=0.05)
    return attempt(["sh", "-c", command], timeout=30, env={"PATH": f"{folder}:/usr/bin:/bin"})


@pytest.mark.parametrize(("stops", "code"), [(0, 0), (0, 2), (1, 2)])
def test_one_that_comes_to_its_end_is_taken_also_when_it_stopped_before(tmp_path: Path, stops: int, code: int) -> None:
    done = scan(tmp_path, stops=stops, code=code)
    assert (done.code, done.out) == (0, "1.3.7\n"), done.err
    assert (tmp_path / "cis.xml").read_text(encoding="utf-8") == "found\n"
    assert len((tmp_path / "called").read_text(encoding="utf-8")) == stops + 1


def test_one_that_stops_twice_or_fails_is_said(tmp_path: Path) -> None:
    assert scan(tmp_path, stops=2, code=0).err == "oscap stopped twice\n"
    (tmp_path / "called").unlink()
    assert scan(tmp_path, stops=0, code=1).code == 1
