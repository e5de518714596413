"""Replicas on real hosts: cut, purged, lied to, killed; what was committed is there, and nothing else gets in."""

import json
from collections.abc import Iterator

import pytest
from beginnings import hardened
from chain import good, install, on
from hardening import own_lab
from replicas import PYTHON, STEP, costs, follow, held, standing, status, stepped, wait_following
from streaming import DATABASES, asked, start_writer, stop_writer, wait_flowing, written

from effects.clock import now, wait_until
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

SIDES = ("even", "odd")
ENGINES = tuple(DATABASES)
GOAL = 5.0  # seconds of work that may be lost with a datacenter
KNOWN = "/etc/seawall/known_hosts"
SSH = f"ssh -i /etc/seawall/ssh/id_ed25519 -p 2222 -o BatchMode=yes -o UserKnownHostsFile={KNOWN}"
STATE = "/var/lib/seawall/replicas"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Four hosts; replicas that follow."""
    with own_lab(("web1", "vault-even", "vault-odd", "twin1"), above=hardened()) as made:
        good(install(made))  # in this life: an overlay can't rename the replicas of one before
        made.run("web1", "systemctl stop seawall-backup")  # only these tests take snapshots
        made.run("twin1", "systemctl stop seawall-keeper")
        late = Failed("no snapshot", hint="look at web1")
        wait_until(lambda: on(made, "web1", "backup", "databases").ok, timeout=60, late=late)
        wait_flowing(made, *SIDES)
        wait_following(made)
        yield made


def seeded(lab: Lab, engine: str) -> str:
    """When it was last seeded; nothing where it is not."""
    said = lab.run("twin1", f"cat {STATE}/{engine}.json 2> /dev/null").out
    return str(json.loads(said)["seeded"]) if said else ""


def arrives(lab: Lab, engine: str, statement: str, wanted: list[str]) -> None:
    late = Failed(f"{statement}: {held(lab, engine, statement)}", hint="look at twin1")
    wait_until(lambda: held(lab, engine, statement) == wanted, timeout=30, late=late, every=0.2)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_production_commits_is_on_the_twin_and_serves_nobody(lab: Lab, engine: str) -> None:
    asked(lab, "web1", engine, DATABASES[engine], "CREATE TABLE followed (n int PRIMARY KEY)")
    asked(lab, "web1", engine, DATABASES[engine], "INSERT INTO followed VALUES (7)")
    late = Failed("it does not arrive", hint="look at twin1")
    table = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'followed'"
    wait_until(lambda: held(lab, engine, table) == ["1"], timeout=30, late=late, every=0.2)
    arrives(lab, engine, "SELECT n FROM followed", ["7"])
    (port,) = [number for name, number in (("mariadb", "3306"), ("postgresql", "5432")) if name == engine]
    for host in ("web1", "twin1"):  # the replica's way is seen in no other namespace, production's server by no network
        heard = lab.run(host, f"ss -Hltn 'sport = :{port}'").out.split()
        assert not [one for one in heard if one.endswith(f":{port}") and not one.startswith(("127.0.0.1", "[::1]"))]
    assert not lab.run("twin1", f"timeout 3 bash -c '</dev/tcp/{lab.address('web1')}/{port}'").ok
    standby = {"mariadb": ("SELECT @@read_only", "1"), "postgresql": ("SELECT pg_is_in_recovery()", "t")}
    assert held(lab, engine, standby[engine][0]) == [standby[engine][1]]


def test_what_a_loss_costs_is_told_with_the_replica_and_without_it(lab: Lab) -> None:
    good(on(lab, "web1", "backup", "databases", "--json"))
    wait_flowing(lab, *SIDES)
    wait_following(lab)
    found, pair = costs(lab, "limburg"), costs(lab, "web1 and twin1")
    for engine in ENGINES:
        assert found[engine]["now"] < 15, found  # of MariaDB eleven, were there no stream
        assert (found[engine]["promised"], found[engine]["worst"]) == (30, 7200)
        assert pair[engine]["now"] < 15  # the stream, as far as the surviving sides have it
        assert pair[engine]["promised"] == pair[engine]["worst"] == 7200
    assert not [line for line in standing(lab)["trouble"] if "replica" in line]
    assert "s behind" in on(lab, "twin1", "backup", "status").out
    lab.run("web1", "systemctl stop seawall-stream")
    try:
        late = Failed("the stream does not grow old", hint="look at twin1")
        old = lambda: all(costs(lab, "web1 and twin1")[engine]["now"] >= 20 for engine in ENGINES)  # noqa: E731
        wait_until(old, timeout=90, late=late, every=1)
        found, pair = costs(lab, "limburg"), costs(lab, "web1 and twin1")
        for engine in ENGINES:
            assert found[engine]["now"] < 20 <= pair[engine]["now"] < 120, (found, pair)
        lab.run("twin1", "touch /etc/seawall/without-replica")
        assert costs(lab, "limburg")["mariadb"]["now"] >= 20
        said = on(lab, "twin1", "backup", "status", "--monitor")
        assert "activations leave it out" in said.out
        assert said.code in (1, 2)
        assert 'replica_refused{host="web1",engine="mariadb"} 1' in on(lab, "twin1", "backup", "metrics").out
    finally:
        lab.run("twin1", "rm -f /etc/seawall/without-replica")
        lab.run("web1", "systemctl start seawall-stream")
    wait_flowing(lab, *SIDES)


def test_the_twins_key_opens_nothing_else_on_production(lab: Lab) -> None:
    for command in ("id", "cat /etc/passwd", "sftp-server", "mariadb; id"):
        said = lab.run("twin1", f"{SSH} replica-twin@{lab.address('web1')} '{command}' < /dev/null")
        assert not said.ok
        assert "uid=" not in said.out
        assert "root:" not in said.out
    assert not lab.run("twin1", f"{SSH} root@{lab.address('web1')} id").ok
    forward = f"timeout 5 {SSH} -N -o ExitOnForwardFailure=yes -W 127.0.0.1:3306 replica-twin@{lab.address('web1')}"
    assert not lab.run("twin1", forward).out


def test_root_on_production_reads_no_file_of_the_twins_and_runs_nothing_there(lab: Lab) -> None:
    lab.run("twin1", "echo twins > /var/lib/mysql-files.txt; chmod 644 /var/lib/mysql-files.txt")
    lab.run("web1", "echo productions > /var/lib/mysql-files.txt; chmod 644 /var/lib/mysql-files.txt")
    steal = (
        "SET SESSION binlog_format = 'STATEMENT'; CREATE TABLE loot (word text);"
        " INSERT INTO loot SELECT LOAD_FILE('/var/lib/mysql-files.txt'); SET GLOBAL event_scheduler = ON;"
        " CREATE EVENT tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO loot VALUES (@@server_id)"
    )
    asked(lab, "web1", "mariadb", "shop", steal)
    assert asked(lab, "web1", "mariadb", "shop", "SELECT word FROM loot WHERE word LIKE 'prod%'")
    late = Failed("the event does not run on production", hint="look at web1")
    seen = "SELECT count(*) > 2 FROM loot"
    wait_until(lambda: asked(lab, "web1", "mariadb", "shop", seen) == ["1"], timeout=20, late=late)
    arrives(lab, "mariadb", seen, ["1"])
    asked(lab, "web1", "mariadb", "shop", "DROP EVENT tick; SET GLOBAL event_scheduler = OFF")
    assert held(lab, "mariadb", "SELECT count(*) FROM loot WHERE word LIKE 'twins%'") == ["0"]
    mine = int(lab.run("twin1", "mariadb -NBe 'SELECT @@server_id'").out)
    assert held(lab, "mariadb", f"SELECT count(*) FROM loot WHERE word = '{mine}'") == ["0"]  # noqa: S608
    assert held(lab, "mariadb", "SELECT @@event_scheduler") == ["OFF"]
    inside = "nsenter -n -t $(systemctl show -p MainPID --value seawall-replica-mariadb)"
    assert not lab.run("twin1", f"{inside} timeout 3 bash -c '</dev/tcp/{lab.address('vault-odd')}/2222'").ok


def test_another_host_key_is_refused_and_the_right_one_goes_on_without_seeding(lab: Lab) -> None:
    before = {engine: seeded(lab, engine) for engine in ENGINES}
    key = lab.run("twin1", "ssh-keygen -q -t ed25519 -N '' -f /root/other; cut -d' ' -f1,2 /root/other.pub").out.strip()
    swap = f"cp {KNOWN} {KNOWN}.kept; sed -i 's#^\\(\\[{lab.address('web1')}\\]:2222\\) .*#\\1 {key}#' {KNOWN}"
    assert lab.run("twin1", swap).ok
    try:
        lab.run("twin1", "systemctl stop 'seawall-replica-*-link@*.service'")
        late = Failed(f"it still follows: {status(lab)}", hint="look at twin1")
        wait_until(lambda: not any(follow(lab, one) for one in ENGINES), timeout=30, late=late, every=0.5)
        said = lab.run("twin1", "journalctl -q --no-pager -n 50 -u 'seawall-replica-*-link@*'").out
        assert "Host key verification failed" in said
        assert lab.run("twin1", "/opt/seawall/bin/seawall backup replica status").code == 1
        told = standing(lab)
        assert any("replica of mariadb: does not follow" in line for line in told["trouble"])
        assert told["level"] in ("warning", "critical")
        assert on(lab, "twin1", "backup", "status").code == 1
    finally:
        lab.run("twin1", f"mv {KNOWN}.kept {KNOWN}")
    wait_following(lab)
    assert {engine: seeded(lab, engine) for engine in ENGINES} == before


def test_what_production_has_no_longer_is_seeded_anew_by_itself(lab: Lab) -> None:
    before = {engine: seeded(lab, engine) for engine in ENGINES}
    assert lab.run("twin1", "systemctl stop seawall-replica 'seawall-replica-*-link*' 'seawall-replica-*'").ok
    for engine in ENGINES:
        asked(lab, "web1", engine, DATABASES[engine], "INSERT INTO followed VALUES (9)")
    wait_flowing(lab, *SIDES)
    good(on(lab, "web1", "backup", "databases", "--json"))
    purge = 'mariadb -e "FLUSH BINARY LOGS"; mariadb -e "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY"'
    assert lab.run("web1", purge).ok
    wal = (
        'cd /; for n in 1 2 3; do runuser -u postgres -- psql -qAtXc "SELECT pg_switch_wal(); CHECKPOINT" ledger; done'
    )
    assert lab.run("web1", wal).ok
    assert lab.run("twin1", "systemctl start seawall-replica").ok
    late = Failed(f"not seeded anew: {status(lab)}", hint="look at twin1")
    wait_until(lambda: seeded(lab, "mariadb") not in ("", before["mariadb"]), timeout=60, late=late, every=0.5)
    wait_following(lab)
    for engine in ENGINES:
        arrives(lab, engine, "SELECT n FROM followed WHERE n > 7", ["9"])


def test_killed_servers_of_production_are_followed_again(lab: Lab) -> None:
    assert lab.run("web1", "pkill -9 -x mariadbd; pkill -9 -x postgres; systemctl reset-failed").ok
    lab.run("web1", "systemctl restart mariadb 'postgresql@*' postgresql")
    wait_following(lab)
    for engine in ENGINES:
        asked(lab, "web1", engine, DATABASES[engine], "INSERT INTO followed VALUES (10)")
        arrives(lab, engine, "SELECT n FROM followed WHERE n > 9", ["10"])


def there(lab: Lab, engine: str) -> set[int]:
    return {int(row) for row in asked(lab, "twin1", engine, DATABASES[engine], "SELECT n FROM w")}


def test_a_lost_datacenter_costs_a_moment_and_whoever_is_killed_begins_again(lab: Lab) -> None:
    start_writer(lab, 1_000_000)
    wait_flowing(lab, *SIDES)
    lab.run("twin1", "systemctl stop 'seawall-replica' 'seawall-replica-mariadb-link*'")  # this one falls behind
    behind = len(written(lab, "mariadb")) + 300
    wait_until(lambda: len(written(lab, "mariadb")) > behind, timeout=30, late=Failed("no writer", hint="look at web1"))
    wait_flowing(lab, *SIDES)
    lab.cut("limburg")
    cut = now().timestamp()
    try:
        assert lab.run("twin1", "cat > /root/step.py", stdin=STEP).ok
        _kill_in_the_middle(lab)
        for engine in ENGINES:
            said = good(stepped(lab, engine, "a"))
            assert "by its replica" in said["evidence"], said
            promised = {n: at for n, at in written(lab, engine).items() if at <= cut}
            found = there(lab, engine)
            missing = sorted(at for n, at in promised.items() if n not in found)
            assert cut - (missing or [cut])[0] < GOAL, f"{engine}: {said}"
            assert said["until"] <= (missing or [cut])[0], f"{engine} has less than is told: {said}"
            assert cut - said["until"] < 3 * GOAL, f"{engine} is told to have much less than it has: {said}"
        assert "transactions of the stream after it" in good(stepped(lab, "mariadb", "a"))["evidence"]
        assert "PostgreSQL" in asked(lab, "twin1", "postgresql", "ledger", "SELECT version()")[0]
        asked(lab, "twin1", "postgresql", "ledger", "CREATE TABLE writable (n int)")
        asked(lab, "twin1", "mariadb", "shop", "CREATE TABLE writable (n int)")
        assert asked(lab, "twin1", "mariadb", "shop", "SHOW SLAVE STATUS") == []
    finally:
        stop_writer(lab)
        lab.heal("limburg")


def _kill_in_the_middle(lab: Lab) -> None:
    """As soon as the replica's place is written down, and again a moment later."""
    for _ in range(2):
        unit = "systemd-run -q --collect --unit=seawall-test-step"
        assert lab.run("twin1", f"{unit} {PYTHON} /root/step.py postgresql a").ok
        over = "! systemctl is-active -q seawall-test-step || grep -q '\"frozen\":{' " + f"{STATE}/postgresql.json"
        late = Failed("the step never froze the replica", hint="look at twin1")
        wait_until(lambda: lab.run("twin1", over).ok, timeout=60, late=late, every=0.05)  # noqa: B023
        lab.run("twin1", "systemctl kill -s KILL seawall-test-step; systemctl stop seawall-test-step")


def test_a_twin_that_serves_follows_nobody_and_one_that_does_not_any_more_is_seeded_anew(lab: Lab) -> None:
    assert lab.run("twin1", "systemctl start seawall-backup seawall-replica").ok
    late = Failed(f"it follows while it serves: {status(lab)}", hint="look at twin1")
    wait_until(lambda: all(row["rests"] for row in status(lab).values()), timeout=30, late=late)
    assert not any(row["runs"] for row in status(lab).values())
    assert on(lab, "twin1", "backup", "replica", "status").ok
    lab.run("twin1", "systemctl stop seawall-backup")
    good(on(lab, "web1", "backup", "databases", "--json"))  # of before it served none counts
    wait_following(lab)


def test_the_operators_no_is_heard(lab: Lab) -> None:
    good(on(lab, "web1", "backup", "databases", "--json"))
    wait_flowing(lab, *SIDES)
    lab.run("twin1", "systemctl stop seawall-replica; touch /etc/seawall/without-replica")
    said = good(stepped(lab, "mariadb", "b"))
    assert said["plan"] == []
    assert "transactions of the stream" in said["evidence"]
    assert "by its replica" not in said["evidence"]
