"""Archives as directories on real hosts: seen by root alone, in nobody's way, and gone when whoever shows them is."""

from collections.abc import Iterator
from typing import Any

import pytest
from beginnings import HOSTS, installed
from chain import archives, fault, good, on
from hardening import own_lab

from effects.clock import wait_until
from effects.run import Result
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

LEFT = """findmnt -n /mnt; ls -A /mnt; ls -d /var/lib/seawall/mounts/*/
systemctl -q is-failed 'seawall-mount-*' && echo failed"""
SITE = "/srv/vhosts/ledger.example"
WITHIN = "from seawall.cli import main; from backups import mounting as it\n{}\nmain()"
INTERRUPT = "def stop(*_, **__): raise KeyboardInterrupt\nit.wait_until = stop"
BRIEF = "from datetime import timedelta; it.LONGEST = timedelta(seconds=10)"
# The side that has the newest goes away when it was listed, and before it is read.
LOSE = """from effects.run import run; real = it.candidates
def lose(*words):
    found = real(*words)
    run(["ip", "route", "add", "blackhole", dict(EVEN, ODD)[found[0].side]], timeout=9)
    return found
it.candidates = lose"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(HOSTS, above=installed()) as made:
        yield made


def mount(lab: Lab, host: str, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = good(on(lab, host, "backup", "mount", "/mnt", *words, "--json"))
    return found


def changed(lab: Lab, change: str, *words: str) -> Result:
    """The command on web1, in which something is another."""
    argv = ["/opt/seawall/bin/python", "-c", WITHIN.format(change), "backup", "mount", "/mnt", *words]
    return lab.run("web1", argv, timeout=100)


def gone(lab: Lab, host: str) -> None:
    late = Failed("something of a mount stays", hint="systemctl status 'seawall-mount-*'")
    wait_until(lambda: not lab.run(host, LEFT).out, timeout=60, late=late)


def test_what_is_missing_is_said_and_typing_that_is_enough(lab: Lab) -> None:
    for host in ("web1", "twin1"):
        said = on(lab, host, "backup", "mount", "/mnt")
        fault(said, 3, "apt-get install python3-llfuse; ")
        wanted = said.err.partition("hint: ")[2].partition(";")[0]
        assert lab.run(host, f"apt-get -q update && {wanted} -qy --no-install-recommends", timeout=120).ok


def test_it_is_read_by_root_alone_while_the_next_archive_is_taken(lab: Lab) -> None:
    found = mount(lab, "web1")
    assert found["mountpoint"] == "/mnt"
    same = lab.run("web1", f"diff -r --no-dereference {SITE} /mnt{SITE} && cmp /etc/fstab /mnt/etc/fstab", timeout=120)
    assert same.ok, same.out[-2000:] + same.err
    assert "Read-only" in lab.run("web1", "rm -rf /mnt/etc/ssh").err
    assert "denied" in lab.run("web1", "runuser -u nobody -- ls /mnt").err
    options = lab.run("web1", "findmnt -no OPTIONS /mnt").out
    assert {"ro", "nosuid", "nodev", "noexec"} <= set(options.strip().split(","))
    good(on(lab, "web1", "backup", "files", "--json"))
    fault(on(lab, "web1", "backup", "mount", "/mnt"), 6, "mounted at /mnt already", "umount /mnt")
    assert lab.run("web1", "umount /mnt").ok
    gone(lab, "web1")


@pytest.mark.parametrize(("kind", "file"), [("mariadb", "ibdata1"), ("postgresql", "PG_VERSION")])
def test_a_twin_looks_at_its_clients_snapshots(lab: Lab, kind: str, file: str) -> None:
    found = mount(lab, "twin1", "--host=web1", f"--kind={kind}")
    assert found["archive"].startswith(f"web1.{kind}.")
    assert lab.run("twin1", f"test -s /mnt/{file}").ok, lab.run("twin1", "ls -R /mnt | head -n 30").out
    assert lab.run("twin1", f"systemctl stop {found['unit']}").ok
    gone(lab, "twin1")


def test_a_name_with_anything_in_it_is_taken_and_a_dry_run_mounts_nothing(lab: Lab) -> None:
    place = "/root/a \\x41 $HOME 'quoted' %n"
    assert lab.run("web1", ["mkdir", place]).ok
    (name, _), *_ = sorted(row for row in archives(lab) if ".files." in row[0])
    would = good(on(lab, "web1", "backup", "mount", place, f"--archive={name}", "--dry-run", "--json"))
    assert (would["archive"], would["until"], lab.run("web1", ["ls", "-A", place]).out) == (name, None, "")
    found = good(on(lab, "web1", "backup", "mount", place, f"--archive={name}", "--json"))
    assert (found["archive"], found["mountpoint"]) == (name, place)
    assert lab.run("web1", ["test", "-s", f"{place}/etc/fstab"]).ok
    assert lab.run("web1", f"systemctl kill --signal=KILL {found['unit']}").ok
    late = Failed("a dead mount stays", hint="systemctl status 'seawall-mount-*'")
    wait_until(lambda: lab.run("web1", ["rmdir", place]).ok, timeout=30, late=late)
    lab.run("web1", "systemctl reset-failed")


def test_nothing_stays_of_one_that_was_interrupted_or_whose_time_is_up(lab: Lab) -> None:
    assert changed(lab, INTERRUPT).code == 130
    gone(lab, "web1")
    good(changed(lab, BRIEF, "--kind=mariadb", "--json"))
    gone(lab, "web1")


def test_a_side_that_is_lost_is_told_and_the_other_shows_what_it_has(lab: Lab) -> None:
    sides = ", ".join(f"{side}={lab.address(f'vault-{side}')!r}" for side in ("even", "odd"))
    said = changed(lab, LOSE.replace("EVEN, ODD", sides), "--json")
    found = good(said)
    lost = "odd" if found["side"] == "even" else "even"
    assert f"not from the {lost} side: vault-{lost}" in said.err
    assert lab.run("web1", "umount /mnt").ok
    gone(lab, "web1")
    found = mount(lab, "web1")  # and now it is not even listed
    assert found["side"] != lost
    assert lab.run("web1", "umount /mnt").ok
    gone(lab, "web1")  # before its server is lost as well: ssh would wait a minute for it
    lab.run("web1", f"ip route add blackhole {lab.address('vault-' + found['side'])}")
    fault(on(lab, "web1", "backup", "mount", "/mnt"), 4, "does not answer", "backup server")


def test_what_makes_no_sense_is_said_before_anything_is_done(lab: Lab) -> None:
    fault(on(lab, "twin1", "backup", "mount", "/usr/bin"), 6, "no empty directory")
    lab.run("twin1", "mkdir -p /etc/here")
    fault(on(lab, "twin1", "backup", "mount", "/etc/here"), 6, "/etc/here is saved")
    fault(on(lab, "twin1", "backup", "mount", "/mnt", "--archive=x", "--at=2026-11-22"), 2, "in one way")
    fault(on(lab, "twin1", "backup", "mount", "/mnt", "--host=web1", "--archive=x"), 3, "no archive x")
