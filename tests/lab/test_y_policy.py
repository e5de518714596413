"""Schedule, debts, spool and what is said of them, on real hosts that lose sides, databases, processes and the time."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from beginnings import hardened
from chain import LOOK, THERE, fault, good, install, on
from hardening import own_lab

from effects.clock import now, wait_until
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

HOSTS = ("web1", "vault-even", "vault-odd", "twin1")
MEMORY, SCHEDULER = "/var/lib/seawall/backup.json", "seawall-backup.service"
HEARD, TOLD = "/run/heard", "/run/told"
LISTENER = f"""
from http.server import BaseHTTPRequestHandler, HTTPServer
class Hear(BaseHTTPRequestHandler):
    def do_POST(self):
        with open("{HEARD}", "a") as heard:
            heard.write(self.path + "\\n")
        self.send_response(200); self.end_headers()
HTTPServer(("127.0.0.1", 9911), Hear).serve_forever()
"""
APPRISE = f"""#!/bin/sh
# As Debian's: --config=FILE --title=WORDS, the body on standard input.
grep -q json:// "${{1#--config=}}" && {{ echo "$2"; cat; }} >> {TOLD}
"""
SETTINGS = """
metrics = "/var/lib/node-exporter"
heartbeat = { file = "secrets/heartbeat" }
notify = { file = "secrets/notify" }
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Installed with somebody who listens, and its first archives taken; the scheduler is stopped then."""
    with own_lab((*HOSTS, "probe"), above=hardened()) as made:
        text = made.estate_file.read_text(encoding="utf-8")
        made.estate_file.write_text(text.replace("snapshot_every_hours = 2\n", f"snapshot_every_hours = 2{SETTINGS}"))
        for name, secret in (("heartbeat", "http://127.0.0.1:9911/{host}-{kind}"), ("notify", "json://nobody")):
            (made.directory / "secrets" / name).write_text(f"{secret}\n", encoding="utf-8")
            (made.directory / "secrets" / name).chmod(0o600)
        made.run("web1", "cat > /run/listener.py", stdin=LISTENER)
        made.run("web1", "systemd-run --unit=listener --collect python3 /run/listener.py")
        made.run("web1", "cat > /usr/bin/apprise && chmod 755 /usr/bin/apprise", stdin=APPRISE)
        good(install(made))
        made.halt("twin1")
        late = Failed("the first archives were never taken", hint="journalctl -u seawall-backup on web1")
        wait_until(lambda: on(made, "web1", "backup", "status").ok, timeout=400, late=late, every=LOOK)
        made.run("web1", f"systemctl stop {SCHEDULER}")
        yield made


@contextmanager
def unreachable(lab: Lab, *servers: str) -> Iterator[None]:
    """Refused at once, as where sshd is down."""
    rules = [f"OUTPUT -p tcp -d {lab.address(server)} --dport 2222 -j REJECT" for server in servers]
    for rule in rules:
        assert lab.run("web1", f"iptables -I {rule}").ok
    try:
        yield
    finally:
        for rule in rules:
            assert lab.run("web1", f"iptables -D {rule}").ok


def standing(lab: Lab) -> dict[str, Any]:
    """Of web1, as it remembers."""
    document = json.loads(on(lab, "web1", "backup", "status", "--json").out)
    (found,) = document["hosts"]
    return dict(found)


def age(lab: Lab, **hours: float) -> None:
    """Let web1 remember that a kind was saved so many hours before (negative: after) now; `kind_side` for one side."""
    known = json.loads(lab.run("web1", f"cat {MEMORY}").out)
    for key, row in known.items():
        kind, side, _ = key.split(".")
        ago = hours.get(f"{kind}_{side}", hours.get(kind))
        if ago is not None:
            row["at"] = str(now() - timedelta(hours=ago))
    lab.run("web1", f"cat > {MEMORY}", stdin=json.dumps(known))


def newest(lab: Lab, kind: str) -> dict[str, datetime]:
    """What web1 remembers of each side."""
    known = json.loads(lab.run("web1", f"cat {MEMORY}").out)
    sides = {key.split(".")[1]: row for key, row in known.items() if key.startswith(kind) and key.endswith(".good")}
    return {side: datetime.fromisoformat(row["at"]) for side, row in sides.items()}


@contextmanager
def scheduled(lab: Lab) -> Iterator[None]:
    assert lab.run("web1", f"systemctl start {SCHEDULER}").ok
    try:
        yield
    finally:
        lab.run("web1", f"systemctl stop {SCHEDULER}")


def test_who_saved_is_heard_of_and_read_by_monitors(lab: Lab) -> None:
    heard = lab.run("web1", f"cat {HEARD}").out.split()
    assert {"/web1-files/start", "/web1-files", "/web1-databases/start", "/web1-databases"} <= set(heard)
    page = lab.run("web1", "cat /var/lib/node-exporter/seawall.prom").out
    assert 'seawall_backup_level{host="web1"} 0' in page
    said = on(lab, "web1", "backup", "status", "--monitor")
    assert (said.code, said.out) == (0, "BACKUP OK - web1: saved as promised\n")
    lab.run("web1", f"systemd-run --unit=metrics --collect {THERE} backup metrics --listen 127.0.0.1:9199")
    late = Failed("nobody answers", hint="journalctl -u metrics on web1")
    asked = "curl -sf http://127.0.0.1:9199/metrics"
    wait_until(lambda: "seawall_backup_level" in lab.run("web1", asked).out, timeout=30, late=late, every=0.5)
    lab.run("web1", "systemctl stop metrics")


def test_a_clock_that_was_set_back_by_a_day_costs_no_turn(lab: Lab) -> None:
    age(lab, files=-24, mariadb=-24, postgresql=-24)
    before = now()
    late = Failed("nothing was taken", hint="journalctl -u seawall-backup on web1")
    with scheduled(lab):
        wait_until(
            lambda: all(before < at < now() for k in ("files", "mariadb") for at in newest(lab, k).values()),
            timeout=90, late=late, every=1,
        )  # fmt: skip
    assert standing(lab)["level"] == "ok"


def test_what_was_missed_for_days_is_taken_once(lab: Lab) -> None:
    age(lab, mariadb=90, postgresql=90)
    said = lab.run("web1", "journalctl -u seawall-backup --no-pager --output=cat | grep -c 'mariadb: copying'").out
    late = Failed("nothing was taken", hint="journalctl -u seawall-backup on web1")
    with scheduled(lab):
        wait_until(lambda: standing(lab)["level"] == "ok", timeout=90, late=late, every=1)
        assert lab.run("web1", "sleep 12; true").ok  # a tick later it is not taken again
    count = lab.run("web1", "journalctl -u seawall-backup --no-pager --output=cat | grep -c 'mariadb: copying'").out
    assert int(count) == int(said) + 1


def test_with_both_sides_down_a_snapshot_is_kept_here_and_everybody_hears_of_it(lab: Lab) -> None:
    age(lab, mariadb=5, postgresql=5)
    lab.run("web1", f"rm -f {HEARD} {TOLD}")
    with unreachable(lab, "vault-even", "vault-odd"):
        fault(on(lab, "web1", "backup", "databases"), 4, "vault-even", "vault-odd")
        found = standing(lab)
        assert found["level"] == "critical"
        assert len(found["kept"]) == 2
        assert "2 snapshots wait here" in " ".join(found["trouble"])
    assert "/web1-databases/fail" in lab.run("web1", f"cat {HEARD}").out
    assert "mariadb: the newest is 5 h old" in lab.run("web1", f"cat {TOLD}").out
    kept = lab.run("web1", "grep -rl 'CREATE TABLE\\|ibdata' /var/lib/seawall/spool/kept | head -1").out
    assert kept == ""
    good(on(lab, "web1", "backup", "databases", "--json"))
    assert standing(lab)["kept"] == []
    assert "all is well again" in lab.run("web1", f"cat {TOLD}").out
    assert not lab.run("web1", "ls -A /var/lib/seawall/spool").out


def test_a_side_that_returns_gets_what_it_lacks_by_itself(lab: Lab) -> None:
    age(lab, files_even=60, files_odd=30)
    late = Failed("it did not come to that", hint="journalctl -u seawall-backup on web1")
    with unreachable(lab, "vault-even"), scheduled(lab):
        wait_until(lambda: "does not answer" in str(standing(lab)["trouble"]), timeout=90, late=late, every=1)
        found = standing(lab)
        assert found["level"] == "warning"  # the other side took the day
        assert re.search(r"files: vault-even \(even\) lacks it since .*does not answer", " ".join(found["trouble"]))
    age(lab, files_even=60, files_odd=0.3)  # a quarter of an hour later
    with scheduled(lab):  # another process: nobody keeps a list, and it is known still
        wait_until(lambda: standing(lab)["level"] == "ok", timeout=90, late=late, every=1)


def test_a_database_server_that_is_down_stops_no_other(lab: Lab) -> None:
    lab.run("web1", "systemctl stop mariadb")
    try:
        said = on(lab, "web1", "backup", "databases", "--json")
        fault(said, 7, "mariadb.service is not running")
        saved = {(one["kind"], one["side"]) for one in json.loads(said.out) if not one["error"]}
        assert saved == {("postgresql", "even"), ("postgresql", "odd")}
    finally:
        lab.run("web1", "systemctl start mariadb")


def test_no_copy_is_begun_that_would_fill_the_disk(lab: Lab) -> None:
    estate = "/etc/seawall/estate.json"
    before = lab.run("web1", f"cat {estate}").out
    tight = json.loads(before)
    tight["backup"]["keep_free_percent"] = 90
    lab.run("web1", f"cat > {estate}", stdin=json.dumps(tight))
    try:
        fault(on(lab, "web1", "backup", "databases"), 7, "stay free", "web1")
        assert not lab.run("web1", "ls -A /var/lib/seawall/spool").out
    finally:
        lab.run("web1", f"cat > {estate}", stdin=before)


def test_a_killed_run_and_a_boot_leave_no_lock(lab: Lab) -> None:
    run = f"systemd-run --quiet --collect --unit=killed {THERE} backup files"
    assert lab.run("web1", run).ok
    late = Failed("no archive was ever begun", hint="look at web1")
    wait_until(lambda: lab.run("web1", "pgrep -f 'bin/borg create'").ok, timeout=60, late=late, every=0.02)
    lab.run("web1", "systemctl kill --kill-whom=all -s KILL killed")
    cache, repository = "/var/lib/seawall/borg/.cache/borg/*/", "/srv/borg/web1/files"
    somebody = "seawall-vault.1-0"  # a number that is taken by somebody else now
    lock = f"mkdir -p {repository}/lock.exclusive && touch {repository}/lock.exclusive/{somebody}"
    assert lab.run("vault-odd", f"{lock} && chown -R borg-web1: {repository}/lock.exclusive").ok
    mine = f"for c in {cache}; do mkdir -p ${{c}}lock.exclusive; touch ${{c}}lock.exclusive/seawall-web1.1-0; done"
    assert lab.run("web1", mine).ok
    for host in ("web1", "vault-odd"):
        assert lab.run(host, "systemd-tmpfiles --boot --remove seawall-borg.conf").ok  # what a boot runs, before sshd
    assert not lab.run("web1", f"ls -d {cache}lock.exclusive").out
    assert somebody not in lab.run("vault-odd", f"ls {repository}/lock.exclusive").out
    age(lab, files=60)
    taken = good(on(lab, "web1", "backup", "files", "--json"))
    assert {one["side"]: one["error"] for one in taken} == {"even": None, "odd": None}


def test_whatever_name_a_client_gives_a_file_it_is_saved(lab: Lab) -> None:
    there = "/srv/vhosts/shop.example"
    names = rf"cd {there} && touch \"$(printf 'two\nlines')\" \"$(printf 'caf\351')\" && mkfifo pipe"
    assert lab.run("web1", f'bash -c "{names}"').ok
    changing = (
        f"timeout 60 bash -c 'while :; do date > {there}/changing; rm -f {there}/going; touch {there}/going; done'"
    )
    lab.run("web1", f"systemd-run --unit=changing --collect {changing}")
    taken = good(on(lab, "web1", "backup", "files", "--json"))
    lab.run("web1", "systemctl stop changing")
    side = next(one for one in taken if not one["error"])
    listed = lab.run(
        "web1",
        f"""cd /; export BORG_BASE_DIR=/var/lib/seawall/borg BORG_HOST_ID=seawall-web1
        export BORG_PASSCOMMAND='cat /etc/seawall/secrets/passphrase.web1'
        export BORG_RSH='ssh -i /etc/seawall/ssh/id_ed25519 -o UserKnownHostsFile=/etc/seawall/known_hosts'
        url=ssh://borg-web1@{lab.address(side["server"])}:2222/srv/borg/web1/files::{side["archive"]}
        /opt/seawall/bin/borg list --format '{{path}}{{NL}}' $url srv/vhosts/shop.example var/lib/seawall/host""",
    )
    assert re.search(r"two\nlines", listed.out)
    assert re.search(r"caf.", listed.out)
    assert "var/lib/seawall/host/selections.txt" in listed.out
