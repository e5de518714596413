"""What a hundred vhosts cost a run that has nothing to change, against one vhost. As root:

python -m benchmarks.many_vhosts [ROUNDS]
"""

import sys
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

import lab as labs
from benchmarks.against_ansible import NETWORK, SEAWALL, timed
from effects.clock import wait_until
from effects.run import run
from estate.problem import Failed

MANY = 100
GOAL = 2.0  # seconds more
VHOST = """
[vhosts."site{n}.docs.example"]
host = "web1"
user = "site{n}"
runtime = "php"
check = {{ path = "/", expect = "site" }}
"""


def estate(made: labs.Lab, many: int) -> Path:
    """The lab's own, with that many vhosts more, beside it: its keys are relative to it."""
    path = made.directory / f"estate-{many}.toml"
    more = "".join(VHOST.format(n=n) for n in range(many))
    path.write_text(made.estate_file.read_text(encoding="utf-8") + more, encoding="utf-8")
    return path


def harden(path: Path) -> None:
    run([SEAWALL, "harden", "web1", "--estate", str(path)], timeout=1200)


def spent(made: labs.Lab) -> float:
    """Seconds of processor time so far: of what was started here and has ended, and of all on web1.

    On a machine that does other things as well, time says more of these things.
    """
    (stat,) = (path for path in Path("/sys/fs/cgroup").glob(f"**/{made.plan.namespace('web1')}/cpu.stat"))
    there = dict(line.split() for line in stat.read_text(encoding="ascii").splitlines())
    here = getrusage(RUSAGE_CHILDREN)
    return here.ru_utime + here.ru_stime + int(there["usage_usec"]) / 1e6


def settled(made: labs.Lab) -> None:
    """What a run that changed something has started on the host is over: AIDE, which looks at every file."""
    late = Failed("AIDE did not end", hint="look at seawall-aide.service")
    wait_until(lambda: not made.run("web1", "pgrep -x aide").ok, timeout=600, late=late)


def main(rounds: int) -> None:
    made = labs.up("bench", NETWORK, hosts=("web1", "probe"))
    figures, work = {}, {}
    for many in (1, MANY):
        path = estate(made, many)
        first = timed(partial(harden, path))
        settled(made)
        before = spent(made)
        figures[many] = median(timed(partial(harden, path)) for _ in range(rounds))
        work[many] = (spent(made) - before) / rounds
        print(f"{many:>4} vhosts more: first run {first:6.2f} s, without changes {figures[many]:5.2f} s"
              f", {work[many]:.2f} s of processor time")  # fmt: skip
    more = figures[MANY] - figures[1]
    verdict = "reached" if more <= GOAL else "missed"
    print(f"a hundred cost {more:.2f} s more (ratio {figures[MANY] / figures[1]:.2f}), goal {GOAL:.0f} s {verdict}"
          f"; {work[MANY] - work[1]:.2f} s of processor time")  # fmt: skip
    made.down()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
