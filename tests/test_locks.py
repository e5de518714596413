"""A lock is held as long as its process lives; where it says so, as long as what that process started does."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backups import paths
from backups.proof.alone import alone
from effects import files
from effects.clock import wait_until
from estate.problem import Failed, Refused

HOLD = """
import sys
from pathlib import Path
from effects import files, run
with files.locked(Path(sys.argv[1]), what="a run", inherited=sys.argv[2] == "True"):
    run.attempt(["sh", "-c", "echo $$ > $0.child; exec sleep 60", sys.argv[1]], timeout=60)
"""
LATE = Failed("it did not come to that", hint="look at the test")


@pytest.mark.parametrize("inherited", [True, False])
def test_what_a_killed_run_has_started_holds_its_lock_where_it_was_told_to(tmp_path: Path, inherited: bool) -> None:
    lock, child = tmp_path / "lock", tmp_path / "lock.child"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(lock), str(inherited)]) as run:
        wait_until(lambda: child.exists() and child.read_text(encoding="ascii").strip() != "", timeout=20, late=LATE)
        run.kill()
    try:
        if inherited:
            with pytest.raises(Refused, match="a run is already running here"), files.locked(lock, what="a run"):
                pass
    finally:
        os.kill(int(child.read_text(encoding="ascii")), signal.SIGKILL)
    with files.locked(lock, what="a run", wait=10):
        pass


def test_who_has_to_wait_for_another_proof_is_told_and_comes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path)
    said: list[str] = []
    with alone(said.append):
        with pytest.raises(Refused, match="a proof is already running here"), alone(said.append, wait=0.1):
            pass
        assert len(said) == 1
        after = threading.Thread(target=_prove, args=(said,))
        after.start()
        wait_until(lambda: len(said) == 2, timeout=20, late=LATE)
    after.join(timeout=20)
    assert said[2:] == ["proven"]


def _prove(said: list[str]) -> None:
    with alone(said.append):
        said.append("proven")
