"""Does the time of an activation stay the same when the volume grows tenfold, and what does a twin without data take?

    python -m benchmarks.volume LAB --files 3000 --rows 60000

LAB is a lab that is up, hardened, installed and saved (docs/lab.md). Production gets that many files of about 10 KB in
docs.example, and rows of about 1 KB in both databases; then ten times as much. Each time all of it is saved, the twin
is hydrated from it, production's datacenter is cut, everything is activated, and everything returns. At last the twin
is emptied, and the same is activated from the surviving side alone.

Seconds are from the order's beginning on the twin to the proof of DNS. The cold activation is held against `borg
extract` of the same archives on the same twin, one after the other; and its outage, weighted by the vhosts' value,
against another order of the same acts: all files, all databases, then all the rest.
"""

import argparse
import sys
from collections.abc import Mapping
from datetime import datetime

import lab as labs
from benchmarks.kills import go_home, ordered
from drp import drive
from drp.job import JobKind
from effects.journal import Entry
from estate.model import Estate
from inventory import load
from lab import Lab

FILL = r"""
set -e
cd /srv/vhosts/docs.example/public && rm -rf volume && mkdir volume && cd volume
head -c "$((10000 * FILES))" /dev/urandom | split -b 10000 -a 6 -d --additional-suffix=.bin - f
chown -R docs: .
mariadb shop -e "CREATE OR REPLACE TABLE volume (n INT PRIMARY KEY, pad BLOB);
  INSERT INTO volume SELECT seq, RANDOM_BYTES(1000) FROM seq_1_to_ROWS;"
runuser -u postgres -- psql -q -v ON_ERROR_STOP=1 -d ledger -c "CREATE EXTENSION IF NOT EXISTS pgcrypto;
  DROP TABLE IF EXISTS volume; CREATE TABLE volume AS SELECT n, gen_random_bytes(1000) AS pad
  FROM generate_series(1, ROWS) n; ALTER TABLE volume OWNER TO ledger;"
"""
EMPTY = r"""
systemctl stop seawall-keeper seawall-replica
touch /etc/seawall/without-replica
rm -rf /srv/vhosts/.seawall-hydrated /var/lib/mysql.seawall-hydrated /var/lib/postgresql/*/main.seawall-hydrated
for domain in shop ledger docs; do find /srv/vhosts/$domain.example -mindepth 1 -delete; done
"""
BORG = r"""
import sys, tempfile, time
from pathlib import Path
from backups.site import Site
from drp import observe
from estate.points import newest
site = Site.here()
archives, _ = site.archives(site.partner, observe.KINDS)
start = time.monotonic()
for archive in (newest(archives, kind) for kind in observe.KINDS):
    with tempfile.TemporaryDirectory(dir="/srv") as into:
        site.repository(site.partner, archive.kind, archive.side).extract(archive, Path(into))
print(time.monotonic() - start)
"""
THERE = "/opt/seawall/bin/seawall"


def must(lab: Lab, host: str, script: str, timeout: float = 1800) -> str:
    """Its output; it has to succeed."""
    result = lab.run(host, script, timeout=timeout)
    assert result.ok, f"{host}: {result.said}"
    return result.out


def fill(lab: Lab, files: int, rows: int) -> None:
    """That much on production, saved on both sides and proven on the twin."""
    must(lab, "web1", FILL.replace("FILES", str(files)).replace("ROWS", str(rows)))
    must(lab, "web1", f"{THERE} backup files && {THERE} backup databases")
    must(lab, "twin1", f"{THERE} backup prove --now")


def activate(lab: Lab, estate: Estate) -> list[Entry]:
    """The journal of it, with production's datacenter cut; the datacenter is back afterwards."""
    lab.cut("limburg")
    seen: list[Entry] = []
    with drive.Hand(estate, estate.hosts["twin1"]) as twin:
        signed = ordered(lab, estate, twin, "activate")
        begun = drive.begin(twin, JobKind.ACTIVATE, signed, signed.order.seal)
        closed = twin.follow(begun, lambda _, one: seen.append(one))
    assert closed["ok"], closed
    lab.heal("limburg")
    return seen


def served(seen: list[Entry]) -> dict[str, float]:
    """Seconds from the beginning until visitors found each vhost."""
    return {one.subject: spent(seen, one.at) for one in seen if one.step == "dns" and one.event in ("done", "held")}


def spent(seen: list[Entry], at: datetime) -> float:
    return (at - seen[0].at).total_seconds()


def by_kind(seen: list[Entry], last: float) -> float:
    """Seconds until all are served if all files came first, then all databases, then the rest of all."""
    begun = {(one.step, one.subject): one.at for one in seen if one.event == "begun"}
    data = [one for one in seen if one.step in ("files", "database") and one.event in ("done", "held")]
    took = sum((one.at - begun.get((one.step, one.subject), one.at)).total_seconds() for one in data)
    return took + last - max(spent(seen, one.at) for one in data)


def outage(estate: Estate, times: Mapping[str, float]) -> float:
    """Seconds without service, weighted by value; per unit of value."""
    worth = {domain: estate.vhosts[domain].value for domain in times}
    return sum(worth[domain] * seconds for domain, seconds in times.items()) / sum(worth.values())


def told(what: str, times: Mapping[str, float]) -> None:
    rows = ", ".join(f"{domain} {seconds:.1f}" for domain, seconds in times.items())
    print(f"{what}: first {min(times.values()):.1f} s, all {max(times.values()):.1f} s ({rows})", flush=True)


def main(name: str, files: int, rows: int) -> int:
    """Print the figures."""
    lab = labs.load(name)
    estate = load(lab.estate_file)
    all_of_it = []
    for factor in (1, 10):
        fill(lab, files * factor, rows * factor)
        times = served(activate(lab, estate))
        told(f"hydrated, {factor} times the volume", times)
        all_of_it.append(max(times.values()))
        go_home(lab, estate)
    print(f"tenfold volume / volume: {all_of_it[1] / all_of_it[0]:.2f} (goal: about 1)")
    fill(lab, files * 10, rows * 10)
    must(lab, "twin1", EMPTY)
    lab.cut("limburg")
    alone = float(must(lab, "twin1", f"/opt/seawall/bin/python -c '{BORG}'"))
    seen = activate(lab, estate)
    times = served(seen)
    told("cold", times)
    print(f"borg alone: {alone:.1f} s; cold / borg: {max(times.values()) / alone:.2f} (goal 1.5)")
    whole = by_kind(seen, max(times.values()))
    print(f"outage weighted by value: {outage(estate, times):.1f} s; files, databases, then the rest: {whole:.1f} s")
    must(lab, "twin1", "rm /etc/seawall/without-replica; systemctl start seawall-replica")
    go_home(lab, estate)
    return 0


if __name__ == "__main__":
    words = argparse.ArgumentParser(description="Activate, with ten times the volume, and cold.")
    words.add_argument("lab")
    words.add_argument("--files", type=int, default=3000)
    words.add_argument("--rows", type=int, default=60000)
    asked = words.parse_args()
    sys.exit(main(asked.lab, asked.files, asked.rows))
