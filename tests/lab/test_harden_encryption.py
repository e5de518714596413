"""Encryption at rest: what a thief of the disk finds, what a host does alone, and that nothing is lost on the way.

The hosts are a lab of their own, web1 with a disk. The tests run in the order of the file: data is moved under faults
first, then the host is started with its key server and without.
"""

import os
import shutil
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pytest
from chain import toolkit
from hardening import SEAWALL, SITES, UPLOADS, changes, counted, executes, harden, own_lab, ssh_port_answers, status

from effects.clock import wait_until
from effects.run import Result, attempt
from estate.problem import Failed, Untrusted
from lab import Lab

pytestmark = pytest.mark.lab
BEFORE, AFTER, BESIDE = "what was moved", "what was written when all was encrypted", "what was never encrypted"
PASSPHRASE = "staple horse battery correct"
MOVE = "seawall-encryption-move.service"
SITE = "/srv/vhosts/docs.example/public"
PLACES = ("/srv/vhosts", "/var/lib/mysql", "/var/lib/postgresql", "/var/lib/seawall/spool")
# Dies with its whole unit at a call of a program whose words match, once.
FAULT = """cat > /usr/local/sbin/{program} <<'END'
#!/bin/sh
case "$*" in {words}) rm -f "$0"; systemctl kill -s KILL {unit}; sleep 60;; esac
exec /usr/bin/{program} "$@"
END
chmod 755 /usr/local/sbin/{program}"""
# On standard input: the journal keeps the command line of what is logged.
SQL = {"mariadb": "mariadb -N shop", "postgresql": "runuser -u postgres -- psql -AtXq ledger"}
TABLE = "CREATE TABLE IF NOT EXISTS thief (words varchar(99));"
TOOLKIT = """set -e; mkdir /root/wheels; tar -xf /root/wheels.tar -C /root/wheels; python3 -m venv /root/toolkit
/root/toolkit/bin/pip install --quiet --no-index --find-links /root/wheels seawall
umask 077; echo nothing secret > /root/passphrase"""
# A copy of each database as backups take it, and what the DRP does to bring it and a site back, by way of a repository
# on this disk.
CYCLE = """
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from backups import paths, restore
from backups.engines import server
from backups.repository import Repository
from estate.model import Engine
from estate.points import FILES, archive_name
class Local(Repository):
    url = "/root/borg"
paths.BORG = Path("/root/toolkit/bin/borg")
repository = Local("web1", "files", "even", None, Path("/root/passphrase"))
repository.init()
def saved(kind, sources, cwd):
    repository.create(archive_name("web1", kind, datetime.now(UTC)), sources, cwd=cwd)
    return next(one for one in repository.archives() if one.kind == kind)
for engine in Engine:
    mine = server(engine)
    mine.copy(paths.SPOOL / engine)
    restore.place_database(repository, saved(engine, ["."], paths.SPOOL / engine), mine, "try")
    print(engine, *sorted(mine.databases() & {"shop", "ledger"}))
site = SimpleNamespace(domain="docs.example", directory=Path("/srv/vhosts/docs.example"), uploads=(), paths=(),
                       certificates=Path("/etc/seawall/tls/docs.example"))
held = saved(FILES, ["srv/vhosts/docs.example", "etc/seawall/tls/docs.example"], Path("/"))
restore.place_files(repository, held, site, restore.kept_below("try"))
"""
# As many at once as a busy site has, each as the site's user.
WRITE = f"""
seq 8 | xargs -P 8 -I N sh -c 'mkdir {SITE}/N; for n in $(seq 200); do echo $n > {SITE}/N/$n || exit 255; done'
cat {SITE}/[1-8]/* | wc -l; rm -r {SITE}/[1-8]"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(("web1", "vault-odd", "probe"), disks=("web1",)) as made:
        _ask_for_encryption(made)
        write(made, BEFORE)
        yield made


def _ask_for_encryption(lab: Lab) -> None:
    asked = 'encryption = { key_server = "vault-odd", passphrase = { file = "secrets/web1.volume" } }\n'
    place = 'passphrase = { file = "secrets/web1.passphrase" }\n'
    text = lab.estate_file.read_text(encoding="utf-8").replace(asked, "")
    lab.estate_file.write_text(text.replace(place, place + asked), encoding="utf-8")
    secret(lab, "web1.volume", PASSPHRASE)


def secret(lab: Lab, name: str, value: str) -> None:
    path = lab.directory / "secrets" / name
    path.touch(mode=0o600)
    path.write_text(f"{value}\n", encoding="utf-8")


def write(lab: Lab, words: str) -> None:
    """In a file of a site, and one row more in each database."""
    assert lab.run("web1", f"cat >> {SITE}/note.html", stdin=f"{words}\n").ok
    row = f"INSERT INTO thief VALUES ('{words}');"  # noqa: S608  these are our own words
    for client in SQL.values():
        assert lab.run("web1", client, stdin=f"{TABLE}\n{row}\n").ok


def rows(lab: Lab) -> set[str]:
    """How many there are in each database."""
    return {lab.run("web1", client, stdin="SELECT count(*) FROM thief;\n").out.strip() for client in SQL.values()}


def on_disk(lab: Lab, *wanted: str) -> set[str]:
    """Those of the words that somebody who carries the disk off finds on it."""
    lab.run("web1", "sync")
    with lab.guest("web1").disk.open("rb", buffering=0) as disk:
        return {words for part in _data(disk) for words in wanted if words.encode() in part}


def _data(disk: FileIO) -> Iterator[bytes]:
    """All of a sparse file but its holes, with some bytes twice, so that no words are cut in two."""
    end, at, size = disk.seek(0, os.SEEK_END), 0, 64 << 20
    while at < end:
        try:
            at = disk.seek(at, os.SEEK_DATA)
        except OSError:
            return  # a hole up to the end
        stop = disk.seek(at, os.SEEK_HOLE)
        for start in range(at, stop, size):
            yield os.pread(disk.fileno(), min(size + 4096, stop - start), start)
        at = stop


def encrypted(lab: Lab, *paths: str) -> set[str]:
    """Those of the directories that the kernel encrypts."""
    lines = lab.run("web1", f"lsattr -d {' '.join(paths)}").out.splitlines()
    return {path for flags, path in (line.split() for line in lines) if "E" in flags}


def served(lab: Lab) -> set[str]:
    return {status(lab, f"https://{site}/") for site in SITES}


def wait_until_served(lab: Lab) -> None:
    """PostgreSQL's own unit is called active before its cluster takes connections."""
    late = Failed("not all sites are back", hint="look at: journalctl -u seawall-encryption")
    wait_until(lambda: served(lab) == {"200"}, timeout=60, late=late)


