"""How much of what was acknowledged is lost with a datacenter: counted, round by round.

    PYTHONPATH=.:tests:tests/lab python -m benchmarks.rpo LAB --rounds 20

LAB is a lab that is up, hardened and installed (docs/lab.md). 100 transactions a second go into each database server of
web1. A round cuts web1's datacenter, production and one backup server, at a random moment, and counts what was promised
and is not there: in the twin's replica, which an activation would promote, and, brought back from the surviving side
with `seawall backup restore --latest`, in the snapshot and its stream. A round's loss is the time from the commit of
the first row that is missing to the cut; nothing missing is 0.
"""

import argparse
import json
import random
import time

from replicas import held, wait_following
from streaming import DATABASES, asked, drop, restored, start_writer, stop_writer, wait_flowing, written

import lab as labs
from effects.clock import Stopwatch
from lab import Lab


def measured(lab: Lab, number: int) -> dict[str, dict[str, float]]:
    """One round: by engine, seconds lost from the twin and from a side, seconds until that was back."""
    start_writer(lab, number * 1_000_000)
    wait_flowing(lab, "even", "odd")
    wait_following(lab)
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
    from_twin = _loss(promised, held(lab, engine, "SELECT n FROM w"), cut)
    watch = Stopwatch()
    found = restored(lab, DATABASES[engine], "--latest")
    seconds = watch.seconds
    from_side = _loss(promised, asked(lab, "twin1", engine, found["into"], "SELECT n FROM w"), cut)
    drop(lab, engine, found["into"])
    return {"twin_lost_s": from_twin, "side_lost_s": from_side, "restore_s": seconds}


def _loss(promised: dict[int, float], rows: list[str], cut: float) -> float:
    there = {int(row) for row in rows}
    return cut - min([at for n, at in promised.items() if n not in there], default=cut)


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
    print(f"{'seconds lost':>12} {'from':>10} {'p50':>6} {'p99':>6} {'most':>6}   of {rounds} rounds")
    for engine in DATABASES:
        for place in ("twin", "side"):
            lost = [one[engine][f"{place}_lost_s"] for one in found]
            most = [percentile(lost, 0.5), percentile(lost, 0.99), max(lost)]
            print(
                f"{engine:>12} {f'the {place}' if place == 'twin' else 'a side':>10}", *(f"{one:6.2f}" for one in most)
            )
        back = percentile([one[engine]["restore_s"] for one in found], 0.5)
        print(f"{engine:>12} from a side back in {back:.1f} s (p50)")


if __name__ == "__main__":
    words = argparse.ArgumentParser(description="What a lost datacenter costs of acknowledged transactions.")
    words.add_argument("lab")
    words.add_argument("--rounds", type=int, default=20)
    asked_for = words.parse_args()
    main(asked_for.lab, asked_for.rounds)
