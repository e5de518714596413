"""How much of what was acknowledged is lost with a datacenter: counted, round by round.

    PYTHONPATH=.:tests:tests/lab python -m benchmarks.rpo LAB ROUNDS

LAB is a lab that is up, hardened and installed (docs/lab.md). 100 transactions a second go into each database server of
web1. A round cuts web1's datacenter, production and one backup server, at a random moment; brings both databases back
from the surviving side with `seawall backup restore --latest`; and counts which acknowledged rows are not there. The
loss of a round is the time from the commit of the first row that is missing to the cut; nothing missing is 0.
"""

import json
import random
import sys
import time

from streaming import DATABASES, asked, drop, restored, start_writer, stop_writer, wait_flowing, written

import lab as labs
from effects.clock import Stopwatch
from lab import Lab


def measured(lab: Lab, number: int) -> dict[str, dict[str, float]]:
    """One round: by engine, seconds lost, rows lost, seconds until it was back."""
    start_writer(lab, number * 1_000_000)
    wait_flowing(lab, "even", "odd")
    time.sleep(random.uniform(0, 2))  # noqa: S311  a moment that has nothing to do with ours
    lab.cut("limburg")
    cut = time.time()
    try:
        return {engine: _counted(lab, engine, cut) for engine in DATABASES}
    finally:
        lab.heal("limburg")
        stop_writer(lab)


def _counted(lab: Lab, engine: str, cut: float) -> dict[str, float]:
    promised = {n: at for n, at in written(lab, engine).items() if at <= cut}
    watch = Stopwatch()
    found = restored(lab, DATABASES[engine], "--latest")
    seconds = watch.seconds
    there = {int(row) for row in asked(lab, "twin1", engine, found["into"], "SELECT n FROM w")}
    drop(lab, engine, found["into"])
    lost = [at for n, at in promised.items() if n not in there]
    return {"lost_s": cut - min(lost) if lost else 0.0, "lost_rows": len(lost), "restore_s": seconds}


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000 * len(ordered)) // 1000) - 1))]


def main(name: str, rounds: int) -> None:
    """Print each round, and what it comes to."""
    lab, found = labs.load(name), []
    for number in range(rounds):
        found.append(measured(lab, number + 10))
        print(json.dumps(found[-1]), flush=True)
    for engine in DATABASES:
        lost = [one[engine]["lost_s"] for one in found]
        back = percentile([one[engine]["restore_s"] for one in found], 0.5)
        print(
            f"{engine}: {rounds} rounds, seconds lost: p50 {percentile(lost, 0.5):.2f},"
            f" p99 {percentile(lost, 0.99):.2f}, most {max(lost):.2f}; back in {back:.1f} s (p50)"
        )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
