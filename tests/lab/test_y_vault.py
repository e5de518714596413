"""Root on production means harm, for as long as he likes: what was saved yesterday comes back, and people are told."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from chain import BORG, all_told, good, on, toolkit, typed
from hardening import copied_estate, own_lab
from harm import DESTROY, HARM

from effects.clock import now
from effects.run import Result
from estate.points import FILES, archive_name
from lab import Lab

pytestmark = pytest.mark.lab

BEGIN = now()
DICE = Random(7)  # noqa: S311 - the same instants each time

OPTIONS = "-o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile=/etc/seawall/known_hosts"
RSH = f"ssh -i /etc/seawall/ssh/{{key}} {OPTIONS}"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Not hardened, since nothing here is about that: sshd on port 22, and a flood that is quickly made."""
    with own_lab(("web1", "vault-even", "vault-odd", "twin1")) as made:
        path = copied_estate(made, tmp_path_factory.mktemp("estate"))
        text = path.read_text(encoding="utf-8").replace("ssh_port = 2222", "ssh_port = 22")
        path.write_text(text.replace("[drp]", "[backup.vault]\nmost_a_day = 12\n\n[drp]"), encoding="utf-8")
        made.run("web1", "find /srv/vhosts/docs.example -size +1M -delete")
        good(typed(made, "install", "--json", "--wheels", toolkit(), estate=path))
        for host, unit in (("web1", "seawall-backup"), ("twin1", "seawall-keeper")):
            made.run(host, f"systemctl stop {unit}")  # each act is the test's own
        yield made


def url(lab: Lab, kind: str = "files", *, user: str = "borg-web1", client: str = "web1") -> str:
    return f"ssh://{user}@{lab.address('vault-odd')}:22/srv/borg/{client}/{kind}"


def as_root(lab: Lab, *words: str, host: str = "web1", key: str = "id_ed25519") -> Result:
    """A program with all that root of production has: the key, the passphrase."""
    env = [
        "BORG_BASE_DIR=/root/harm",
        "BORG_PASSCOMMAND=cat /etc/seawall/secrets/passphrase.web1",
        f"BORG_RSH={RSH.format(key=key)}",
        "BORG_EXIT_CODES=modern",
        "BORG_NEW_PASSPHRASE=mine-now" if "change-passphrase" in words else "HARM=1",
        "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING=YES",
    ]
    return lab.run(host, ["env", *env, *words], timeout=120)


def save(lab: Lab, name: str, *options: str, source: str = "/srv/vhosts/docs.example") -> Result:
    return as_root(lab, BORG, "create", *options, f"{url(lab)}::{name}", source)


def named(minutes: float) -> str:
    """An archive of so long ago."""
    return archive_name("web1", FILES, BEGIN - timedelta(minutes=minutes))


def turn(lab: Lab, *options: str) -> tuple[int, dict[str, Any]]:
    said = on(lab, "twin1", "backup", "vault", "turn", "--json", *options)
    assert "Traceback" not in said.err, said.err
    return said.code, json.loads(said.out)


def calm(lab: Lab) -> None:
    """A turn that finds nothing wrong."""
    code, found = turn(lab)
    assert code == 0, [one for one in found["turns"] if one["frozen"]] + found.get("faults", [])


def frozen(lab: Lab, label: str = "web1.files.odd") -> str:
    said = on(lab, "twin1", "backup", "vault", "status", "--json")
    return "; ".join(json.loads(said.out)[label]["frozen"])


def told(lab: Lab) -> str:
    all_told(lab)
    return lab.run("twin1", "cat /var/lib/seawall/tickets.log").out


def restores(lab: Lab, name: str) -> bool:
    """What was saved yesterday comes back on the twin, by an account that can't write."""
    words = ("extract", "--bypass-lock", "--stdout", f"{url(lab, user='borg-web1-ro')}::{name}", "etc/hostname")
    return as_root(lab, BORG, *words, host="twin1").out.strip() == "web1"


