"""A drill on hosts: everything comes up and is measured, nothing gets out, and what is hollow fails by name."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chain import SITES, estate_of, good, on, prepare, typed
from outgoing import TCP, UDP, Packet, outgoing

from effects.run import Result
from estate.model import Estate, Role
from lab import Lab

pytestmark = pytest.mark.lab

# What a twin does beside a drill: it follows production, and asks witnesses.
BESIDE = "seawall-keeper seawall-replica seawall-fence.timer 'seawall-replica-*'"
INDEX = "/srv/vhosts/ledger.example/public/index.php"
SPY = """<?php
mail("someone@example.net", "hello", "from a drill");
@gethostbyname("home.example.net");
foreach (["WEB1", "PROBE"] as $host) @fsockopen($host, 443, $no, $why, 1);
echo "Seawall ledger";
"""
PUBLIC = "/srv/vhosts/docs.example/public"
EMPTY = (
    "for t in $(mariadb -BN shop -e 'SHOW TABLES'); do mariadb shop -e \"SET foreign_key_checks=0; TRUNCATE $t\"; done"
)


@pytest.fixture(scope="module", autouse=True)
def ready(lab: Lab) -> Iterator[None]:
    """Saved and proven a moment ago; the twin has nothing else to do."""
    prepare(lab)
    lab.run("web1", "systemctl stop seawall-backup; mariadb-dump shop > /root/shop.sql")
    lab.run("twin1", f"systemctl stop {BESIDE}")
    save(lab)
    proof = on(lab, "twin1", "backup", "prove")
    assert proof.ok, proof.err
    yield
    lab.run("web1", "mariadb shop < /root/shop.sql; systemctl start seawall-backup")
    lab.run("twin1", "systemctl start seawall-keeper seawall-replica seawall-fence.timer")


def save(lab: Lab) -> None:
    for kind in ("files", "databases"):
        good(on(lab, "web1", "backup", kind, "--json"))


def drill(lab: Lab) -> tuple[Result, dict[str, Any]]:
    said = typed(lab, "drp", "drill", "--now", "--json")
    assert said.code in (0, 8), said.err[-3000:]
    return said, json.loads(said.out)


def expected(estate: Estate, packet: Packet) -> bool:
    """Fetching from backup servers, asking name servers without changing anything, answering the control machine."""
    to = {address: host for host in estate.hosts.values() for address in host.addresses}.get(packet.to)
    if to is None:
        return packet.to in estate.control.addresses and packet.source == estate.hosts["twin1"].ssh_port
    if to.role is Role.DNS:
        return packet.port == 53 and (packet.protocol == TCP or (packet.protocol == UDP and packet.code == 0))
    return to.role is Role.BACKUP and (packet.protocol, packet.port) == (TCP, to.ssh_port)


def test_everything_comes_back_and_who_phones_home_reaches_nobody(lab: Lab, tmp_path: Path) -> None:
    spy = SPY.replace("WEB1", lab.address("web1")).replace("PROBE", lab.plan.ipv4(9, 10))
    assert lab.run("web1", f"cp -p {INDEX} /root/index.php && cat > {INDEX}", stdin=spy).ok
    save(lab)
    with outgoing(lab, "twin1") as seen:
        said, done = drill(lab)
    assert lab.run("web1", f"cp -p /root/index.php {INDEX}").ok
    assert said.ok, said.err
    assert [one["domain"] for one in done["vhosts"] if one["rpo"] < 600 and one["rto"] > 0] == list(SITES)
    assert done["closed"]["interfaces"] == ["lo"]
    assert done["closed"]["sent"] == 0
    assert done["closed"]["refused"] > 0  # it tried
    estate = estate_of(lab)
    told = {one for one in seen.packets if one.protocol in (TCP, UDP)}
    assert {one.to for one in told} & {lab.address("vault-even"), lab.address("vault-odd")}  # so this test can fail
    assert [one for one in told if not expected(estate, one)] == []
    page = tmp_path / "drill.html"
    good(typed(lab, "drp", "drill", "--html", str(page), "--json"))
    assert all(f"{site}: RTO" in page.read_text() for site in SITES)


def test_its_page_can_be_checked_with_what_backup_servers_keep(lab: Lab, tmp_path: Path) -> None:
    assert lab.run("twin1", "systemctl start seawall-fence.service").ok  # as its timer does every minute
    page, paper = tmp_path / "drill.html", tmp_path / "drill.pdf"
    done = good(typed(lab, "drp", "drill", "--html", str(page), "--pdf", str(paper), "--json"))
    assert paper.read_bytes().startswith(b"%PDF")
    found = good(typed(lab, "drp", "report", "--verify", str(page), "--online", "--json"))
    job = done["id"].replace(":", "")
    for server in ("vault-even", "vault-odd"):
        assert f"journal twin1:{job}: 1 heads kept by {server}" in [one["what"] for one in found]
    page.write_text(page.read_text().replace("bytes left it", "bytes stayed in it"))
    refused = typed(lab, "drp", "report", "--verify", str(page))
    assert refused.code == 5
    assert "stayed in it" in refused.out


def test_what_is_hollow_fails_by_name_and_the_others_come_back(lab: Lab) -> None:
    assert lab.run("web1", f"mv {PUBLIC} /root/public && mkdir {PUBLIC}; {EMPTY}").ok
    save(lab)
    said, done = drill(lab)
    assert lab.run("web1", f"rmdir {PUBLIC} && mv /root/public {PUBLIC}").ok
    assert said.code == 8
    assert done["failed"] == ["shop.example", "docs.example"]
    why = {one["domain"]: "; ".join(one["faults"]) for one in done["vhosts"]}
    assert "mariadb.shop: suspiciously small: rows" in why["shop.example"]
    assert "suspiciously small: files" in why["docs.example"]
    (found,) = (one for one in good(typed(lab, "drp", "status", "--json"))["findings"] if one["about"] == "drill")
    assert found["level"] == "critical"
    assert "ALARM" in lab.run("twin1", f"grep -rl {done['id']} /var/lib/seawall/outbox | xargs cat").out
