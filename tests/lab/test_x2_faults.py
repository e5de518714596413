"""Everything that is wrong is said once, with the host and the next thing to type, and nothing is lost by it."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from chain import archives, estate_of, fault, good, install, on, prepare, todays, typed

from effects.clock import wait_until
from effects.reach import answers
from effects.run import run
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

PASSPHRASE = "/etc/seawall/secrets/passphrase.web1"
KNOWN_HOSTS = "/etc/seawall/known_hosts"


@pytest.fixture(autouse=True)
def ready(lab: Lab) -> None:
    prepare(lab)


@pytest.fixture
def other_estate(lab: Lab, tmp_path: Path) -> Path:
    """A copy of the estate that a test may spoil."""
    shutil.copytree(lab.directory / "secrets", tmp_path / "secrets")
    for name in ("ssh_key", "estate.toml"):
        shutil.copy(lab.directory / name, tmp_path / name)
    return tmp_path / "estate.toml"


@contextmanager
def spoiled(lab: Lab, host: str, path: str, content: str) -> Iterator[None]:
    """Other content in a file of a host, for a while; owner and mode stay."""
    assert lab.run(host, f"cp -a {path} /root/spoiled && cat > {path}", stdin=content).ok
    try:
        yield
    finally:
        assert lab.run(host, f"cat /root/spoiled > {path} && rm /root/spoiled").ok


@contextmanager
def unreachable(lab: Lab, server: str) -> Iterator[None]:
    """Nothing from web1 reaches `server`, and nothing says why."""
    rule = f"INPUT -s {lab.address('web1')} -j DROP"
    assert lab.run(server, f"iptables -I {rule}").ok
    try:
        yield
    finally:
        assert lab.run(server, f"iptables -D {rule}").ok


def another_key(folder: Path) -> str:
    run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", str(folder / "other")], timeout=20)
    return " ".join((folder / "other.pub").read_text(encoding="utf-8").split()[:2])


def test_a_host_that_is_down_is_named(lab: Lab) -> None:
    lab.halt("twin1")
    try:
        fault(typed(lab, "drp", "status"), 4, "twin1", "strasbourg")
        fault(typed(lab, "drp", "plan"), 4, "twin1")
        fault(install(lab), 4, "twin1")
    finally:
        lab.boot("twin1")
    late = Failed("twin1 does not come back", hint="look at it")
    wait_until(lambda: answers(lab.address("twin1"), 2222, timeout=1), timeout=30, late=late)
    assert good(typed(lab, "drp", "status", "--json"))["twin"] == "twin1"


def test_a_host_with_another_key_than_the_pinned_one_is_told_nothing(
    lab: Lab, other_estate: Path, tmp_path: Path
) -> None:
    text = other_estate.read_text(encoding="utf-8")
    pinned = re.search(r'(?s)\[hosts\.twin1\].*?host_key = "([^"]*)"', text)
    assert pinned
    other_estate.write_text(text.replace(pinned[1], another_key(tmp_path)), encoding="utf-8")
    fault(typed(lab, "drp", "status", estate=other_estate), 5, "twin1")
    fault(typed(lab, "drp", "plan", estate=other_estate), 5, "twin1")
    told = "/etc/seawall/secrets"
    before = lab.run("twin1", f"stat -c '%n %z' {told} {told}/*").out
    fault(install(lab, other_estate), 5, "twin1")
    assert lab.run("twin1", f"stat -c '%n %z' {told} {told}/*").out == before


def test_a_secret_that_is_missing_is_missed_before_any_host_is_touched(lab: Lab, other_estate: Path) -> None:
    (other_estate.parent / "secrets/web1.passphrase").unlink()
    fault(install(lab, other_estate), 3, "web1.passphrase")


def test_a_secret_that_others_may_read_is_not_used(lab: Lab, other_estate: Path) -> None:
    (other_estate.parent / "secrets/web1.passphrase").chmod(0o644)
    fault(install(lab, other_estate), 5, "web1.passphrase")


def test_who_is_not_root_is_told_so(lab: Lab) -> None:
    for words in ("backup files", "backup status", "backup list"):
        said = lab.run("web1", f"runuser -u shop -- /opt/seawall/bin/seawall {words}")
        fault(said, 3, "root")


def test_a_wrong_passphrase_is_untrusted_and_nothing_is_written(lab: Lab) -> None:
    before = archives(lab)
    with spoiled(lab, "web1", PASSPHRASE, "not-the-one\n"):
        fault(on(lab, "web1", "backup", "databases"), 5, "vault-even", "vault-odd", "passphrase")
        fault(on(lab, "web1", "backup", "files"), 5, "vault-")
    assert archives(lab) == before
    assert "out of the way" in on(lab, "web1", "backup", "databases").err  # what it was kept with


def test_a_backup_server_with_another_key_is_not_talked_to(lab: Lab, tmp_path: Path) -> None:
    odd = estate_of(lab).hosts["vault-odd"]
    known = lab.run("web1", f"cat {KNOWN_HOSTS}").out
    assert odd.host_key.split()[1] in known
    with spoiled(lab, "web1", KNOWN_HOSTS, known.replace(odd.host_key.split()[1], another_key(tmp_path).split()[1])):
        fault(on(lab, "web1", "backup", "databases"), 5, "vault-odd", "host key")


def test_files_go_to_the_other_side_where_the_days_own_does_not_answer(lab: Lab) -> None:
    side = todays(lab)
    server = f"vault-{side}"
    before = archives(lab)
    with unreachable(lab, server):
        said = on(lab, "web1", "backup", "files", "--json")
        assert said.code == 0
        assert server in said.err
        failed, saved = json.loads(said.out)
    assert (failed["side"], saved["side"], saved["error"]) == (side, side.other, None)
    assert archives(lab) - before == {(saved["archive"], side.other)}


def test_databases_reach_the_side_that_answers_and_the_other_is_named(lab: Lab) -> None:
    before = archives(lab)
    with unreachable(lab, "vault-even"):
        said = on(lab, "web1", "backup", "databases")
        fault(said, 4, "vault-even")
        assert not re.search(r"to vault-odd \(odd\):", said.err)
        listed = on(lab, "web1", "backup", "list", "--json")
        fault(listed, 4, "vault-even")
        assert {row["side"] for row in json.loads(listed.out)["archives"]} == {"odd"}
    new = archives(lab) - before
    assert sorted(name.split(".")[1] for name, _ in new) == ["mariadb", "postgresql"]
    assert {side for _, side in new} == {"odd"}


def test_a_full_disk_on_a_backup_server_loses_nothing(lab: Lab) -> None:
    there = "/srv/borg/web1"
    before = archives(lab)
    script = f"""set -e; size=$(du -sk {there} | cut -f 1)
        mkdir -p /run/full; mount -t tmpfs -o size=$((size + 256))k,mode=750 tmpfs /run/full
        cp -a {there}/. /run/full/; chown --reference={there} /run/full; mount --bind /run/full {there}"""
    assert lab.run("vault-odd", script).ok
    try:
        lab.run("web1", "head -c 3000000 /dev/urandom > /etc/seawall-test.bin")
        fault(on(lab, "web1", "backup", "databases"), 7, "vault-odd", "full")
        assert archives(lab) >= before
    finally:
        assert lab.run("vault-odd", f"umount {there} /run/full").ok
        lab.run("web1", "rm -f /etc/seawall-test.bin")
    assert archives(lab) >= before
    good(on(lab, "web1", "backup", "databases", "--json"))
    assert len({name for name, side in archives(lab) - before if side == "odd"}) == 2