@pytest.fixture(scope="module")
def yesterday(lab: Lab) -> str:
    """An archive that the keeper has seen."""
    taken = good(on(lab, "web1", "backup", "files", "--json"))
    calm(lab)
    assert frozen(lab) == ""
    assert taken
    return max(name for name in as_root(lab, BORG, "list", "--short", url(lab)).out.split() if ".files." in name)


@pytest.fixture(autouse=True)
def nothing_is_lost(lab: Lab, yesterday: str) -> Iterator[None]:
    yield
    assert restores(lab, yesterday)


def thawed(lab: Lab) -> None:
    on(lab, "twin1", "backup", "vault", "restore-before", "--yes")
    said = on(lab, "twin1", "backup", "vault", "thaw", "web1.files.odd", "--by=carol", "--why=the test was it")
    assert said.ok, said.err
    calm(lab)


def test_nothing_can_be_destroyed_deleted_or_locked_out_and_each_try_is_told(lab: Lab, yesterday: str) -> None:
    ssh = [*RSH.format(key="id_ed25519").split(), f"borg-web1@{lab.address('vault-odd')}", "x"]
    lab.run("web1", "cat > /root/destroy.py", stdin=DESTROY)
    said = lab.run("web1", ["/opt/seawall/bin/python", "/root/destroy.py", "/srv/borg/web1/files", *ssh]).out
    assert said.split("\n")[1:3] == ["open AlreadyExists", "destroy Denied"]
    for words in (
        ["delete", f"{url(lab)}::{yesterday}"],
        ["delete", url(lab)],
        ["break-lock", url(lab)],
        ["key", "change-passphrase", url(lab)],
    ):
        assert not as_root(lab, BORG, *words).ok, words
    as_root(lab, BORG, "compact", "--threshold=0", url(lab))
    lab.run("web1", "cat > /root/harm.py", stdin=HARM)
    assert as_root(lab, "/opt/seawall/bin/python", "/root/harm.py", url(lab), "overwrite").ok
    calm(lab)
    for what in ("destroying a repository", "deleting what was saved", "breaking a lock", "changing the key"):
        assert what in told(lab)
    calm(lab)
    assert told(lab).count("web1 was refused") == 1  # once


def test_the_key_opens_no_shell_no_file_and_no_tunnel(lab: Lab, yesterday: str) -> None:
    ssh, door = RSH.format(key="id_ed25519"), f"borg-web1@{lab.address('vault-odd')}"
    for host, key in (("web1", "id_ed25519"), ("twin1", "keeper_ed25519")):
        said = lab.run(host, f"{RSH.format(key=key)} {door} 'id; cat /etc/passwd' </dev/null").out
        assert "uid=" not in said
        assert "root:" not in said
    assert not lab.run("web1", f"echo ls | timeout 20 sftp {ssh.removeprefix('ssh ')} {door}").ok
    forward = f"{ssh} -o ExitOnForwardFailure=yes -W 127.0.0.1:22 {door}"
    assert "SSH-2.0" not in lab.run("web1", f"timeout 10 {forward} </dev/null").out
    for path in (url(lab, client="twin1"), url(lab, "another"), url(lab, "files/data"), url(lab, "../../../etc")):
        assert "refused: another directory" in as_root(lab, BORG, "list", path).err, path
    assert "refused" in as_root(lab, BORG, "init", "--encryption=none", url(lab, "another")).err