def unlock(lab: Lab, estate: Path | None = None) -> Result:
    return attempt([SEAWALL, "unlock", "web1", "--estate", str(estate or lab.estate_file)], timeout=300)


def harden_and_die(lab: Lab, program: str, words: str, *hosts: str) -> None:
    """Harden while the move is killed before that call."""
    assert lab.run("web1", FAULT.format(program=program, words=words, unit=MOVE)).ok
    assert not harden(lab, *hosts).ok
    assert not lab.run("web1", f"test -e /usr/local/sbin/{program}").ok, "it was never called"


def test_a_file_system_that_cannot_is_refused_before_anything_is_touched(lab: Lab) -> None:
    lab.run("web1", "mkdir /var/lib/seawall && mount -t tmpfs none /var/lib/seawall")
    said = harden(lab, "web1").err
    lab.run("web1", "umount /var/lib/seawall && rmdir /var/lib/seawall")
    assert "is tmpfs, and we encrypt directories of ext4 alone" in said
    assert not ssh_port_answers(lab, "web1")  # ssh moves there with the first measures


def test_a_move_killed_before_the_first_exchange_leaves_the_old_data_serving(lab: Lab) -> None:
    harden_and_die(lab, "rsync", "*--checksum*", "vault-odd", "web1")
    assert encrypted(lab, *PLACES) == set()
    wait_until_served(lab)
    write(lab, "meanwhile")  # the copies are old from here on
    assert rows(lab) == {"2"}


def test_a_move_killed_between_two_exchanges_serves_each_place_from_where_its_truth_is(lab: Lab) -> None:
    harden_and_die(lab, "python3", "*exchange*/var/lib/mysql*", "web1")
    assert encrypted(lab, *PLACES) == {"/srv/vhosts"}
    lab.reboot("web1")
    wait_until_served(lab)
    assert rows(lab) == {"2"}


def test_what_somebody_still_writes_to_is_not_taken_away(lab: Lab) -> None:
    lab.run("web1", "systemd-run -q --unit=hand --working-directory=/var/lib/postgresql sleep infinity")
    said = harden(lab, "web1").err
    lab.run("web1", "systemctl stop hand")
    assert "/var/lib/postgresql is in use" in said
    assert "sleep infinity" in said
    assert served(lab) == {"200"}


