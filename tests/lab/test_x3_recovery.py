"""A lost datacenter, an activation that is killed again and again, and a return: one story, told in order."""

import json
import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from chain import SEAWALL, SITES, add_row, all_told, archives, fault, good, on, prepare, rows, typed
from hardening import UPLOADS, executes

from effects.clock import wait_until
from effects.journal import Entry, parse
from effects.run import Result, attempt
from estate.problem import Failed
from lab import Lab, visitor, writer

pytestmark = pytest.mark.lab

TSIG = "/etc/seawall/secrets/tsig.docs.example"
TICKETS = "/var/lib/seawall/tickets.log"
ALONE = "written-alone.txt"
FROM_TWIN = "/srv/vhosts/docs.example/public/from-twin.txt"


@dataclass
class Story:
    """What one test leaves for the next."""

    seals: list[str] = field(default_factory=list)
    tsig: str = ""


STORY = Story()


@pytest.fixture(autouse=True)
def ready(lab: Lab) -> None:
    prepare(lab)


def journal(lab: Lab, host: str, job: str) -> tuple[Entry, ...]:
    """Its entries, the chain verified; none where it was never begun."""
    text = lab.run(host, f"cat /var/lib/seawall/drp/{job}/journal.jsonl 2> /dev/null").out
    return parse(text, name=job)


def jobs(lab: Lab, host: str, kind: str) -> list[str]:
    """Ids of the jobs of a kind, newest order last."""
    return lab.run(host, f"cd /var/lib/seawall/drp 2> /dev/null && ls -tr | grep ^{kind}- || true").out.split()


def last_run(entries: tuple[Entry, ...]) -> list[Entry]:
    """Since it was opened for the last time."""
    opened = max(number for number, entry in enumerate(entries) if entry.event == "opened")
    return list(entries[opened:])


def planned(lab: Lab) -> str:
    seal: str = good(typed(lab, "drp", "plan", "--json"))["seal"]
    STORY.seals.append(seal)
    return seal


