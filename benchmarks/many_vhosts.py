"""What a hundred vhosts cost a run that has nothing to change, against one vhost. As root:

python -m benchmarks.many_vhosts [ROUNDS]
"""

import sys
from functools import partial
from pathlib import Path
from statistics import median

import lab as labs
from benchmarks.against_ansible import NETWORK, SEAWALL, timed
from effects.run import run

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


def main(rounds: int) -> None:
    made = labs.up("bench", NETWORK, hosts=("web1", "probe"))
    figures = {}
    for many in (1, MANY):
        path = estate(made, many)
        first = timed(partial(harden, path))
        figures[many] = median(timed(partial(harden, path)) for _ in range(rounds))
        print(f"{many:>4} vhosts more: first run {first:6.2f} s, without changes {figures[many]:5.2f} s")
    more = figures[MANY] - figures[1]
    verdict = "reached" if more <= GOAL else "missed"
    print(f"a hundred cost {more:.2f} s more (ratio {figures[MANY] / figures[1]:.2f}), goal {GOAL:.0f} s {verdict}")
    made.down()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
