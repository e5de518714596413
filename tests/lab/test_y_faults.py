"""Every fault that a host, a disk, a cable or a database has: nothing that was saved is lost, and it is said."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from chain import fault, good, on, todays, toolkit, typed
from faulty import FURNISH, begun, contents, described, kill, killed, python, small
from hardening import copied_estate, own_lab

from effects.clock import wait_until
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

SHOP, DOCS = "/srv/vhosts/shop.example", "/srv/vhosts/docs.example"
SPOOL = "/var/lib/seawall/spool"
STOPPED = "systemctl stop mariadb && cd /var/lib/mysql/shop &&"
DICE = random.Random(47)  # noqa: S311 - the same instants each time
LATE = Failed("it did not come to that", hint="look at the lab's hosts")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Not hardened, since nothing here is about that; each act is the test's own."""
    with own_lab(("web1", "vault-even", "vault-odd", "twin1")) as made:
        path = copied_estate(made, tmp_path_factory.mktemp("estate"))
        path.write_text(path.read_text(encoding="utf-8").replace("ssh_port = 2222", "ssh_port = 22"), encoding="utf-8")
        made.run("web1", "find /srv/vhosts/docs.example -size +1M -delete -o -name '*[1-9]*' -type f -delete")
        good(typed(made, "install", "--json", "--wheels", toolkit(), estate=path))
        for vault in ("vault-even", "vault-odd"):  # as hardening does, which lets go of a dead session after 300 s
            alive = "printf 'ClientAliveInterval 5\nClientAliveCountMax 3\n' > /etc/ssh/sshd_config.d/alive.conf"
            assert made.run(vault, f"{alive} && systemctl reload ssh").ok
        for host, unit in (("web1", "seawall-backup"), ("twin1", "seawall-keeper")):
            made.run(host, f"systemctl stop {unit}")
        yield made


def whole(lab: Lab) -> None:
    """A run of databases now leaves nothing owed, nothing half, and no litter; all archives of a server are alike."""
    taken = good(on(lab, "web1", "backup", "databases", "--json"))
    assert [one["error"] for one in taken] == [None] * 4
    assert not lab.run("web1", f"ls -A {SPOOL}").out
    for kind in ("mariadb", "postgresql"):
        counted = contents(lab, kind)
        assert {(one["archive"], one["side"]) for one in taken if one["kind"] == kind} <= set(counted)
        assert max(counted.values()) - min(counted.values()) <= 3, counted  # WAL and binary logs come and go
    status = json.loads(on(lab, "web1", "backup", "status", "--json").out)["hosts"][0]
    assert not [part for one in status["subjects"] if one["kind"] != "files" for part in one["parts"] if part["owes"]]


def proof(lab: Lab) -> dict[str, Any]:
    """What the twin finds; this lab has no web servers, so it is not proven as a whole."""
    said = on(lab, "twin1", "backup", "prove", "--now", "--json")
    assert said.code in (0, 8), said.err
    return dict(json.loads(said.out))


def against(document: dict[str, Any], kind: str) -> list[str]:
    """What was found against the archive of that kind."""
    mine = {one["id"] for one in document["archives"] if one["kind"] == kind}
    return [one["what"] for one in document["findings"] if mine & set(one["archives"])]


def test_everything_that_a_file_system_has_comes_back(lab: Lab) -> None:
    there = f"{SHOP}/odd"
    lab.run("web1", f"mkdir {there}")
    try:
        python(lab, "web1", FURNISH, cwd=there)
        good(on(lab, "web1", "backup", "files", "--json"))
        good(on(lab, "web1", "backup", "restore", there, "--to=/root/back", "--json"))
        before, after = described(lab, "web1", there), described(lab, "web1", f"/root/back{there}")
        assert max(map(len, before)) > 3500
        assert before.pop(b"/socket")  # nobody listens on it any more
        assert after == before
    finally:
        lab.run("web1", f"chattr -R -ia {there} /root/back; rm -rf {there} /root/back")


STAGES = ("mariadb-backup --backup", "mariadb-backup --prepare", "borg create.*mariadb", "pg_basebackup",
          "pg_verifybackup", "borg create.*postgresql")  # fmt: skip


