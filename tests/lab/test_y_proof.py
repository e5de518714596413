"""A twin that proves what is saved: what comes up is proven, what does not is found, nothing gets out of the room."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from beginnings import hardened
from chain import on, toolkit, typed
from faulty import small
from hardening import own_lab
from streaming import start_writer, stop_writer

from effects.clock import wait_until
from effects.run import Result
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

HOSTS = ("web1", "vault-even", "vault-odd", "twin1", "probe")
SERVICES = "systemctl show -p MainPID --value mariadb postgresql@15-main nginx"
READY = "/srv/vhosts/.seawall-hydrated"
# What an application could do: reach a host, look into a spool, find a live socket.
SPY = """<?php
$out = [];
foreach (["PROBE", "TWIN"] as $host) if (@fsockopen($host, 80, $no, $why, 2)) $out[] = $host;
if (@opendir("/var/spool/cron") || @stream_socket_client("unix:///run/systemd/private", $no, $why, 1)) $out[] = "host";
echo $out ? "OUT: " . join(",", $out) : "Seawall ledger";
"""


# The first page of an index, overwritten where no server looks until it is read.
BREAK_INDEX = """cd /tmp; psql() { runuser -u postgres -- psql -AtqXd ledger -c "$1"; }
f=$(psql "SELECT pg_relation_filepath(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace LIMIT 1") && psql CHECKPOINT && systemctl stop postgresql@15-main &&
printf XXXXXXXXXXXXXXXX | dd of=/var/lib/postgresql/15/main/$f bs=1 seek=4 conv=notrunc status=none
systemctl start postgresql@15-main"""

# A copy that is not what production holds: the row goes after the copy was made ready, and no log says so.
NOT_THE_SAME = """cp /usr/bin/mariadb-backup /root/ && cat > /usr/bin/mariadb-backup <<'END'
#!/bin/sh
/root/mariadb-backup "$@" || exit
[ "$1" != --prepare ] || mariadb shop -e 'SET sql_log_bin = 0; DELETE FROM few LIMIT 1'
END
mariadb shop -e 'CREATE TABLE few (n INT PRIMARY KEY); INSERT INTO few SELECT seq FROM seq_1_to_9'"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(HOSTS, above=hardened()) as made:
        assert typed(made, "install", "--json", "--wheels", toolkit()).ok
        late = Failed("no first archives", hint="journalctl -u seawall-backup on web1")
        wait_until(lambda: len(saved(made)) >= 6, timeout=400, late=late, every=1)
        assert made.run("web1", "systemctl stop seawall-backup").ok  # only these tests move the world
        yield made


def saved(lab: Lab) -> list[dict[str, Any]]:
    said = on(lab, "twin1", "backup", "list", "--host=web1", "--json")
    return list(json.loads(said.out)["archives"]) if said.ok else []


def save(lab: Lab, *kinds: str) -> None:
    for kind in kinds:
        said = on(lab, "web1", "backup", kind, "--json")
        assert said.ok, said.err


def proof(lab: Lab, *options: str) -> tuple[Result, dict[str, Any]]:
    said = on(lab, "twin1", "backup", "prove", "--json", *options)
    assert said.code in (0, 8), said.err[-3000:]
    return said, json.loads(said.out)


def found(document: dict[str, Any]) -> str:
    return "\n".join(f"{one['subject']}: {one['what']}" for one in document["findings"])


def test_the_keeper_proves_the_first_recovery_point_by_itself_and_disturbs_nothing(lab: Lab) -> None:
    before = lab.run("twin1", SERVICES).out
    assert lab.run("twin1", "systemctl restart seawall-keeper").ok
    late = Failed("the keeper proved nothing", hint="journalctl -u seawall-keeper on twin1")
    wait_until(lambda: lab.run("twin1", "ls /var/lib/seawall/proofs/*.json").ok, timeout=240, late=late, every=1)
    document = json.loads(on(lab, "twin1", "backup", "proofs", "--json").out)[-1]
    assert document["holds"], found(document)
    assert {one["kind"] for one in document["archives"]} == {"files", "mariadb", "postgresql"}
    assert document["vhosts"]["shop.example"]["answer"] == "200 with “Seawall shop”"
    assert document["vhosts"]["docs.example"]["files"] > 2_000
    assert document["databases"]["mariadb.shop"]["rows of wp_posts"] > 20
    assert before == lab.run("twin1", SERVICES).out
    left = lab.run(
        "twin1", f"ls -d /var/lib/*seawall-room /var/lib/postgresql/*/*seawall-room; ls {READY}; stat -c %a {READY}/*"
    )
    assert left.out.split() == ["docs.example", "ledger.example", "shop.example", "700", "700", "700"]
    assert lab.run("twin1", "ls /etc/nginx/sites-enabled").out == ""
    assert lab.run("twin1", "systemctl is-active seawall-room").out.strip() == "inactive"
    assert lab.run(
        "twin1", "systemctl stop seawall-keeper"
    ).ok  # it looks every few minutes; only these tests prove now


def test_what_was_looked_at_is_not_looked_at_again(lab: Lab) -> None:
    assert proof(lab)[1]["at"] == json.loads(on(lab, "twin1", "backup", "proofs", "--json").out)[-1]["at"]


