"""Does an activation come to the same end however often its engine is killed? Counted, round by round.

    python -m benchmarks.kills LAB --rounds 5

LAB is a lab that is up, hardened, installed and saved (docs/lab.md). The first round cuts production's datacenter and
activates undisturbed. Each further round kills the engine with SIGKILL, all of its processes or the main one alone,
when a step begins or ends that had not before, at once or up to a second and a half later. A round ends with a return.

Held against the first round: files of the vhosts, rows of both databases, sites that are switched on, units that run,
DNS. Held against the journal: every entry that was read before a kill is still there after it.
"""

import argparse
import random
import sys
import time

import lab as labs
from drp import drive
from drp.orders import NAMESPACE, Signed
from effects import signatures
from effects.journal import Entry, parse
from estate.model import Estate
from inventory import load
from lab import Lab

STATE = r"""
cd /srv/vhosts && find [a-z]* -xdev -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum
runuser -u postgres -- pg_dump --data-only --restrict-key=k ledger 2> /dev/null | sha256sum
mariadb --batch --skip-column-names shop -e 'SELECT COUNT(*), MAX(ID) FROM wp_posts'
ls /etc/nginx/sites-enabled
systemctl is-active nginx mariadb postgresql seawall-backup seawall-stream
for name in shop ledger docs; do dig +short @NS $name.example A; done
"""


def ordered(lab: Lab, estate: Estate, twin: drive.Hand, aim: str) -> Signed:
    """An order by alice, as the twin drafts it."""
    seal = twin.ask("plan", *(["--return"] if aim == "return" else []))["seal"]
    text = twin.ask("order", aim, f"--seal={seal}", "--by=alice", "--hours=1")["order"]
    key = lab.approver("alice")
    return Signed(text, {"alice": signatures.sign(text, estate.drp.approvers["alice"], NAMESPACE, key=key)})


def entries(lab: Lab, job: str) -> tuple[Entry, ...]:
    """What its journal acknowledged so far; the chain is verified."""
    return parse(lab.run("twin1", f"cat /var/lib/seawall/drp/{job}/journal.jsonl 2> /dev/null").out, name=job)


def activate(lab: Lab, estate: Estate, twin: drive.Hand, *, kill: bool) -> tuple[int, int]:
    """Carried out to its end; kills, and entries in its journal."""
    signed = ordered(lab, estate, twin, "activate")
    job = drive.begin(twin, drive.JobKind.ACTIVATE, signed, signed.order.seal)
    twin.ask("start", job)
    seen: tuple[Entry, ...] = ()
    boundaries: set[tuple[str, str, str]] = set()
    kills = 0
    while not (seen and seen[-1].event == "closed"):
        known = entries(lab, job)
        assert known[: len(seen)] == seen, "an acknowledged entry is gone"
        new = {(one.event, one.step, one.subject) for one in known} - boundaries
        if kill and new and known[-1].event != "closed":
            time.sleep(random.choice((0.0, random.uniform(0, 1.5))))  # noqa: S311  there, or inside of a step
            whom = random.choice(("all", "main"))  # noqa: S311
            lab.run("twin1", f"systemctl kill --kill-whom={whom} -s KILL seawall-drp@{job}.service")
            kills += 1
        seen, boundaries = known, boundaries | new
        time.sleep(0.05)
    assert seen[-1].detail["ok"] is True, seen[-1].detail
    return kills, len(seen)


def state(lab: Lab) -> str:
    """What the world is afterwards."""
    return lab.run("twin1", STATE.replace("NS", str(load(lab.estate_file).hosts["ns2"].ipv4))).out


def main(name: str, rounds: int) -> int:
    """Print each round; 1 where one ended elsewhere."""
    lab = labs.load(name)
    estate = load(lab.estate_file)
    first, total, odd = "", 0, 0
    for number in range(rounds + 1):
        lab.cut("limburg")
        with drive.Hand(estate, estate.hosts["twin1"]) as twin:
            kills, written = activate(lab, estate, twin, kill=number > 0)
            lab.heal("limburg")
            found = state(lab)
            first = first or found
            total, odd = total + kills, odd + (found != first)
            said = "as undisturbed" if found == first else found
            print(f"round {number}: {kills} kills, {written} entries, {said}", flush=True)
            with drive.Hand(estate, estate.hosts["web1"]) as home:
                drive.bring_home(twin, home, ordered(lab, estate, twin, "return"), _quiet)
    print(f"{total} kills in {rounds} rounds; ended in another state: {odd}")
    return 1 if odd else 0


def _quiet(host: str, one: Entry) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    words = argparse.ArgumentParser(description="Kill an activation everywhere, and look where it ends.")
    words.add_argument("lab")
    words.add_argument("--rounds", type=int, default=5)
    asked = words.parse_args()
    sys.exit(main(asked.lab, asked.rounds))
