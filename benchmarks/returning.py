"""What a return costs visitors, with ten writes a second against the twin all along: counted, round by round.

    python -m benchmarks.returning LAB --rounds 3

LAB is a lab that is up, hardened, installed and saved (docs/lab.md). A round cuts production's datacenter, activates,
heals it, and returns; meanwhile a visitor adds a row to the ledger each 100 ms, and others ask for each site each 200.

lost      rows that were acknowledged and are not on production afterwards
frozen    per site, from the first answer that is no page to the first page after the last of those
delta     the time of the final delta: what was written between the copy ahead and the freeze, saved and brought
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

import lab as labs
from benchmarks.kills import activate, ordered
from drp import drive
from drp.incident import Act, Run
from effects.clock import wait_until
from effects.journal import Entry, parse
from estate.model import Estate
from estate.problem import Failed
from inventory import load
from lab import Lab, visitor, writer
from lab.layout import SITES

MOVING = ("save", "files", "database")  # steps that move the final delta
UNIT = "seawall-asks-{}.service"
ASKING = """while :; do at=$(date +%s.%N)
printf '%s %s\\n' $at "$(curl -so /dev/null --max-time 5 -w '%{http_code}' https://DOMAIN/)"; sleep 0.2
done > /run/asked.DOMAIN"""
GOAL = 30.0  # seconds, beside the final delta


def ask_all(lab: Lab) -> None:
    """Somebody asks for each site, again and again."""
    for domain in SITES:
        unit, loop = UNIT.format(domain), ASKING.replace("DOMAIN", domain)
        lab.run("probe", ["systemd-run", f"--unit={unit}", "--collect", "--quiet", "sh", "-c", loop])


def answers(lab: Lab) -> dict[str, float]:
    """Nobody asks any more; seconds that each site was frozen."""
    for domain in SITES:
        lab.run("probe", ["systemctl", "stop", UNIT.format(domain)])
    return {domain: frozen(lab.run("probe", ["cat", f"/run/asked.{domain}"]).out) for domain in SITES}


def frozen(text: str) -> float:
    """From the first answer that is no page to the first page after the last one that is none."""
    rows = [(float(at), code == "200") for at, code in (line.split() for line in text.split("\n")[:-1])]
    bad = [number for number, (_, page) in enumerate(rows) if not page]
    if not bad:
        return 0.0
    return rows[min(bad[-1] + 1, len(rows) - 1)][0] - rows[bad[0]][0]


def acts(lab: Lab, host: str, kind: str) -> tuple[Act, ...]:
    """The steps of the newest job of that kind there."""
    name = lab.run(host, f"cd /var/lib/seawall/drp && ls -tr | grep ^{kind}-").out.split()[-1]
    return Run.of(parse(lab.run(host, f"cat /var/lib/seawall/drp/{name}/journal.jsonl").out, name=name)).acts


def delta(steps: Mapping[str, Sequence[Act]]) -> float:
    """Seconds in which something of the final delta was moved, after the freeze."""
    begun = next(act.start for act in steps["withdraw"] if act.step == "freeze")
    spans = sorted((a.start, a.end) for mine in steps.values() for a in mine if a.step in MOVING and a.start >= begun)
    total, until = 0.0, begun
    for start, end in spans:
        total += max(0.0, (end - max(start, until)).total_seconds())
        until = max(until, end)
    return total


def measured(lab: Lab, estate: Estate) -> bool:
    """One round; whether it kept both promises."""
    activate(lab, estate)
    with drive.Hand(estate, estate.hosts["twin1"]) as twin, drive.Hand(estate, estate.hosts["web1"]) as home:
        found_at(lab, "twin1")
        writer.start(lab, every=0.1)
        ask_all(lab)
        drive.bring_home(twin, home, ordered(lab, estate, twin, "return"), _quiet)
    found_at(lab, "web1")
    writer.stop(lab)
    seconds, rows = answers(lab), writer.counted(lab)
    for kind in ("files", "databases"):  # a loss before production's first snapshot is another question
        lab.run("web1", ["/opt/seawall/bin/seawall", "backup", kind])
    steps = {k: acts(lab, h, k) for h, k in (("twin1", "withdraw"), ("web1", "restore"), ("twin1", "redirect"))}
    moved = delta(steps)
    for kind, mine in steps.items():
        print(
            kind, *(f"{act.step} {act.subject} {act.seconds:.1f}" for act in mine if act.seconds > 0.05), sep="\n    "
        )
    print("frozen", *(f"{domain} {gone:.1f} s" for domain, gone in seconds.items()), sep="  ")
    print(f"final delta {moved:.1f} s; {rows.acknowledged} acknowledged, lost {list(rows.lost)}", flush=True)
    return not rows.lost and max(seconds.values()) <= moved + GOAL


def found_at(lab: Lab, host: str) -> None:
    """A visitor finds all of them there."""
    addresses = lab.plan.addresses(host)
    for domain in SITES:
        late = Failed(f"{domain} is not found at {host}", hint="look at the probe")
        wait_until(lambda name=domain: visitor.visit(lab, name).address in addresses, timeout=60, late=late)  # type: ignore[misc]


def main(name: str, rounds: int) -> int:
    """Print each round; 1 where one broke a promise."""
    lab = labs.load(name)
    kept = [measured(lab, load(lab.estate_file)) for _ in range(rounds)]
    print(f"{sum(kept)} of {rounds} rounds: nothing lost, frozen for the delta and {GOAL:.0f} s at most")
    return 0 if all(kept) else 1


def _quiet(host: str, one: Entry) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    words = argparse.ArgumentParser(description="What a return costs visitors, and whether it loses anything.")
    words.add_argument("lab")
    words.add_argument("--rounds", type=int, default=3)
    asked = words.parse_args()
    sys.exit(main(asked.lab, asked.rounds))
