"""Encryption at rest: what a thief of the disk finds, what a host does alone, and that nothing is lost on the way.

The hosts are a lab of their own. The tests run in the order of the file: data is moved under faults first, then the
host is started with its key server and without.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hardening import SEAWALL, SITES, UPLOADS, changes, counted, executes, harden, own_lab, ssh_port_answers, status

from effects.clock import wait_until
from effects.run import Result, attempt
from estate.problem import Failed, Untrusted
from lab import Lab

pytestmark = pytest.mark.lab
WORDS = "a secret of the client of no use to a thief"
TOOL = "/usr/local/lib/seawall/encryption"
MOVE = "seawall-encryption-move.service"
NOTE = "/srv/vhosts/docs.example/public/note.html"
# Dies with its whole unit at a call of a program whose words match, once.
FAULT = """cat > /usr/local/sbin/{program} <<'END'
#!/bin/sh
{before}
case "$*" in {words}) rm -f "$0"; systemctl kill -s KILL {unit}; sleep 60;; esac
{after}
END
chmod 755 /usr/local/sbin/{program}"""
# On standard input: the journal keeps the command line of what is logged.
SQL = {"mariadb": "mariadb -N shop", "postgresql": "runuser -u postgres -- psql -AtXq ledger"}
TABLE = "CREATE TABLE IF NOT EXISTS thief (words varchar(99));"
ROW = f"INSERT INTO thief VALUES ('{WORDS}');"  # noqa: S608  these are our own words
# What the DRP does with a directory that is brought back, without the way of borg in between.
CYCLE = """
import shutil, sys
from pathlib import Path
from backups import paths, restore
from backups.engines import server
from estate.model import Engine
for engine in Engine:
    mine = server(engine)
    spool = paths.SPOOL / engine
    mine.copy(spool)
    stage = mine.data.with_name(mine.data.name + ".seawall-try")
    shutil.copytree(spool, stage)
    restore.run(["chown", "-R", f"{mine.owner}:{mine.owner}", str(stage)], timeout=60)
    stage.chmod(0o700)
    mine.stop()
    restore._swap(stage, mine.data, mine.data.with_name(mine.data.name + ".kept-try"))
    mine.start()
    print(engine, *sorted(mine.databases() & {"shop", "ledger"}))
site, kept = Path("/srv/vhosts/docs.example"), restore.kept_below("try")
stage = site.with_name(".seawall-try")
restore.run(["cp", "-a", str(site), str(stage)], timeout=60)
restore._swap(stage, site, kept)
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(("web1", "vault-odd", "probe")) as made:
        if "encryption" not in made.estate_file.read_text(
            encoding="utf-8"
        ):  # SEAWALL_KEEP_LAB: it has all that already
            _ask_for_encryption(made)
            _fill(made)
        yield made


def _ask_for_encryption(lab: Lab) -> None:
    asked = 'encryption = { key_server = "vault-odd", passphrase = { file = "secrets/web1.volume" } }\n'
    place = 'passphrase = { file = "secrets/web1.passphrase" }\n'
    text = lab.estate_file.read_text(encoding="utf-8")
    lab.estate_file.write_text(text.replace(place, place + asked), encoding="utf-8")
    secret(lab, "web1.volume", "staple horse battery correct")


def secret(lab: Lab, name: str, value: str) -> None:
    path = lab.directory / "secrets" / name
    path.touch(mode=0o600)
    path.write_text(f"{value}\n", encoding="utf-8")


def _fill(lab: Lab) -> None:
    """The words of the client in a file and in both databases; and fewer files, for creating one takes 1 to 3 ms."""
    fewer = "find /srv/vhosts/docs.example -type f ! -name index.html | tail -n +50 | xargs -d '\\n' rm -f"
    assert lab.run("web1", f"{fewer}; cat > {NOTE}", stdin=f"{WORDS}\n").ok
    write_rows(lab)


def write_rows(lab: Lab) -> None:
    """One more in each database."""
    for client in SQL.values():
        assert lab.run("web1", client, stdin=f"{TABLE}\n{ROW}\n").ok


def rows(lab: Lab) -> dict[str, str]:
    return {
        name: lab.run("web1", client, stdin="SELECT count(*) FROM thief;\n").out.strip() for name, client in SQL.items()
    }