def test_the_next_run_completes_it_and_nothing_is_lost(lab: Lab) -> None:
    result = harden(lab, "web1")
    assert result.ok, result.err
    assert encrypted(lab, *PLACES) == set(PLACES)
    assert served(lab) == {"200"}
    assert rows(lab) == {"2"}
    assert lab.run("web1", f"cat {SITE}/note.html").out == f"{BEFORE}\nmeanwhile\n"
    assert lab.run("web1", "ls -d /srv/.seawall* /var/lib/.seawall* /var/lib/seawall/.seawall*").out == ""
    assert not executes(lab, "web1", UPLOADS)


def test_many_who_write_at_once_are_all_served(lab: Lab) -> None:
    lab.run("web1", f"chown docs {SITE}")
    assert lab.run("web1", ["runuser", "-u", "docs", "--", "sh", "-c", WRITE]).out.strip() == "1600"


def test_copies_of_databases_and_what_is_brought_back_are_encrypted(lab: Lab) -> None:
    write(lab, AFTER)
    shutil.copy(toolkit(), lab.guest("web1").root / "root/wheels.tar")
    assert lab.run("web1", TOOLKIT, timeout=180).ok
    done = lab.run("web1", ["/root/toolkit/bin/python", "-c", CYCLE], timeout=180)
    assert done.ok, done.err
    assert done.out.splitlines() == ["mariadb shop", "postgresql ledger"]
    assert rows(lab) == {"3"}
    assert served(lab) == {"200"}
    seen = encrypted(lab, *PLACES, "/var/lib/mysql.kept-try/mysql.0", "/var/lib/seawall/spool/mariadb", SITE)
    assert len(seen) == len(PLACES) + 3


def test_the_disk_tells_a_thief_nothing_and_has_no_passphrase(lab: Lab) -> None:
    lab.run("web1", "cat > /root/beside", stdin=f"{BESIDE}\n")
    assert on_disk(lab, AFTER, BESIDE, PASSPHRASE) == {BESIDE}
    assert lab.run("web1", f"grep -raF '{PASSPHRASE}' /run").out == ""


def ask(lab: Lab, host: str, key: str, server: str, words: str = "") -> Result:
    known = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o ConnectTimeout=5"
    return lab.run(host, f"ssh -F none -p 2222 -i {key} {known} volume-web1@{server} {words}")


def test_only_the_host_itself_gets_its_passphrase_and_nothing_else(lab: Lab) -> None:
    server, own = lab.address("vault-odd"), "/etc/ssh/ssh_host_ed25519_key"
    assert ask(lab, "web1", own, server, "cat /etc/shadow").out == f"{PASSPHRASE}\n"
    lab.run("web1", "ssh-keygen -q -t ed25519 -N '' -f /root/other")
    assert ask(lab, "web1", "/root/other", server).out == ""
    stolen = lab.run("web1", f"cat {own}").out
    lab.run("vault-odd", "umask 077; cat > /root/stolen", stdin=stolen)
    assert ask(lab, "vault-odd", "/root/stolen", "127.0.0.1").out == ""
    lab.run("vault-odd", "rm /root/stolen")


def test_a_passphrase_that_is_kept_is_never_replaced_by_another(lab: Lab) -> None:
    secret(lab, "web1.volume", "another one")
    result = harden(lab, "vault-odd")
    secret(lab, "web1.volume", PASSPHRASE)
    assert not result.ok
    assert "only one of them opens" in result.err


def test_a_reboot_opens_it_by_itself_and_the_next_run_changes_nothing(lab: Lab) -> None:
    lab.reboot("web1")
    wait_until_served(lab)
    assert not executes(lab, "web1", UPLOADS)
    assert set(changes(counted(lab, "vault-odd", "web1")).values()) == {0}


def test_without_its_key_server_the_host_answers_ssh_and_serves_nothing(lab: Lab) -> None:
    lab.halt("vault-odd")
    lab.halt("web1")
    lab.guest("web1").boot()
    late = Failed("ssh does not answer on a locked host", hint="look at its console")
    wait_until(lambda: ssh_port_answers(lab, "web1"), timeout=60, late=late)
    assert served(lab) == {"000"}
    active = "systemctl list-units --plain --no-legend --state=active"
    assert lab.run("web1", f"{active} nginx.service mariadb.service 'postgresql@*' 'php*fpm*' 'seawall-php*'").out == ""
    assert not lab.run("web1", "ls /srv/vhosts/docs.example || touch /srv/vhosts/beside").ok
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
    wait_until_served(lab)
    assert rows(lab) == {"3"}
    assert not executes(lab, "web1", UPLOADS)