@pytest.mark.parametrize("how", ["hide", "garbage"])
def test_hidden_archives_freeze_the_repository_and_come_back(lab: Lab, yesterday: str, how: str) -> None:
    lab.run("web1", "cat > /root/harm.py", stdin=HARM)
    assert as_root(lab, "/opt/seawall/bin/python", "/root/harm.py", url(lab), how).ok
    assert not restores(lab, yesterday)  # so this test can fail
    code, found = turn(lab)
    assert code == 9
    assert [one["repository"] for one in found["turns"] if one["frozen"]] == ["web1.files.odd"]
    assert "web1.files.odd is frozen" in told(lab)
    plan = on(lab, "twin1", "backup", "vault", "restore-before")
    assert f"list again: {yesterday}" in plan.out
    assert not restores(lab, yesterday)  # only a plan
    assert not on(lab, "twin1", "backup", "vault", "thaw", "web1.files.odd", "--by=x", "--why=x").ok
    assert on(lab, "twin1", "backup", "vault", "restore-before", "--yes").ok
    assert restores(lab, yesterday)
    assert turn(lab)[0] == 9  # until a person has said that it may go on
    thawed(lab)
    assert save(lab, named(50)).ok  # and production can go on as well


def test_archives_from_the_future_foreign_ones_and_a_flood_freeze_it(lab: Lab, yesterday: str) -> None:
    assert save(lab, "web1.files.2031-01-01T00:00:00Z", "--timestamp=2031-01-01T00:00:00").ok
    assert save(lab, "mine").ok
    assert turn(lab)[0] == 9
    assert "web1.files.2031-01-01T00:00:00Z: it is from the future" in frozen(lab)
    assert "mine: no archive of this repository" in frozen(lab)
    thawed(lab)
    kept = json.loads(on(lab, "twin1", "backup", "retention", "--json").out)
    strange = next(row for row in kept if "2031" in row["archive"])
    assert [why for why in strange["stays"] if "carol" in why]
    many = " ".join(named(40 - n / 10) for n in range(13))
    script = f"for name in {many}; do {BORG} create {url(lab)}::$name /etc/hostname || exit 1; done"
    assert as_root(lab, "sh", "-c", script).ok
    assert turn(lab)[0] == 9
    assert "files: more than 12 new archives" in frozen(lab)
    thawed(lab)


RANSOM = """
import os, sys
from pathlib import Path
for path in Path("/srv/vhosts").rglob("*"):
    if path.is_file() and not path.is_symlink():
        path.write_bytes(os.urandom(path.stat().st_size))
"""


def test_what_ransomware_left_is_suspect_and_lets_nothing_older_go(lab: Lab, yesterday: str) -> None:
    everything, how = ("/etc", "/srv/vhosts"), "--compression=zstd,3"
    for n in range(2):
        assert as_root(lab, BORG, "create", how, f"{url(lab)}::{named(30 - n)}", *everything).ok
        calm(lab)
    assert lab.run("web1", ["python3", "-c", RANSOM], timeout=120).ok
    name = named(20)
    assert as_root(lab, BORG, "create", how, f"{url(lab)}::{name}", *everything).ok
    calm(lab)
    assert re.search(f"{name} on the odd side is suspect: .*encrypted", told(lab))
    kept = {row["archive"]: row for row in json.loads(on(lab, "twin1", "backup", "retention", "--json").out)}
    assert "suspect" in kept[name]["stays"][0]
    assert on(lab, "twin1", "backup", "vault", "fine", name, "--by=carol", "--why=we moved to another format").ok
    kept = {row["archive"]: row for row in json.loads(on(lab, "twin1", "backup", "retention", "--json").out)}
    assert "newest" in "".join(kept[name]["stays"])


REMOVE = """
from dataclasses import replace
from datetime import timedelta
from random import Random
from backups.site import Site
from backups.vault import rounds
from backups.vault.catalogue import Catalogue
from backups.vault.turn import Facts, take
from estate.vault import Keep, VaultPolicy
site = Site.here()
keep = Keep(timedelta(0), daily=0, weekly=0, monthly=0, yearly=1, at_least=1)
rules = replace(rounds.rules_for(site, site.partner), policy=VaultPolicy(files=keep, databases=keep))
for repository in rounds.repositories(site, site.partner):
    if repository.label == "web1.files.odd":
        for days in (0, 8):
            facts = Facts(**repository.told()["repositories"]["files"])
            then = replace(rules, now=rules.now + timedelta(days=days))
            done = take(repository, facts, Catalogue("web1"), then, print)
            print(done.leaving, *done.removed, done.note)
"""