def found_on_disk(lab: Lab) -> list[str]:
    """Files in which somebody who carries the disk off finds the client's words."""
    guest = lab.guest("web1")
    lab.run("web1", "sync")
    seen = attempt(["grep", "-rlaF", WORDS, str(guest.upper)], timeout=120)
    return [str(Path(line).relative_to(guest.upper)) for line in seen.out.splitlines()]


def served(lab: Lab) -> set[str]:
    return {status(lab, f"https://{site}/") for site in SITES}


def wait_until_served(lab: Lab) -> None:
    """PostgreSQL's own unit is called active before its cluster takes connections."""
    late = Failed("not all sites are back", hint="look at: journalctl -u seawall-encryption")
    wait_until(lambda: served(lab) == {"200"}, timeout=60, late=late)


def unlock(lab: Lab, estate: Path | None = None) -> Result:
    return attempt([SEAWALL, "unlock", "web1", "--estate", str(estate or lab.estate_file)], timeout=300)


def move_that_dies(lab: Lab, program: str, words: str, *, after_it: bool = False) -> Result:
    """Harden while the move is killed at that call."""
    call = f'/usr/bin/{program} "$@"'
    before, after = (call, "exit") if after_it else ("", f"exec {call}")
    put = FAULT.format(program=program, words=words, unit=MOVE, before=before, after=after)
    assert lab.run("web1", put).ok
    result = harden(lab, "web1")
    assert not lab.run("web1", f"test -e /usr/local/sbin/{program}").ok, "it was never called"
    return result


def boot_locked(lab: Lab) -> None:
    """Start web1 while its key server is down."""
    lab.halt("vault-odd")
    lab.halt("web1")
    lab.guest("web1").boot()
    late = Failed("ssh does not answer on a locked host", hint="look at its console")
    wait_until(lambda: ssh_port_answers(lab, "web1"), timeout=60, late=late)


def test_before_the_disk_tells_everything(lab: Lab) -> None:
    places = {path.split("/")[0] + "/" + path.split("/")[1] for path in found_on_disk(lab)}
    assert places == {"srv/vhosts", "var/lib"}


def test_a_move_killed_before_the_swap_leaves_the_old_data_serving_after_a_reboot(lab: Lab) -> None:
    assert harden(lab, "vault-odd").ok
    assert not move_that_dies(lab, "rsync", "*--checksum*").ok
    lab.reboot("web1")
    wait_until_served(lab)
    write_rows(lab)  # the store's copies are old from here on
    assert rows(lab) == {"mariadb": "2", "postgresql": "2"}


def test_a_move_killed_between_two_swaps_serves_each_place_from_where_its_truth_is(lab: Lab) -> None:
    assert not move_that_dies(lab, "mv", "*/srv/vhosts.plain", after_it=True).ok
    lab.reboot("web1")
    wait_until_served(lab)
    assert rows(lab) == {"mariadb": "2", "postgresql": "2"}
    assert WORDS in lab.run("web1", f"cat {NOTE}").out


def test_the_next_run_completes_it_and_nothing_is_lost(lab: Lab) -> None:
    result = harden(lab, "vault-odd", "web1")
    assert result.ok, result.err
    assert served(lab) == {"200"}
    assert rows(lab) == {"mariadb": "2", "postgresql": "2"}
    assert WORDS in lab.run("web1", f"cat {NOTE}").out
    assert lab.run("web1", "ls -d /srv/*.plain /var/lib/*.plain").out == ""


def test_the_disk_tells_a_thief_nothing(lab: Lab) -> None:
    write_rows(lab)
    assert found_on_disk(lab) == []


def test_the_passphrase_is_on_no_disk_of_the_host_and_not_left_in_memory(lab: Lab) -> None:
    guest = lab.guest("web1")
    assert not attempt(["grep", "-rqaF", "staple horse", str(guest.upper)], timeout=120).ok
    assert lab.run("web1", "grep -raF 'staple horse' /run").out == ""


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    assert set(changes(counted(lab, "vault-odd", "web1")).values()) == {0}


def test_a_reboot_opens_it_by_itself_and_changes_nothing(lab: Lab) -> None:
    lab.reboot("web1")
    wait_until_served(lab)
    assert set(changes(counted(lab, "vault-odd", "web1")).values()) == {0}


def test_neighbours_find_no_way_around_the_walls_of_their_vhosts(lab: Lab) -> None:
    assert lab.run("web1", "ls /srv/clear/private/vhosts").ok
    for directory in ("/srv/clear", "/srv/clear/private/vhosts", "/srv/encrypted/store"):
        assert not lab.run("web1", f"runuser -u docs -- ls {directory}").ok