def driven(lab: Lab, *words: str) -> "subprocess.Popen[str]":
    """A command that is on its way."""
    argv = [SEAWALL, "drp", *words, "--estate", str(lab.estate_file)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def kill_job(lab: Lab, host: str, kind: str, *, at: int, whom: str = "all") -> int:
    """Kill the newest job of a kind as soon as its journal has `at` entries; how many there were then."""
    late = Failed(f"{kind} never came to {at} entries", hint="look at its journal")

    def far_enough() -> bool:
        found = jobs(lab, host, kind)
        return bool(found) and len(journal(lab, host, found[-1])) >= at

    wait_until(far_enough, timeout=300, late=late, every=0.02)
    job = jobs(lab, host, kind)[-1]
    lab.run(host, f"systemctl kill --kill-whom={whom} -s KILL seawall-drp@{job}.service")
    return len(journal(lab, host, job))


def served_by(lab: Lab, domain: str, host: str) -> bool:
    address = visitor.served(lab, domain, f"Seawall {domain.removesuffix('.example')}")
    return address in lab.plan.addresses(host)


def served(lab: Lab, host: str, *domains: str) -> None:
    """A visitor finds each of them at `host`, as soon as caches have run out."""
    for domain in domains:
        late = Failed(f"{domain} is not found at {host}", hint="look at the probe")
        wait_until(lambda name=domain: served_by(lab, name, host), timeout=60, late=late)  # type: ignore[misc]


def by(lab: Lab, name: str = "alice") -> tuple[str, ...]:
    """Who orders, and with which key."""
    return f"--by={name}", *([f"--key={lab.approver(name)}"] if lab.approver(name).exists() else [])


def activate(lab: Lab, seal: str, name: str = "alice") -> Result:
    return typed(lab, "drp", "activate", f"--seal={seal}", *by(lab, name))


def test_only_who_may_order_orders(lab: Lab) -> None:
    assert lab.run("web1", "systemctl stop seawall-backup").ok  # only this test moves the world
    good(on(lab, "web1", "backup", "files", "--json"))
    add_row(lab, 2001)
    good(on(lab, "web1", "backup", "databases", "--json"))
    seal = planned(lab)
    fault(activate(lab, seal, "mallory"), 6, "mallory", "alice")
    words = (f"--seal={seal}", "--by=alice", f"--key={lab.approver('bob')}")
    fault(typed(lab, "drp", "activate", *words), 5, "alice")
    assert jobs(lab, "twin1", "activate") == []


def test_a_plan_that_is_shown_twice_is_the_same_and_does_nothing(lab: Lab) -> None:
    assert planned(lab) == STORY.seals[0]
    assert lab.run("twin1", "ls /etc/nginx/sites-enabled").out == ""


def test_a_plan_that_the_world_has_left_behind_is_refused_and_nothing_is_begun(lab: Lab) -> None:
    good(on(lab, "web1", "backup", "databases", "--json"))
    fault(activate(lab, STORY.seals[0]), 6, "twin1", STORY.seals[0][:12])
    assert jobs(lab, "twin1", "activate") == []
    assert planned(lab) != STORY.seals[0]


@pytest.mark.parametrize(("seal", "code"), [("", 2), ("0", 2), ("f" * 12, 6)])
def test_a_seal_that_is_too_short_or_of_no_plan_begins_nothing(lab: Lab, seal: str, code: int) -> None:
    fault(activate(lab, seal), code)
    assert jobs(lab, "twin1", "activate") == []


def test_whoever_would_be_told_can_not_be_reached(lab: Lab) -> None:
    """No server of tickets answers from now on, as far as the twin can see."""
    assert lab.run("twin1", f"mv -f {TICKETS} {TICKETS}.before 2> /dev/null; mkdir {TICKETS}").ok


def test_a_lost_datacenter_is_said_and_the_plan_stands(lab: Lab) -> None:
    assert lab.run("web1", "systemctl start seawall-backup").ok
    lab.cut("limburg")
    lab.run("web1", f"echo alone > /srv/vhosts/docs.example/public/{ALONE}")
    alone = "curl -sSfk --resolve ledger.example:443:127.0.0.1 -d number=6666 https://ledger.example/add"
    assert lab.run("web1", alone).ok
    found = good(typed(lab, "drp", "plan", "--json"))
    STORY.seals.append(found["seal"])
    assert "vault-even" in str(found["plan"]["faults"])
    assert set(found["archives"]) == set(SITES)
    assert all(loss is not None for loss in found["loss_seconds"].values())


def test_a_killed_driver_and_a_killed_job_lose_nothing_and_only_the_faulty_vhost_stops(lab: Lab) -> None:
    STORY.tsig = lab.run("twin1", f"cat {TSIG}").out
    assert lab.run("twin1", f"cat > {TSIG}", stdin="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").ok
    driver = driven(lab, "activate", f"--seal={STORY.seals[-1][:12]}", *by(lab))
    kill_job(lab, "twin1", "activate", at=2)
    driver.kill()
    driver.communicate(timeout=20)
    lengths = [kill_job(lab, "twin1", "activate", at=at, whom=w) for at, w in ((5, "main"), (9, "all"), (14, "all"))]
    assert lengths == sorted(set(lengths))
    said = activate(lab, STORY.seals[-1][:12])
    fault(said, 7, "docs.example")
    entries = journal(lab, "twin1", jobs(lab, "twin1", "activate")[-1])
    assert sum(entry.event == "opened" for entry in entries) >= 4
    assert [e.subject for e in last_run(entries) if e.event == "failed"] == ["docs.example"]
    served(lab, "twin1", "shop.example", "ledger.example")


def uploads_are_mounted_once(lab: Lab, host: str) -> bool:
    """Seen in a mount of its own, and that one in no second: the list of mounts has each twice below a shared one."""
    number = f"cd {UPLOADS}; exec 3<.; id=$(sed -n 's/^mnt_id:\\t//p' /proc/self/fdinfo/3)"
    row = "awk -v id=$id '{ at[$1] = $5; up[$1] = $2 } END { print at[id], at[up[id]] }' /proc/self/mountinfo"
    return lab.run(host, f"{number}; {row}").out == f"{UPLOADS} /srv\n" and not executes(lab, host, UPLOADS)


def test_put_right_the_same_command_continues_to_its_end(lab: Lab) -> None:
    assert lab.run("twin1", f"cat > {TSIG}", stdin=STORY.tsig).ok
    said = activate(lab, STORY.seals[-1][:12])
    assert said.ok, said.err
    served(lab, "twin1", *SITES)
    assert 2001 in rows(lab)
    assert uploads_are_mounted_once(lab, "twin1")
    assert lab.run("twin1", "ls -d /srv/vhosts/.seawall-*").out.count(".seawall-kept-") <= 1
    assert not re.findall(r"\.seawall-(?!kept)\S+", lab.run("twin1", "ls -A /srv/vhosts").out)


def test_people_are_told_once_of_each_vhost_as_soon_as_they_can_be(lab: Lab) -> None:
    waiting = good(typed(lab, "drp", "status", "--json"))["untold"]
    assert {row["key"].partition(".")[2] for row in waiting} >= set(SITES)
    assert any("tickets.log" in str(row["error"]) for row in waiting)
    assert lab.run("twin1", f"rmdir {TICKETS}").ok
    good(typed(lab, "drp", "tickets", "--again", "--json"))
    all_told(lab)
    assert good(typed(lab, "drp", "status", "--json"))["untold"] == []
    told = lab.run("twin1", f"sed -n 's/^Reference: //p' {TICKETS}").out.splitlines()
    assert len(told) == len(set(told))  # alarms of the vault as well
    assert sorted(key.partition(".")[2] for key in told if key.endswith(SITES)) == sorted(SITES)


def test_the_same_command_after_success_changes_nothing_and_loses_nothing(lab: Lab) -> None:
    add_row(lab, 3001)
    lab.run("twin1", f"echo twin > {FROM_TWIN}")
    assert activate(lab, STORY.seals[-1][:12]).ok
    events = {entry.event for entry in last_run(journal(lab, "twin1", jobs(lab, "twin1", "activate")[-1]))}
    assert events == {"opened", "held", "closed"}
    assert 3001 in rows(lab)
    assert lab.run("twin1", f"cat {FROM_TWIN}").out == "twin\n"


def test_a_return_that_is_only_looked_at_does_nothing(lab: Lab) -> None:
    said = typed(lab, "drp", "return")
    assert said.ok, said.err
    served(lab, "twin1", *SITES)


def test_a_return_that_is_killed_on_both_hosts_comes_to_its_end(lab: Lab, tmp_path: Path) -> None:
    lab.heal("limburg")
    order = tmp_path / "order.json"
    said = typed(lab, "drp", "order", "--return", "--by=carol", f"--file={order}")
    assert said.ok, said.err
    words = ("return", "--order", str(order), "--yes")
    fault(typed(lab, "drp", *words), 6, "carol", "alice")  # she may ask for it, and decides nothing
    argv = ["ssh-keygen", "-Y", "sign", "-f", str(lab.approver("bob")), "-n", "order@seawall", str(order)]
    assert attempt(argv, timeout=20).ok  # as he would, where nothing of ours is installed
    order.with_name("order.json.sig").rename(tmp_path / "order.json.bob.sig")
    writer.start(lab, every=0.1)
    driver = driven(lab, *words)
    kill_job(lab, "twin1", "withdraw", at=4)
    kill_job(lab, "web1", "restore", at=6)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate(timeout=20)
    kill_job(lab, "web1", "restore", at=9, whom="main")
    said = typed(lab, "drp", "return", *by(lab), "--yes", "--json")
    assert good(said)["ok"]
    served(lab, "web1", *SITES)
    for host in ("web1", "twin1"):
        for kind in ("ahead", "warm", "withdraw", "restore", "redirect"):
            for job in jobs(lab, host, kind):
                assert journal(lab, host, job)[-1].detail["ok"] is True


def test_what_the_twin_took_in_is_on_production(lab: Lab) -> None:
    writer.stop(lab)
    loss = writer.counted(lab)
    assert loss.acknowledged > 50
    assert loss.lost == ()
    assert {2001, 3001} <= rows(lab)
    assert lab.run("web1", f"cat {FROM_TWIN}").out == "twin\n"
    assert uploads_are_mounted_once(lab, "web1")


def test_what_production_wrote_alone_is_kept_aside(lab: Lab) -> None:
    assert 6666 not in rows(lab)
    assert not lab.run("web1", f"cat /srv/vhosts/docs.example/public/{ALONE}").ok
    kept = lab.run("web1", f"cat /srv/vhosts/.seawall-kept-*/docs.example.*/public/{ALONE}")
    assert kept.out == "alone\n"
    assert '"6666"' in _rows_kept(lab)


def _rows_kept(lab: Lab) -> str:
    """Ask the database server's own single-user mode what stands in the data that was moved aside."""
    script = """set -e; d=$(ls -d /var/lib/postgresql/*/main.kept-*/main.0); v=$(cat $d/PG_VERSION)
        cp -a $d /var/lib/postgresql/looked-at
        echo 'SELECT number FROM entries WHERE number = 6666' | runuser -u postgres -- \\
          /usr/lib/postgresql/$v/bin/postgres --single -D /var/lib/postgresql/looked-at \\
          -c config_file=/etc/postgresql/$v/main/postgresql.conf -c hba_file=/etc/postgresql/$v/main/pg_hba.conf \\
          -c data_directory=/var/lib/postgresql/looked-at -c external_pid_file= ledger 2>&1
        rm -rf /var/lib/postgresql/looked-at"""
    return lab.run("web1", script).out


def test_whoever_serves_is_who_is_backed_up(lab: Lab) -> None:
    assert lab.run("web1", "systemctl is-active seawall-backup").out.strip() == "active"
    assert lab.run("twin1", "systemctl is-active seawall-backup").out.strip() != "active"
    assert {name.split(".")[0] for name, _ in archives(lab)} == {"web1"}


def test_yesterdays_command_does_not_send_visitors_to_a_stale_copy(lab: Lab) -> None:
    fault(activate(lab, STORY.seals[-1][:12]), 6, "return")
    served(lab, "web1", *SITES)


def test_there_is_nothing_to_return_twice(lab: Lab) -> None:
    fault(typed(lab, "drp", "return", *by(lab), "--yes"), 6, "web1")


def test_what_happened_can_be_told_from_both_hosts_journals(lab: Lab, tmp_path: Path) -> None:
    assert set(json.loads(typed(lab, "drp", "report", "--json").out)["vhosts"]) == set(SITES)
    assert typed(lab, "drp", "report").out.count(".example: recovery point") == len(SITES)
    page = tmp_path / "report.html"
    assert typed(lab, "drp", "report", f"--html={page}").ok
    assert "NOT PROVEN" not in page.read_text(encoding="utf-8")
    assert all(f"<td>{name}</td>" in page.read_text(encoding="utf-8") for name in ("alice", "bob", "carol"))
