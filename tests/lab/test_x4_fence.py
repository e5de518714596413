"""Production that comes back while its twin serves: it serves nobody, saves nothing, and can't change that itself."""

import json
from typing import Any

import chain
import pytest
from chain import SITES, fault, good, on, typed
from streaming import wait_flowing

from effects.clock import now, wait_until
from effects.journal import parse
from effects.reach import answers
from effects.run import Result
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

VAULTS = ("vault-even", "vault-odd")
SSH = "ssh -i /etc/seawall/ssh/id_ed25519 -p 2222 -o BatchMode=yes -o UserKnownHostsFile=/etc/seawall/known_hosts"
SERVERS = ("nginx", "mariadb", "postgresql", "cron", "seawall-backup", "seawall-stream")
GUARD = "seawall-fence.service"
BLIND = f"/run/systemd/system/{GUARD}.d"
JOBS = "/var/lib/seawall/drp"


@pytest.fixture(autouse=True)
def ready(lab: Lab) -> None:
    chain.prepare(lab)


def fence(lab: Lab) -> dict[str, Any]:
    """As `seawall drp status` tells it."""
    found = good(typed(lab, "drp", "status", "--json"))["fence"]
    assert isinstance(found, dict)
    return found


def key(lab: Lab) -> str:
    """With which alice signs."""
    return f"--key={lab.approver('alice')}"


def saved(lab: Lab) -> dict[str, str]:
    """Checksums of all that the backup servers have of web1."""
    look = (
        "cd /srv && find borg/web1/*/data streams/web1 -type f -exec sha256sum {} +; cat /var/lib/seawall-fence/web1/h*"
    )
    return {vault: lab.run(vault, look).out for vault in VAULTS}


def visited(lab: Lab, host: str, domain: str = "ledger.example") -> Result:
    """What somebody gets who still has the address of `host`."""
    there = f"--resolve {domain}:443:{lab.address(host)} https://{domain}/"
    return lab.run("twin1", f"curl -sSfk --max-time 5 {there}")


def running(lab: Lab) -> set[str]:
    said = lab.run("web1", f"systemctl is-active {' '.join(SERVERS)}").out.split()
    return {unit for unit, state in zip(SERVERS, said, strict=True) if state == "active"}


def newest(lab: Lab, kind: str) -> str:
    return lab.run("twin1", f"cd {JOBS} && ls -tr | grep ^{kind}- | tail -1").out.strip()


def test_production_that_can_not_be_reached_is_fenced_by_two_of_three(lab: Lab) -> None:
    before = fence(lab)
    assert before["holder"] == "web1"
    assert running(lab) == set(SERVERS)
    good(on(lab, "web1", "backup", "files", "--json"))
    good(on(lab, "web1", "backup", "databases", "--json"))
    lab.cut("limburg")
    seal = good(typed(lab, "drp", "plan", "--json"))["seal"]
    said = typed(lab, "drp", "activate", f"--seal={seal}", "--by=alice", key(lab))
    assert said.ok, said.err
    found = fence(lab)
    assert found["epoch"] > before["epoch"]
    assert (found["holder"], found["agree"], found["witnesses"]) == ("twin1", 2, 3)
    assert [line for line in found["said"] if "vault-even does not answer" in line]
    for domain in SITES:
        assert visited(lab, "twin1", domain).ok
    assert running(lab) == set(SERVERS)  # it has heard of nothing


def test_root_on_production_neither_saves_nor_lifts_it(lab: Lab) -> None:
    blinded = f"mkdir -p {BLIND}; printf '[Service]\nExecStart=\nExecStart=true\n' > {BLIND}/blind.conf"
    assert lab.run("web1", f"{blinded}; systemctl daemon-reload; systemctl stop seawall-backup").ok  # as root may
    lab.heal("limburg")
    assert lab.run("twin1", f"systemctl start {GUARD}").ok  # as its timer does every minute
    assert fence(lab)["agree"] == 3
    before = saved(lab)
    fault(on(lab, "web1", "backup", "databases"), 6, "fenced: twin1 serves since", "seawall drp return")
    fault(on(lab, "web1", "backup", "files"), 6, "fenced: twin1 serves since")
    asked = "fence 99 aaaaaaaaaaaa web1 2026-11-22T03:00:00+00:00"
    for vault in VAULTS:
        for user in ("borg-web1", "borg-twin1-ro", "stream-web1", "stream-twin1-ro"):
            door = f"timeout 10 {SSH} {user}@{lab.address(vault)}"
            lab.run("web1", f"{door} '{asked}' < /dev/null; echo '{asked}' | {door} x")
    late = Failed("the shipper was not refused", hint="look at web1")
    wait_until(lambda: "fenced: twin1" in shipped(lab), timeout=30, late=late)
    assert saved(lab) == before
    assert fence(lab)["holder"] == "twin1"


def shipped(lab: Lab) -> str:
    return lab.run("web1", "journalctl -q --no-pager -u seawall-stream").out