def ask(lab: Lab, host: str, key: str, server: str, words: str = "") -> Result:
    known = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o ConnectTimeout=5"
    return lab.run(host, f"ssh -F none -p 2222 -i {key} {known} volume-web1@{server} {words}")


def test_only_the_host_itself_gets_its_passphrase_and_nothing_else(lab: Lab) -> None:
    server, own = lab.address("vault-odd"), "/etc/ssh/ssh_host_ed25519_key"
    assert ask(lab, "web1", own, server, "cat /etc/shadow").out == "staple horse battery correct\n"
    lab.run("web1", "ssh-keygen -q -t ed25519 -N '' -f /root/other")
    assert ask(lab, "web1", "/root/other", server).out == ""
    stolen = lab.run("web1", f"cat {own}").out
    lab.run("vault-odd", "umask 077; cat > /root/stolen", stdin=stolen)
    assert ask(lab, "vault-odd", "/root/stolen", "127.0.0.1").out == ""
    lab.run("vault-odd", "rm /root/stolen")


def test_a_passphrase_that_is_kept_is_never_replaced_by_another(lab: Lab) -> None:
    secret(lab, "web1.volume", "another one")
    result = harden(lab, "vault-odd")
    secret(lab, "web1.volume", "staple horse battery correct")
    assert not result.ok
    assert "only one of them opens" in result.err
    assert harden(lab, "vault-odd").ok


def test_a_backup_and_a_restore_go_through_the_store(lab: Lab) -> None:
    for folder in ("estate", "effects", "inventory", "backups"):
        shutil.copytree(Path(__file__).parents[2] / folder, lab.guest("web1").root / "root/toolkit" / folder)
    done = lab.run("web1", ["env", "PYTHONPATH=/root/toolkit", "python3", "-c", CYCLE], timeout=180)
    assert done.ok, done.err
    assert done.out.splitlines() == ["mariadb shop", "postgresql ledger"]
    assert rows(lab) == {"mariadb": "3", "postgresql": "3"}
    assert served(lab) == {"200"}
    assert WORDS in lab.run("web1", "cat /srv/vhosts/.seawall-kept-try/docs.example.0/public/note.html").out
    assert found_on_disk(lab) == []


def test_a_store_that_dies_takes_its_services_down_and_brings_them_back(lab: Lab) -> None:
    old = lab.run("web1", "systemctl show -p MainPID --value mariadb").out
    assert lab.run("web1", "systemctl kill -s KILL seawall-encryption").ok
    late = Failed("the databases did not come back", hint="look at: journalctl -u seawall-encryption")
    wait_until(lambda: rows(lab) == {"mariadb": "3", "postgresql": "3"}, timeout=60, late=late)
    assert lab.run("web1", "systemctl show -p MainPID --value mariadb").out != old
    wait_until_served(lab)
    assert not executes(lab, "web1", UPLOADS)


def test_without_its_key_server_the_host_answers_ssh_and_serves_nothing(lab: Lab) -> None:
    boot_locked(lab)
    assert served(lab) == {"000"}
    for unit in ("mariadb", "postgresql@15-main", "nginx"):
        assert lab.run("web1", f"systemctl is-active {unit}").out.strip() == "inactive"
    assert lab.run("web1", "ls -A /srv/vhosts /var/lib/postgresql | grep -v :").out.strip() == ""
    assert not lab.run("web1", "touch /srv/vhosts/beside").ok
    assert "seawall unlock web1" in harden(lab, "web1").err


def test_a_wrong_passphrase_is_named_and_destroys_nothing(lab: Lab) -> None:
    secret(lab, "wrong", "staple")
    wrong = lab.directory / "wrong.toml"
    wrong.write_text(lab.estate_file.read_text(encoding="utf-8").replace("web1.volume", "wrong"), encoding="utf-8")
    result = unlock(lab, wrong)
    assert result.code == Untrusted.exit_code
    assert "does not open its data; nothing was changed" in result.err
    assert "staple" not in result.err
    assert served(lab) == {"000"}


def test_the_control_machine_opens_it(lab: Lab) -> None:
    result = unlock(lab)
    assert result.ok, result.err
    assert served(lab) == {"200"}
    assert rows(lab) == {"mariadb": "3", "postgresql": "3"}
    lab.boot("vault-odd")
    assert set(changes(counted(lab, "vault-odd", "web1")).values()) == {0}
