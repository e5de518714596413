"""An activation that people cancel, what comes after it, and a return whose command dies while visitors get 503."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from chain import fault, good, on, prepare, typed
from streaming import asked, wait_flowing
from test_x3_recovery import activate, by, driven, jobs, journal, served

from effects.clock import wait_until
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

LEDGER = "ledger.example"
LOCK = "/var/lib/seawall/replicas/postgresql.lock"  # whoever brings PostgreSQL has it
UNIT = "seawall-test-lock"
BEGUN = "ls /var/lib/seawall/drp"


@pytest.fixture(autouse=True)
def ready(lab: Lab) -> None:
    prepare(lab)


@contextmanager
def waiting(lab: Lab) -> Iterator[None]:
    """No order comes further than to its database, and so to DNS."""
    assert lab.run("twin1", f"systemd-run -q --collect --unit={UNIT} flock {LOCK} sleep infinity").ok
    late = Failed("nobody waits for the lock", hint="look at the twin")
    wait_until(lambda: not lab.run("twin1", f"flock -n {LOCK} true").ok, timeout=60, late=late, every=0.2)
    try:
        yield
    finally:
        lab.run("twin1", f"systemctl stop {UNIT}")


def reached(lab: Lab, job: str, event: str, step: str) -> None:
    """The job has come that far."""
    late = Failed(f"{job} never came to {event} {step}", hint="look at its journal")
    there = f'grep -q \'"event":"{event}".*"step":"{step}"\' /var/lib/seawall/drp/{job}/journal.jsonl'
    wait_until(lambda: lab.run("twin1", there).ok, timeout=120, late=late, every=0.1)


def wrote(lab: Lab, host: str) -> set[str]:
    return set(asked(lab, host, "postgresql", "ledger", "SELECT n FROM cancelled"))


def planned(lab: Lab) -> str:
    seal: str = good(typed(lab, "drp", "plan", f"--vhost={LEDGER}", "--json"))["seal"]
    return seal


def ended(command: "subprocess.Popen[str]") -> None:
    said, _ = command.communicate(timeout=300)
    assert command.returncode == 0, said[-3000:]


def test_production_goes_on_and_the_next_order_has_all_that_it_wrote(lab: Lab) -> None:
    lab.run("web1", "systemctl stop seawall-backup; systemctl start seawall-stream")  # no newer snapshot comes between
    good(on(lab, "web1", "backup", "databases", "--json"))
    wait_flowing(lab, "even", "odd")
    asked(
        lab,
        "web1",
        "postgresql",
        "ledger",
        "CREATE TABLE cancelled (n int PRIMARY KEY); INSERT INTO cancelled VALUES (1)",
    )
    seal = planned(lab)
    job = f"activate-{seal[:12]}"
    with waiting(lab):
        begun = typed(lab, "drp", "activate", f"--seal={seal}", *by(lab), "--detach")
        assert begun.ok, begun.err[-3000:]
        reached(lab, job, "begun", "database")
        cancel = driven(lab, "cancel", *by(lab), "--yes")
        late = Failed("nobody cancels it", hint="look at the twin")
        shut = f"test -e /var/lib/seawall/drp/{job}/cancelled"
        wait_until(lambda: lab.run("twin1", shut).ok, timeout=60, late=late, every=0.1)
    ended(cancel)  # what was under way came to its end first
    assert not [entry for entry in journal(lab, "twin1", job) if entry.step == "dns"]
    states = {row["job"]: row["state"] for row in good(typed(lab, "drp", "status", "--json"))["jobs"]}
    assert states[job] == "cancelled"
    fault(activate(lab, seal), 6, "was cancelled")
    served(lab, "web1", LEDGER)
    asked(lab, "web1", "postgresql", "ledger", "INSERT INTO cancelled VALUES (2)")
    wait_flowing(lab, "even", "odd")
    done = activate(lab, planned(lab))
    assert done.ok, done.err[-3000:]
    served(lab, "twin1", LEDGER)
    assert wrote(lab, "twin1") == {"1", "2"}


def test_a_cancel_and_a_return_ask_for_production_before_anything(lab: Lab) -> None:
    before = lab.run("twin1", BEGUN).out
    lab.cut("limburg")
    try:
        for what in ("cancel", "return"):
            fault(typed(lab, "drp", what, *by(lab), "--yes"), 4, "web1")
    finally:
        lab.heal("limburg")
    assert lab.run("twin1", BEGUN).out == before


def test_a_return_whose_command_died_after_the_freeze_is_told_and_goes_on(lab: Lab) -> None:
    before = jobs(lab, "twin1", "withdraw")
    command = driven(lab, "return", *by(lab), "--yes")
    late = Failed("it is never ordered", hint="look at the twin")
    wait_until(lambda: len(jobs(lab, "twin1", "withdraw")) > len(before), timeout=300, late=late, every=0.1)
    (withdrawn,) = set(jobs(lab, "twin1", "withdraw")) - set(before)
    reached(lab, withdrawn, "done", "freeze")
    command.send_signal(signal.SIGKILL)
    command.communicate(timeout=30)
    reached(lab, withdrawn, "closed", "")
    half = good(typed(lab, "drp", "status", "--json"))["halfway"]
    assert (half["job"], half["domains"]) == (withdrawn, [LEDGER])
    assert "503 since" in half["said"]
    check = typed(lab, "drp", "status", "--check")
    assert check.code == 2
    assert "503 since" in check.out
    assert "IT WAS BEGUN" in typed(lab, "drp", "return").err
    ended(driven(lab, "return", "--yes"))
    served(lab, "web1", LEDGER)
    assert wrote(lab, "web1") == {"1", "2"}
    assert good(typed(lab, "drp", "status", "--json"))["halfway"] is None
    lab.run("web1", "systemctl start seawall-backup")
