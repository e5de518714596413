"""What large estates cost: 200 vhosts and 500 databases on a host, years of archives, 500 hosts, a million files.

    PYTHONPATH=.:tests python -m benchmarks.scale FOLDER [FILES]

Without a lab. FOLDER, with room for FILES (none: that part is left out) inodes three times, is filled and emptied
again. Processor time counts children, for machines that do other work as well.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from zoneinfo import ZoneInfo

from local_borg import Local
from saved_estate import archive, host_key, lab_estate

from backups import debts, losses, mark, paths
from backups.proof import hydrate, judge
from backups.proof.hydrate import Target
from backups.vault import catalogue, turn
from backups.vault.catalogue import Catalogue, _signed
from backups.vault.compare import compare
from backups.vault.model import Listed
from backups.vault.turn import Rules
from drp import plan
from effects.journal import START, Entry, Json, _line, _sealed
from effects.run import run
from estate.model import Engine, Side
from estate.points import FILES, Archive, Kind, archive_name
from estate.vault import VaultPolicy
from inventory import load, slice_for
from lab.estate_file import estate_file
from lab.layout import PLACES, Plan

VHOSTS, DATABASES, TABLES, YEARS, THERE, HOSTS, PAIRS = 200, 500, 40, 3, 1500, 500, 5
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
VHOST = """
[vhosts."site{n}.docs.example"]
host = "web1"
user = "site{n}"
runtime = "php"
value = {n}
check = {{ path = "/", expect = "site" }}
"""
DATABASE = """
[databases.db{n}]
engine = "{engine}"
vhost = "site{vhost}.docs.example"
"""
BACKUP = """
[hosts.vault{pair}-{side}]
role = "backup"
datacenter = "{datacenter}"
ipv4 = "10.{pair}.{number}.1"
host_key = "{key}"
"""
PRODUCTION = """
[hosts.web{n}]
role = "production"
datacenter = "limburg"
ipv4 = "10.100.{high}.{low}"
host_key = "{key}"
backup = {{ even = "vault{pair}-even", odd = "vault{pair}-odd" }}
passphrase = {{ file = "secrets/web{n}.passphrase" }}
"""
CHECK = VaultPolicy().check  # of reading each repository, a day


def spent(act: Callable[[], object]) -> float:
    """Seconds of processor time, of this process and of those that it started."""

    def so_far() -> float:
        return sum(used.ru_utime + used.ru_stime for used in (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)))

    before = so_far()
    act()
    return so_far() - before


def say(what: str, seconds: float, more: str = "") -> None:
    """One line of figures."""
    print(f"{what:58} {seconds:9.2f} s  {more}", flush=True)


def base() -> str:
    """The lab's estate."""
    keys = {place.name: host_key(place.name) for place in PLACES}
    return estate_file(Plan("scale", 84, "bookworm"), keys, {"alice": host_key("alice")})


def one_large_host(folder: Path) -> None:
    """200 vhosts, 500 databases."""
    engines = ["mariadb", "postgresql"]
    text = base() + "".join(VHOST.format(n=n) for n in range(VHOSTS))
    text += "".join(DATABASE.format(n=n, engine=engines[n % 2], vhost=n % VHOSTS) for n in range(DATABASES))
    path = folder / "estate.toml"
    path.write_text(text, encoding="utf-8")
    estate = load(path)
    say(f"{VHOSTS} vhosts, {DATABASES} databases: parse", spent(lambda: load(path)))
    say("  its host's slice", spent(lambda: slice_for(path, "web1")), f"{len(slice_for(path, 'web1')) / 1e3:.0f} kB")
    host, twin = estate.hosts["web1"], estate.hosts["twin1"]
    there = tuple(archive(kind, 1.0) for kind in (FILES, *Engine))
    none = dict.fromkeys(estate.vhosts, ())
    seen = plan.Observed(NOW, 0, there, {}, none, frozenset(), ())
    say("  plan and seal", spent(lambda: plan.activation(estate, host, twin, seen).seal))
    say("  what is due, what each loss costs", spent(lambda: losses.prices(estate, host, _saved(estate), NOW)))
    rows = {f"rows of t{n}": 1000 + n for n in range(TABLES)}
    say(f"  judging {DATABASES} databases of {TABLES} tables",
        spent(lambda: [judge.shrunk(rows, rows) for _ in range(DATABASES)]))  # fmt: skip


def _saved(_estate: object) -> dict[Kind, dict[Side, datetime | None]]:
    return {kind: dict.fromkeys(Side, NOW - timedelta(hours=1)) for kind in (FILES, *Engine)}


def years_of_archives(folder: Path) -> None:
    """A catalogue of three years of both sides, and one turn's rules over one of them."""
    catalogue.VAULT = folder / "vault"
    kept, labels = Catalogue("web1"), ("web1.databases.even", "web1.databases.odd")
    count, stats = YEARS * 365 * 24, {"original": 10**9, "compressed": 10**8, "files": 300, "added": 0.01}
    listed = []
    for n in range(count):
        name = archive_name("web1", list(Engine)[n % 2], NOW - timedelta(hours=count - n))
        one = Listed(name, sha256(name.encode()).hexdigest())
        gone = n < count - THERE
        for label in labels:
            _append(kept, "seen", label, name, id=one.id, stats=stats, suspect="")
            for event in ("leaving", "deleting", "deleted") if gone else ():
                _append(kept, event, label, name, id=one.id)
        listed += [] if gone else [one]
    kept.path.write_text("".join(f"{_line(entry)}\n" for entry in kept._entries), encoding="ascii")
    fresh, label = Catalogue("web1"), labels[1]
    say(f"catalogue of {YEARS} years, {len(kept._entries)} entries: read and verify", spent(fresh.entries),
        f"{kept.path.stat().st_size / 1e6:.0f} MB")  # fmt: skip
    say("  what it says of one repository", spent(lambda: fresh.state(label)))
    state, rules = fresh.state(label), Rules(VaultPolicy(), ZoneInfo("Europe/Amsterdam"), frozenset(), NOW)
    say(f"  comparison with {THERE} archives that are there", spent(lambda: compare(
        replace(state, looked=NOW), listed, client="web1", files=False, key="", now=NOW, most=48)))  # fmt: skip
    say("  retention over them", spent(lambda: turn.fates(state, rules.policy.databases, rules)))