def test_killed_at_each_stage_the_next_run_gets_past_it(lab: Lab) -> None:
    for stage in STAGES:  # each begins where the one before was killed
        kill(lab, "web1", begun(lab, "web1", f"[{stage[0]}]{stage[1:]}", "backup", "databases"))
    whole(lab)


def test_killed_between_the_archive_and_its_memory_it_is_taken_again(lab: Lab) -> None:
    before = set(contents(lab, "postgresql"))
    lab.run("web1", "systemd-run -q --collect --unit=holder flock /var/lib/seawall/backup.lock sleep 600")
    unit = begun(lab, "web1", "[b]org create.*postgresql", "backup", "databases")
    wait_until(lambda: len(set(contents(lab, "postgresql")) - before) == 2, timeout=60, late=LATE)
    kill(lab, "web1", unit)
    lab.run("web1", "systemctl stop holder")
    whole(lab)


def test_what_a_run_started_that_was_killed_alone_has_its_spool_to_itself(lab: Lab) -> None:
    there = f"stat -c '%i %w' {SPOOL}/mariadb"
    unit = begun(lab, "web1", "[b]org create.*mariadb", "backup", "databases")
    lab.run("web1", "pkill --signal STOP -f '[b]org create'")
    try:
        kill(lab, "web1", unit, alone=True)
        before = lab.run("web1", there).out
        after = begun(lab, "web1", "[s]eawall backup databases", "backup", "databases")
        lab.run("web1", "timeout 3 tail -f /dev/null")  # it would be at its copy by now
        assert lab.run("web1", there).out == before != ""
    finally:
        lab.run("web1", "pkill --signal CONT -f '[b]org create'")
    wait_until(lambda: not lab.run("web1", f"systemctl is-active {after}").ok, timeout=120, late=LATE)
    whole(lab)


def test_killed_at_any_instant_the_next_run_is_whole(lab: Lab) -> None:
    for turn in range(4):
        killed(lab, "web1", DICE.uniform(0.2, 7), "backup", "databases", alone=turn % 2 == 0)
    whole(lab)


def test_a_cable_that_is_cut_in_the_middle_of_an_archive(lab: Lab) -> None:
    """Production notices at once, and the backup server when it asks; the next run waits for that."""
    assert lab.run("web1", f"mkdir {DOCS}/large && head -c 60000000 /dev/urandom > {DOCS}/large/noise").ok
    document = json.loads(lab.run("web1", "cat /etc/seawall/estate.json").out)
    slow = document | {"backup": document["backup"] | {"upload_limit_kib": 3000}}
    lab.run("web1", "cat > /etc/seawall/estate.json", stdin=json.dumps(slow))
    side, rule = todays(lab), f"INPUT -p tcp -s {lab.address('web1')} -j REJECT --reject-with tcp-reset"
    size = "du -sb /srv/borg/web1/files/data | cut -f 1"
    before, there = int(lab.run(f"vault-{side}", size).out), set(contents(lab, "files"))
    unit = begun(lab, "web1", "[b]org create.*files", "backup", "files")
    wait_until(lambda: int(lab.run(f"vault-{side}", size).out) > before + 5_000_000, timeout=60, late=LATE)
    try:
        assert lab.run(f"vault-{side}", f"iptables -I {rule}").ok
        lab.run("web1", "cat > /etc/seawall/estate.json", stdin=json.dumps(document))
        wait_until(lambda: not lab.run("web1", f"systemctl is-active {unit}").ok, timeout=200, late=LATE, every=1)
    finally:
        lab.run(f"vault-{side}", f"iptables -D {rule}")
        lab.run("web1", "cat > /etc/seawall/estate.json", stdin=json.dumps(document))
    said = lab.run("web1", f"journalctl --no-pager --output=cat --unit={unit}").out
    assert f"vault-{side}" in said
    assert {where for name, where in set(contents(lab, "files")) - there} == {side.other}  # the day is not lost
    good(on(lab, "web1", "backup", "files", "--json"))
    assert [one for one in set(contents(lab, "files")) - there if one[1] == side]
    lab.run("web1", f"rm -r {DOCS}/large")


