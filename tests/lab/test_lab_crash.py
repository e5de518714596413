"""A lab whose maker was killed leaves nothing behind once it is taken down."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import lab
from effects import clock
from effects.run import run
from estate.problem import Missing, Problem
from lab.record import REMOVERS, Record

pytestmark = pytest.mark.lab
NAME, NETWORK = "crash", 231
MARK = f"sw-{NAME}"
STATE = Path(f"/var/lib/seawall-lab/{NAME}")


def traces() -> dict[str, list[str]]:
    """Everything on this machine that bears the lab's name."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    groups = [str(path) for top in Path("/sys/fs/cgroup").glob("**") for path in [top] if path.name.startswith(MARK)]
    commands = run(["ps", "-e", "-o", "args"], timeout=10).splitlines()
    return {
        "namespaces": [name for name in run(["ip", "netns"], timeout=10).split() if name.startswith(MARK)],
        "mounts": [line for line in mounts if MARK in line or f"{STATE}/" in line],
        "links": [path.name for path in Path("/sys/class/net").iterdir() if path.name.startswith(MARK)],
        "routes": [line for line in run(["ip", "route"], timeout=10).splitlines() if f"10.{NETWORK}." in line],
        "groups": groups,
        "processes": [command for command in commands if f"--machine={MARK}" in command],
        "left by nspawn": [str(path) for path in Path("/run/systemd/nspawn").glob(f"*/{MARK}*")],
        "state": [str(STATE)] if STATE.exists() else [],
    }


def kill_when(kind: str, count: int) -> None:
    """Start `up`, and kill it the moment it has written down `count` things of `kind`."""
    script = f"import lab; lab.up({NAME!r}, {NETWORK})"
    with subprocess.Popen([sys.executable, "-c", script], start_new_session=True) as process:
        record = Record(STATE / "record.jsonl")
        reached = lambda: len(record.entries(kind)) >= count or process.poll() is not None  # noqa: E731
        late = Problem(f"up never came to {count} of {kind}", hint="run it by hand")
        clock.wait_until(reached, timeout=300, late=late, every=0.01)
        process.kill()
    assert process.returncode == -signal.SIGKILL, "up ended before it could be killed"


@pytest.mark.parametrize(("kind", "count"), [("namespace", 3), ("mount", 4), ("process", 2), ("process", 7)])
def test_what_a_killed_up_has_made_is_removed_by_down(kind: str, count: int) -> None:
    kill_when(kind, count)
    assert any(traces().values())
    lab.load(NAME).down()
    assert not any(traces().values()), traces()


def test_up_removes_what_a_killed_up_has_left_and_down_leaves_nothing() -> None:
    kill_when("process", 3)
    said: list[str] = []
    again = lab.up(NAME, NETWORK, say=said.append)
    assert said[0] == f"removing what is left of {NAME}"
    assert all(host.running for host in again.status())
    again.down()
    assert not any(traces().values()), traces()
    with pytest.raises(Missing, match="no lab crash"):
        lab.load(NAME)


SLOW_TO_END = """
import threading, time
block = bytearray(500 * 2**20)
block[::4096] = b"x" * len(block[::4096])
[threading.Thread(target=time.sleep, args=(600,)).start() for _ in range(20)]
print("ready", flush=True)
"""


def test_a_control_group_is_removed_although_its_last_process_is_slow_to_end() -> None:
    group = Path(f"/sys/fs/cgroup/unified/{MARK}-group")
    leaf = group / "payload" / "database.service"
    with subprocess.Popen([sys.executable, "-c", SLOW_TO_END], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        leaf.mkdir(parents=True)
        (leaf / "cgroup.procs").write_text(str(process.pid))
        REMOVERS["cgroup"](str(group))
    assert process.returncode == -signal.SIGKILL
    assert not group.exists()