def test_what_was_only_cut_off_is_held_once_it_hears_of_it(lab: Lab) -> None:
    assert running(lab) == {*SERVERS} - {"seawall-backup"}
    lab.run("web1", f"rm -r {BLIND}; systemctl daemon-reload; systemctl start {GUARD}")
    held(lab)
    fault(on(lab, "web1", "backup", "databases"), 6, "this host is fenced", "seawall drp status")
    assert good(typed(lab, "drp", "look", "--json"))["serving"] == "twin1"
    assert "twin1 serves in the place of web1" in typed(lab, "drp", "look").out
    told = good(typed(lab, "drp", "status", "--json"))["findings"]
    assert "seawall drp return" in next(one["do"] for one in told if one["about"] == "serving")
    assert not [one for one in told if one["host"] == "web1" and one["about"] in ("backup", "stream")]
    assert not [one for one in told if one["about"] in ("proof", "drill")]


def held(lab: Lab) -> None:
    late = Failed(f"runs: {running(lab)}", hint="journalctl -u 'seawall-fence*' on web1")
    wait_until(lambda: not running(lab), timeout=60, late=late)
    assert not visited(lab, "web1").ok
    assert not answers(lab.address("web1"), 80, timeout=1)
    assert not lab.run("web1", "pgrep -x 'mariadbd|postgres|nginx'").out
    assert "twin1 serves since" in lab.run("web1", "systemctl status 'seawall-fence*'").out
    assert "seawall drp return" in lab.run("web1", "cat /run/motd.d/seawall-fence").out
    lab.run("web1", "systemctl start nginx mariadb cron seawall-backup seawall-stream")
    assert running(lab) == set()
    assert visited(lab, "twin1").ok


def test_a_boot_starts_nothing_that_serves(lab: Lab) -> None:
    before = saved(lab)
    lab.halt("web1")
    lab.guest("web1").boot()
    late = Failed("web1 does not come back", hint="look at it")
    wait_until(lambda: answers(lab.address("web1"), 2222, timeout=1), timeout=60, late=late)
    up = Failed("it does not come to the end of its boot", hint="systemctl list-jobs on web1")
    wait_until(lambda: lab.run("web1", "systemctl is-system-running").out.strip() in ("running", "degraded"),
               timeout=60, late=up)  # fmt: skip
    held(lab)
    assert saved(lab) == before


def test_another_order_of_the_same_epoch_is_refused_before_it_changes_anything(lab: Lab) -> None:
    before, job = fence(lab), newest(lab, "activate")
    order = json.loads(lab.run("twin1", f"cat {JOBS}/{job}/job.json").out)
    other = json.dumps(order | {"seal": "f" * 64, "ordered": now().isoformat()})
    mine = f"activate-{'f' * 12}"  # as if it had been ordered in the same moment
    assert lab.run("twin1", f"mkdir {JOBS}/{mine} && cat > {JOBS}/{mine}/job.json", stdin=other).ok
    unit = f"seawall-drp@{mine}.service"
    lab.run("twin1", f"systemctl start --no-block {unit}")
    late = Failed("it does not end", hint=f"journalctl -u {unit}")
    wait_until(lambda: lab.run("twin1", f"systemctl is-active {unit}").out.strip() == "failed", timeout=60, late=late)
    entries = parse(lab.run("twin1", f"cat {JOBS}/{mine}/journal.jsonl").out, name=mine)
    assert [(e.event, e.step) for e in entries] == [
        ("opened", ""), ("begun", "fence"), ("failed", "fence"), ("held", "schedule"), ("closed", ""),
    ]  # fmt: skip
    assert entries[3].detail["evidence"] == "nobody was let in"
    assert order["seal"][:12] in str(entries[2].detail["error"])
    assert fence(lab) == before
    lab.run("twin1", f"rm -r {JOBS}/{mine}; systemctl reset-failed")


def test_a_return_lifts_it_and_backups_flow_again(lab: Lab) -> None:
    chain.add_row(lab, 4001)
    before = fence(lab)
    assert good(typed(lab, "drp", "return", "--by=alice", key(lab), "--yes", "--json"))["ok"]
    found = fence(lab)
    assert (found["holder"], found["agree"]) == ("web1", 3)
    assert found["epoch"] > before["epoch"]
    late = Failed(f"runs: {running(lab)}", hint="look at web1")
    wait_until(lambda: running(lab) == set(SERVERS), timeout=30, late=late)
    wait_flowing(lab, "even", "odd")
    good(on(lab, "web1", "backup", "databases", "--json"))
    for domain in SITES:
        assert visited(lab, "web1", domain).ok
    assert 4001 in chain.rows(lab)
    assert not lab.run("web1", "ls /run/motd.d/seawall-fence /var/lib/seawall/fence/held").out
    again = lab.run("web1", "/opt/seawall/bin/seawall host guard")
    assert again.out.startswith("serving")