def _append(kept: Catalogue, event: str, label: str, subject: str = "", **detail: Json) -> None:
    """As `Catalogue.note`, without waiting for the disk each time."""
    entries = kept._entries
    number, previous = (entries[-1].number, entries[-1].digest) if entries else (0, START)
    signature = kept._key.sign(_signed(number + 1, event, label, subject, json.loads(json.dumps(detail)), previous))
    more = {**detail, "signature": signature.hex()}
    entries.append(_sealed(Entry(number + 1, NOW, event, label, subject, more, previous, digest="")))


def many_hosts(folder: Path) -> None:
    """500 hosts over five pairs."""
    text = base()
    for pair in range(1, PAIRS + 1):
        for number, (side, datacenter) in enumerate((("even", "limburg"), ("odd", "gravelines")), 1):
            key = host_key(f"vault{pair}{side}")
            text += BACKUP.format(pair=pair, side=side, number=number, datacenter=datacenter, key=key)
    for n in range(2, HOSTS + 2):
        text += PRODUCTION.format(n=n, high=n // 250, low=n % 250 + 1, pair=n % PAIRS + 1, key=host_key(f"web{n}"))
    path = folder / "many.toml"
    path.write_text(text, encoding="utf-8")
    say(f"{HOSTS} hosts over {PAIRS} pairs: parse", spent(lambda: load(path)))
    estate = load(path)
    say("  one host's slice", spent(lambda: slice_for(path, "web7")), f"{len(slice_for(path, 'web7')) / 1e3:.1f} kB")
    hosts = [host for host in estate.hosts.values() if host.backup]
    calendars = [debts.calendar(estate, host, FILES) for host in hosts]
    starts = sorted(when.rhythm.slot(NOW) for when in calendars)
    most = max(sum(1 for other in starts if timedelta(0) <= other - one < timedelta(minutes=1)) for one in starts)
    say("  when each host's turn is", spent(lambda: [when.rhythm.slot(NOW) for when in calendars]),
        f"at most {most} begin within a minute, on {2 * PAIRS} servers")  # fmt: skip
    clients = HOSTS // PAIRS
    print(f"  a backup server of {clients} hosts reads {clients * 2 * CHECK / timedelta(hours=1):.1f} hours a day")


def a_million_files(folder: Path, count: int) -> None:
    """One archive of them, and the twin's tree out of it."""
    paths.BORG, paths.BORG_HOME = Path(sys.executable).with_name("borg"), folder / "home"
    mark.RESTORED, hydrate.HYDRATED = folder / "restored", folder / "hydrated"
    secret = folder / "passphrase"
    secret.write_text("a benchmark's own", encoding="utf-8")
    secret.chmod(0o600)
    (folder / "borg/web1").mkdir(parents=True)
    server = lab_estate(folder).hosts["vault-odd"]
    repository = Local("web1", "files", Side.ODD, server, secret, folder=folder / "borg")
    repository.init()
    live = folder / "live/srv"
    for number in range(count):
        if number % 1000 == 0:
            (live / str(number // 1000)).mkdir(parents=True)
        (live / str(number // 1000) / f"{number}.txt").write_text(f"{number:020}", encoding="ascii")
    target = Target("site", folder / "ready/tree")
    one = _archived(repository, live, 0.0, f"{count} files, all new")
    say("  hydrated", spent(lambda: hydrate.hydrate(repository, one, target)), _peak())
    for number in range(0, count, 100):
        (live / str(number // 1000) / f"{number}.txt").write_text(f"{-number:020}", encoding="ascii")
    other = _archived(repository, live, 1.0, "  1 % changed")
    say("  hydrated onto that", spent(lambda: hydrate.hydrate(repository, other, target)), _peak())
    say("  every byte proven", spent(lambda: hydrate.hydrate(repository, other, target, prove=True)), _peak())


def _archived(repository: Local, live: Path, hours: float, what: str) -> Archive:
    name = archive_name("web1", FILES, NOW + timedelta(hours=hours))
    options = ("--compression=zstd,3",)
    say(f"{what}: archived", spent(lambda: repository.create(name, ["srv"], cwd=live.parent, options=options)), _peak())
    return next(found for found in repository.archives() if found.name == name)


def _peak() -> str:
    return f"at most {getrusage(RUSAGE_CHILDREN).ru_maxrss / 1e3:.0f} MB in one process"


def main(folder: Path, files: int) -> None:
    """All of it."""
    mine = folder / "seawall-scale"
    mine.mkdir(mode=0o700)
    try:
        one_large_host(mine)
        years_of_archives(mine)
        many_hosts(mine)
        if files:
            a_million_files(mine, files)
    finally:
        run(["rm", "-rf", str(mine)], timeout=3600)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
