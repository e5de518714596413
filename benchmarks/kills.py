"""Do an activation and a return come to the same end however often their engines are killed? Counted, round by round.

    python -m benchmarks.kills LAB --rounds 5

LAB is a lab that is up, hardened, installed and saved (docs/lab.md). In the first round production's datacenter is cut,
everything is activated, the datacenter comes back, everything returns, and nothing is killed. In each further round the
engine that runs, on the twin or on production, is killed with SIGKILL whenever its journal has a new kind of entry: all
of its processes or the main one alone, at once or up to a second and a half later.

Held against the first round, after the activation on the twin and after the return on production: files of the vhosts,
rows of both databases, sites that are switched on, units that run, DNS. Held against the journals: every entry that was
read before a kill is still there at the end, and whatever a kill interrupted came to its end.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import lab as labs
from drp import drive
from drp.job import JobKind
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


HOSTS = ("twin1", "web1")
RUNNING = (
    "systemctl list-units --plain --no-legend --state=active,activating,deactivating 'seawall-drp@*' | cut -d' ' -f1"
)


def ordered(lab: Lab, estate: Estate, twin: drive.Hand, aim: str) -> Signed:
    """An order by alice, as the twin drafts it."""
    seal = twin.ask("plan", *(["--return"] if aim == "return" else []))["seal"]
    text = twin.ask("order", aim, f"--seal={seal}", "--by=alice", "--hours=1")["order"]
    key = lab.approver("alice")
    return Signed(text, {"alice": signatures.sign(text, estate.drp.approvers["alice"], NAMESPACE, key=key)})


class Killer:
    """Kills whichever engine runs, at each kind of entry that it has not been killed at in this round."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._over = Event()
        self._met: set[tuple[str, str, str, str]] = set()
        self.seen: dict[tuple[str, str], tuple[Entry, ...]] = {}  # by host and job: what was acknowledged
        self.kills = 0

    @contextmanager
    def at_work(self, *, kill: bool) -> Iterator[None]:
        """For as long as the context is open."""
        thread = Thread(target=self._work, args=[kill])
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            self._over.clear()

    def _work(self, kill: bool) -> None:
        while not self._over.wait(0.05):
            for host in HOSTS:
                for unit in self._lab.run(host, RUNNING).out.split():
                    self._look(host, unit, kill=kill)

    def _look(self, host: str, unit: str, *, kill: bool) -> None:
        job = unit.removeprefix("seawall-drp@").removesuffix(".service")
        known = entries(self._lab, host, job)
        self.seen[host, job] = known
        new = {(host, one.event, one.step, one.subject) for one in known} - self._met
        if kill and new and known[-1].event != "closed":
            time.sleep(random.choice((0.0, random.uniform(0, 1.5))))  # noqa: S311  there, or inside of a step
            whom = random.choice(("all", "main"))  # noqa: S311
            self.kills += self._lab.run(host, f"systemctl kill --kill-whom={whom} -s KILL {unit}").ok
            self._met |= new

    def judge(self) -> int:
        """How many entries were acknowledged; all of them are there, and nothing is left half done."""
        for (host, job), seen in self.seen.items():
            known = entries(self._lab, host, job)
            assert known[: len(seen)] == seen, f"{host}: an acknowledged entry of {job} is gone"
            assert known[-1].event == "closed", f"{host}: {job} did not close"
            assert known[-1].detail["ok"] is True, f"{host}: {job}: {known[-1].detail}"
        return sum(map(len, self.seen.values()))


def entries(lab: Lab, host: str, job: str) -> tuple[Entry, ...]:
    """What its journal acknowledged so far; the chain is verified."""
    return parse(lab.run(host, f"cat /var/lib/seawall/drp/{job}/journal.jsonl 2> /dev/null").out, name=job)


def activate(lab: Lab, estate: Estate) -> str:
    """Carried out to its end, with production's datacenter cut; what the world is then."""
    lab.cut("limburg")
    with drive.Hand(estate, estate.hosts["twin1"]) as twin:
        signed = ordered(lab, estate, twin, "activate")
        closed = twin.follow(drive.begin(twin, JobKind.ACTIVATE, signed, signed.order.seal), _quiet)
    assert closed["ok"], closed
    lab.heal("limburg")
    return state(lab, "twin1")


def go_home(lab: Lab, estate: Estate) -> str:
    """A whole return; what the world is then."""
    with drive.Hand(estate, estate.hosts["twin1"]) as twin, drive.Hand(estate, estate.hosts["web1"]) as home:
        closed = drive.bring_home(twin, home, ordered(lab, estate, twin, "return"), _quiet)
    assert closed["ok"], closed
    return state(lab, "web1")


def state(lab: Lab, host: str) -> str:
    """What the world is afterwards."""
    return lab.run(host, STATE.replace("NS", str(load(lab.estate_file).hosts["ns2"].ipv4))).out


def main(name: str, rounds: int) -> int:
    """Print each round; 1 where one ended elsewhere."""
    lab = labs.load(name)
    estate = load(lab.estate_file)
    first: dict[str, str] = {}
    total, odd = 0, 0
    for number in range(rounds + 1):
        killer = Killer(lab)
        for what, do in (("activation", activate), ("return", go_home)):
            before = killer.kills
            with killer.at_work(kill=number > 0):
                found = do(lab, estate)
            same = found == first.setdefault(what, found)
            odd += not same
            said = "as undisturbed" if same else f"{found}\ninstead of\n{first[what]}"
            print(f"round {number}: {what}: {killer.kills - before} kills, {said}", flush=True)
        print(f"round {number}: {killer.judge()} entries, all there", flush=True)
        total += killer.kills
    print(f"{total} kills in {rounds} rounds; ended in another state: {odd}")
    return 1 if odd else 0


def _quiet(host: str, one: Entry) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    words = argparse.ArgumentParser(description="Kill an activation and a return everywhere, and look where they end.")
    words.add_argument("lab")
    words.add_argument("--rounds", type=int, default=5)
    asked = words.parse_args()
    sys.exit(main(asked.lab, asked.rounds))
