"""A run that has nothing to change: Seawall against Ansible, on one host and on four. As root:

python -m benchmarks.against_ansible [ROUNDS]
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import lab as labs
from benchmarks.peer import Peer, changes, prepare
from effects.clock import Stopwatch
from effects.run import run

HOSTS = ("web1", "twin1", "vault-even", "vault-odd")
CACHE = Path("/var/cache/seawall-benchmarks")
SEAWALL = str(Path(sys.executable).with_name("seawall"))
GOALS = {1: 5.0, 4: 8.0}  # how many hosts: times as fast
NETWORK = 99  # of their lab: 10.99.0.0/16


def timed(act: Callable[[], object]) -> float:
    watch = Stopwatch()
    act()
    return watch.seconds


def compare(made: labs.Lab, peer: Peer, hosts: tuple[str, ...], rounds: int) -> None:
    """Alternately, so that what else the machine does meets both."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(timed(lambda: run([SEAWALL, "harden", *hosts, "--estate", str(made.estate_file)], timeout=600)))
        theirs.append(timed(lambda: peer.play(hosts)))
    ratio = median(theirs) / median(ours)
    goal = "reached" if ratio >= GOALS[len(hosts)] else "missed"
    print(f"{len(hosts)} host(s): seawall {median(ours):6.2f} s ({min(ours):.2f} to {max(ours):.2f})"
          f"   ansible {median(theirs):6.2f} s ({min(theirs):.2f} to {max(theirs):.2f})"
          f"   ratio {ratio:.1f}, goal {GOALS[len(hosts)]:.0f} {goal}")  # fmt: skip


def main(rounds: int) -> None:
    made = labs.up("bench", NETWORK, hosts=(*HOSTS, "probe"))
    first = timed(lambda: run([SEAWALL, "harden", *HOSTS, "--estate", str(made.estate_file)], timeout=900))
    print(f"first run, {len(HOSTS)} hosts: seawall {first:.1f} s")
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as folder:
        peer = prepare(made, HOSTS, CACHE, Path(folder))
        found, again = changes(peer.play(HOSTS)), changes(peer.play(HOSTS))
        print(f"ansible on hosts that seawall has hardened: {found} changes; on its second run: {again}")
        for hosts in (HOSTS[:1], HOSTS):
            compare(made, peer, hosts, rounds)
    made.down()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