def test_the_keeper_alone_removes_and_compacts_and_a_hold_stops_it(lab: Lab, yesterday: str) -> None:
    assert on(lab, "twin1", "backup", "hold", yesterday, "--by=carol", "--why=a lawsuit").ok
    before = int(lab.run("vault-odd", "du -sk /srv/borg/web1/files").out.split()[0])
    said = lab.run("twin1", ["/opt/seawall/bin/python", "-c", REMOVE], timeout=200)
    assert said.ok, said.err
    first, second = said.out.strip().splitlines()[-2:]
    assert first.strip() == first.split()[0]  # marked, and nothing removed
    assert named(30) in second
    assert yesterday not in second
    listed = as_root(lab, BORG, "list", "--short", url(lab)).out
    assert named(30) not in listed
    assert yesterday in listed
    assert int(lab.run("vault-odd", "du -sk /srv/borg/web1/files").out.split()[0]) < before
    calm(lab)
    assert save(lab, named(10)).ok


def test_a_keeper_that_is_killed_anywhere_removes_the_same_in_the_end(lab: Lab, yesterday: str) -> None:
    for minutes in (20, 18, 16):
        assert save(lab, named(minutes)).ok
    calm(lab)
    for row in json.loads(on(lab, "twin1", "backup", "retention", "--json").out):
        if "suspect" in "".join(row["stays"]):  # smaller than what was there before
            said = on(lab, "twin1", "backup", "vault", "fine", row["archive"], "--by=carol", "--why=a part of it")
            assert said.ok, said.err
    program = ["/opt/seawall/bin/python", "-c", REMOVE]
    for _ in range(5):
        lab.run("twin1", ["timeout", "--signal=KILL", f"{DICE.uniform(0.5, 6):.2f}", *program], timeout=60)
        assert restores(lab, yesterday)
    said = lab.run("twin1", program, timeout=200)
    assert said.ok, said.err
    left = as_root(lab, BORG, "list", "--short", url(lab)).out
    assert yesterday in left
    assert not [minutes for minutes in (20, 18, 16) if named(minutes) in left], said.out
    calm(lab)


def test_the_catalogue_is_signed_and_the_backup_server_has_it_too(lab: Lab, yesterday: str) -> None:
    own = good(on(lab, "twin1", "backup", "catalogue", "--json"))
    copy = good(on(lab, "twin1", "backup", "catalogue", "--from=odd", "--json"))
    assert copy["entries"]["web1"] == own["entries"]["web1"][: len(copy["entries"]["web1"])]
    assert len(copy["entries"]["web1"]) > 10
    path = "/var/lib/seawall/vault/web1.jsonl"
    lab.run("twin1", f"cp -a {path} /root/kept; sed -i '3s/files/filex/' {path}")
    said = on(lab, "twin1", "backup", "vault", "turn")
    lab.run("twin1", f"mv /root/kept {path}")
    assert said.code == 5
    assert "line 3" in said.err


def test_a_flipped_byte_is_found_and_named(lab: Lab, yesterday: str) -> None:
    path = "/srv/borg/web1/databases/data/0"
    assert on(lab, "web1", "backup", "databases").ok
    turn(lab)
    segment = lab.run("vault-odd", f"ls -S {path} | head -1").out.strip()
    assert lab.run("vault-odd", f"printf X | dd of={path}/{segment} bs=1 seek=5000 conv=notrunc").ok
    assert turn(lab, "--check")[0] == 9
    assert "damaged" in frozen(lab, "web1.databases.odd")
    assert segment in frozen(lab, "web1.databases.odd")