def test_an_application_reaches_nobody_from_the_room(lab: Lab) -> None:
    index = "/srv/vhosts/ledger.example/public/index.php"
    spy = SPY.replace("PROBE", lab.address("probe")).replace("TWIN", lab.address("twin1"))
    assert lab.run("web1", f"cp -p {index} /root/index.php && cat > {index}", stdin=spy).ok
    ask = "curl -sSk --resolve ledger.example:443:127.0.0.1 https://ledger.example/"
    assert "OUT: " in lab.run("web1", ask).out  # so this test can fail
    save(lab, "files")
    document = proof(lab)[1]
    assert document["vhosts"]["ledger.example"].get("answer") == "200 with “Seawall ledger”", found(document)
    assert lab.run("web1", f"cp -p /root/index.php {index}").ok


def test_tables_come_up_as_production_counted_them_while_people_wrote(lab: Lab) -> None:
    start_writer(lab, 1)
    save(lab, "databases")
    stop_writer(lab)
    said, document = proof(lab)
    assert said.code == 0, found(document)
    for subject, table in (("mariadb.shop", "w"), ("postgresql.ledger", "public.w")):
        seen = document["databases"][subject]
        assert seen["as on production"] == f"{seen['tables'] - 1} tables counted; written since: {table}"


def test_a_full_disk_on_the_twin_speaks_against_no_archive_and_loses_nothing(lab: Lab) -> None:
    with small(lab, "twin1", READY, "size=8m"):
        said, document = proof(lab, "--now")
    assert said.code == 8
    assert "not looked at: " in found(document)
    assert "No space left on device" in found(document)
    assert not [one for one in document["findings"] if one["archives"]]
    said, document = proof(lab, "--now")
    assert said.code == 0, found(document)


def test_a_copy_that_is_not_what_production_held_is_found(lab: Lab) -> None:
    assert lab.run("web1", NOT_THE_SAME).ok
    save(lab, "databases")
    assert lab.run("web1", "mv /root/mariadb-backup /usr/bin/ && mariadb shop -e 'DROP TABLE few'").ok
    said, document = proof(lab)
    assert said.code == 8
    assert found(document) == "mariadb.shop: not as production counted it: rows of few: 8 on production, 9 here"
    (finding,) = document["findings"]
    assert finding["archives"] == [one["id"] for one in document["archives"] if one["kind"] == "mariadb"]


def test_emptied_tables_files_that_are_gone_and_a_broken_index_are_found(lab: Lab) -> None:
    assert lab.run("web1", "mariadb shop -e 'CREATE TABLE kept AS SELECT * FROM wp_posts; DELETE FROM wp_posts'").ok
    assert lab.run("web1", "mv /srv/vhosts/docs.example/public /root/public; mkdir /srv/vhosts/docs.example/public").ok
    broken = lab.run("web1", BREAK_INDEX)
    assert broken.ok, broken.err
    save(lab, "files", "databases")
    said, document = proof(lab)
    assert said.code == 8
    what = found(document)
    assert "mariadb.shop: suspiciously small: rows of wp_posts" in what
    assert "docs.example: suspiciously small: files" in what
    assert "docs.example: it answers not as its check says" in what
    assert "postgresql: ledger" in what
    assert {spoken for one in document["findings"] for spoken in one["archives"]} == {
        a["id"] for a in document["archives"]
    }


def test_what_somebody_takes_as_it_is_is_found_no_more_and_the_rest_is(lab: Lab) -> None:
    words = ("backup", "accept", "docs.example", "--by=alice", "--why=moved")
    assert "docs.example: suspiciously small: files" in on(lab, "twin1", *words).out
    assert on(lab, "twin1", *words, "--yes").ok
    what = found(proof(lab, "--now")[1])
    assert "docs.example: suspiciously small" not in what
    assert "mariadb.shop: suspiciously small" in what


def test_killed_in_the_middle_nothing_stays_and_the_next_proof_is_whole(lab: Lab) -> None:
    assert lab.run("web1", "mariadb shop -e 'INSERT INTO wp_posts SELECT * FROM kept; DROP TABLE kept'").ok
    assert lab.run(
        "web1", "rmdir /srv/vhosts/docs.example/public && mv /root/public /srv/vhosts/docs.example/public"
    ).ok
    assert lab.run("web1", "runuser -u postgres -- psql -qXd ledger -c 'REINDEX DATABASE ledger'").ok
    save(lab, "files", "databases")
    unit = "seawall-test-proof"
    assert lab.run("twin1", f"systemd-run -q --collect --unit={unit} /opt/seawall/bin/seawall backup prove --now").ok
    late = Failed("the room never opened", hint="look at twin1")
    wait_until(lambda: lab.run("twin1", "systemctl is-active -q seawall-room").ok, timeout=200, late=late)
    assert lab.run("twin1", f"systemctl kill -s KILL {unit}; systemctl stop seawall-room; true").ok
    said, document = proof(lab, "--now")
    assert said.code == 0, found(document)
    assert lab.run("twin1", "pgrep -f [s]eawall-room; ls -d /var/lib/*[s]eawall-room").out == ""