def test_a_disk_that_fills_while_databases_are_copied(lab: Lab) -> None:
    before = set(contents(lab, "mariadb"))
    with small(lab, "web1", SPOOL, "size=1g,nr_inodes=60,mode=711"):
        fault(on(lab, "web1", "backup", "databases"), 7, "No space left", SPOOL)
        assert not lab.run("web1", f"find {SPOOL} -type f").out
    assert set(contents(lab, "mariadb")) == before
    whole(lab)


def test_a_crashed_table_is_named_and_what_was_saved_before_stays(lab: Lab) -> None:
    engines = {"isam": "MyISAM", "aria": "Aria", "inno": "InnoDB"}
    rows = "AS SELECT REPEAT('x', 90) AS t FROM seq_1_to_5000;"
    make = "".join(
        f"CREATE OR REPLACE TABLE {name} (t TEXT) ENGINE={engine} {rows}" for name, engine in engines.items()
    )
    assert lab.run("web1", "mariadb shop", stdin=f"{make} FLUSH TABLES;").ok
    before = set(contents(lab, "mariadb"))
    for harm, name in (
        ("printf SEAWALL | dd of=inno.ibd bs=1 seek=70000 conv=notrunc", "./shop/inno.ibd"),
        ("truncate --size=100000 aria.MAD", "./shop/aria.MAD"),
    ):
        assert lab.run("web1", f"{STOPPED} {harm} && systemctl start mariadb").ok
        fault(on(lab, "web1", "backup", "databases"), 7, f"{name} is damaged", "--latest")
        assert lab.run("web1", f"mariadb shop -e 'DROP TABLE {name[7:11]}'").ok
    assert set(contents(lab, "mariadb")) == before
    assert lab.run("web1", f"{STOPPED} truncate --size=100000 isam.MYD && systemctl start mariadb").ok
    whole(lab)  # files of MyISAM are copied as they are: only a proof opens them
    found = against(proof(lab), "mariadb")
    assert "shop.isam" in found
    assert [what for what in found if "Size of datafile" in what]
    assert lab.run("web1", "mariadb shop -e 'DROP TABLE isam'").ok


def saved(lab: Lab) -> str:
    """An archive of files, now."""
    taken = good(on(lab, "web1", "backup", "files", "--json"))
    return str(next(one["archive"] for one in taken if not one["error"]))


def test_a_vhost_that_was_removed_and_made_again_is_not_mixed_up(lab: Lab) -> None:
    lab.run("web1", f"echo first > {DOCS}/mine; echo old > {DOCS}/only-old")
    first = saved(lab)
    lab.run("web1", f"rm -rf /root/docs; mv {DOCS} /root/docs")
    without = saved(lab)
    lab.run("web1", f"mkdir {DOCS}; echo again > {DOCS}/mine")
    again = saved(lab)
    fault(on(lab, "web1", "backup", "restore", DOCS, f"--archive={without}", "--to=/root/none"), 3, DOCS)
    for name, held in ((first, "first old"), (again, "again")):
        good(on(lab, "web1", "backup", "restore", DOCS, f"--archive={name}", f"--to=/root/{name}", "--json"))
        assert lab.run("web1", f"cd /root/{name}{DOCS} && cat mine only-old").out.split() == held.split()


def test_a_swap_that_is_killed_at_any_instant_loses_neither_state(lab: Lab) -> None:
    there = f"{DOCS}/swapped"
    lab.run("web1", f"mkdir {there}; echo BEFORE-THE-SWAP > {there}/file")
    name = saved(lab)
    lab.run("web1", f"echo AFTER-THE-ARCHIVE > {there}/file")
    words = ("backup", "restore", there, f"--archive={name}", "--swap", "--yes")
    for _ in range(4):
        killed(lab, "web1", DICE.uniform(0.5, 4), *words)
    assert on(lab, "web1", *words).ok
    assert lab.run("web1", f"cat {there}/file").out == "BEFORE-THE-SWAP\n"
    assert lab.run("web1", "grep -rl AFTER-THE-ARCHIVE /var/lib/seawall").out
