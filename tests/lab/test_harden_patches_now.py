"""What patching at once and the weekly run must never do: stop half way, cut something off, meet the other end.

A lab of a web server, its twin, which is not hardened, and a visitor that serves their packages.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import patched
import pytest
from hardening import SEAWALL, SUITE, counted, own_lab, ssh_port_answers
from patched import answered, seawall, started, version

from effects.clock import wait_until
from estate.problem import Failed
from lab import Lab, repository

pytestmark = pytest.mark.lab
PHP = ("libargon2-1", "seawall-php-shop.service")  # a library, and a unit that has it open
TOOL = "/usr/local/lib/seawall/patching"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(("web1", "twin1", "probe")) as made:
        counted(made, "web1")
        yield made


def test_a_kernel_comes_although_it_is_a_package_of_its_own(lab: Lab, tmp_path: Path) -> None:
    patched.publish(lab, tmp_path, "linux-image-lab", 1)
    assert lab.run("web1", "apt-get -q update; apt-get -qy install linux-image-lab", timeout=60).ok
    patched.publish(lab, tmp_path, "linux-image-9.9-lab", 2)
    patched.publish(lab, tmp_path, "linux-image-lab", 2, "Depends: linux-image-9.9-lab\n")
    shown = answered(seawall(lab, "patches", "now", "web1", "--dry-run", "--json"))["web1"]
    assert {(one["package"], one["installed"], one["candidate"]) for one in shown["upgrades"]} == {
        ("linux-image-lab", "1", "2"), ("linux-image-9.9-lab", "", "2")}  # fmt: skip
    assert seawall(lab, "patches", "now", "web1", "--package", "linux-image-lab").ok
    assert (version(lab, "linux-image-lab"), version(lab, "linux-image-9.9-lab")) == ("2", "2")


def test_a_driver_that_dies_in_the_middle_stops_nothing(lab: Lab) -> None:
    newer, before = repository.newer(lab, PHP[0]), started(lab, PHP[1])
    hold = "/etc/apt/apt.conf.d/zz-hold"
    until = "touch /run/held; until [ -e /run/go ]; do sleep 0.1; done"
    lab.guest("web1").run(f"echo 'DPkg::Pre-Invoke {{\"{until}\";}};' > {hold}; rm /var/lib/seawall/patches.json")
    late = Failed("patching did not go on", hint="look at seawall-patches-now.service")
    estate = {**os.environ, "SEAWALL_ESTATE": str(lab.estate_file)}
    with subprocess.Popen([SEAWALL, "patches", "now", "web1", "--package", PHP[0]], env=estate) as driver:
        wait_until(lambda: lab.run("web1", "test -e /run/held").ok, timeout=60, late=late)
        driver.kill()
    assert version(lab, PHP[0]) != newer
    again = seawall(lab, "patches", "now", "web1", "--package", PHP[0])
    lab.run("web1", "touch /run/go")
    wait_until(lambda: lab.run("web1", "test -e /var/lib/seawall/patches.json").ok, timeout=60, late=late)
    lab.run("web1", f"rm {hold} /run/held /run/go")
    assert again.code == 7
    assert version(lab, PHP[0]) == newer
    assert started(lab, PHP[1]) != before
    assert lab.run("web1", "dpkg --audit").out == ""


def test_no_activation_is_cut_off(lab: Lab) -> None:
    lab.guest("web1").run("""systemd-run -q --unit=seawall-drp@lab sleep infinity
        touch -d '2 days ago' /var/lib/apt/periodic/upgrade-stamp""")
    patched.replace_the_c_library(lab)
    pid = started(lab, "nginx")
    refused = seawall(lab, "patches", "now", "web1")
    patched.weekly_run(lab)
    report = json.loads(lab.run("web1", "cat /var/lib/seawall/patches.json").out)
    stamp = lab.run("web1", "find /var/lib/apt/periodic/upgrade-stamp -mmin -60").out
    lab.run("web1", "systemctl stop seawall-drp@lab; systemctl reset-failed")
    assert refused.code == 7
    assert "nothing was installed: seawall-drp@lab.service is at work" in refused.err
    assert report["faults"] == ["nothing was restarted: seawall-drp@lab.service is at work"]
    assert "nginx.service" in report["left"]
    assert stamp == ""
    assert started(lab, "nginx") == pid


def test_a_snapshot_of_the_databases_is_waited_for(lab: Lab) -> None:
    lock = "/var/lib/seawall/databases.lock"
    lab.guest("web1").run(
        f"systemd-run -q --unit=snapshot flock {lock} sh -c 'touch /run/held; sleep 3; touch /run/end'"
    )
    late = Failed("the lock was not taken", hint="look at the unit snapshot")
    wait_until(lambda: lab.run("web1", "test -e /run/held").ok, timeout=30, late=late)
    assert lab.run("web1", f"{TOOL} free && test -e /run/end && rm /run/held /run/end", timeout=60).ok


def test_the_two_ends_of_a_pair_are_never_patched_together_by_two_people(lab: Lab) -> None:
    lab.guest("twin1").run("""systemd-run -q --unit=hardened /usr/sbin/sshd -D -p 2222
        systemd-run -q --unit=seawall-patched sleep infinity""")  # as far as this test looks
    late = Failed("twin1 does not answer", hint="look at its unit hardened")
    wait_until(lambda: ssh_port_answers(lab, "twin1"), timeout=30, late=late)
    result = seawall(lab, "patches", "now", "web1")
    lab.guest("twin1").run("systemctl stop seawall-patched")
    alone = seawall(lab, "patches", "now", "web1", "--package", "jq")
    assert result.code == 7
    assert "twin1, the other end of its pair, is at it: seawall-patched.service" in result.err
    assert alone.ok, alone.err


def test_what_somebody_took_from_backports_gets_its_fixes_from_there(lab: Lab) -> None:
    for codename, priority in ((f"{SUITE}-backports", 100), ("elsewhere", -1)):
        line = patched.flat(lab, codename, "Debian Backports", codename)
        options = "-o Dir::Etc::sourcelist=/run/try.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=/run/try"
        lab.guest("web1").run(f"mkdir -p /run/try/partial; echo '{line}' > /run/try.list; apt-get -q {options} update")
        said = lab.run("web1", f"apt-cache {options} policy; rm -r /run/try /run/try.list").out
        assert re.search(rf"^ *{priority} file:/srv/{codename}", said, re.MULTILINE), said


def test_a_source_that_only_says_that_it_is_debians_is_named(lab: Lab) -> None:
    liar = "/etc/apt/sources.list.d/liar.list"
    line = patched.flat(lab, "liar", "Debian", SUITE)
    lab.guest("web1").run(f"echo '{line}' > {liar}; apt-get -q update")
    seen = answered(seawall(lab, "surface", "web1", "--json"))["web1"]
    assert seen["sources"] == [f"file:/srv/liar/ ({liar}:1)"]
    lab.guest("web1").run(f"rm {liar}")


def test_whose_a_mirror_is_apt_says_and_not_its_address(lab: Lab) -> None:
    sources = "/etc/apt/sources.list.d"
    lab.guest("web1").run(
        f"sed -i '/^Signed-By/d' {sources}/debian.sources; cp {patched.KEYRING} /etc/apt/trusted.gpg.d"
    )
    team = "deb https://anybody.example/debian stable main"
    lab.guest("web1").run(f"echo '{team}' > {sources}/team.list")
    counted(lab, "web1")
    seen = lab.run("web1", f"grep -c ^Signed-By {sources}/debian.sources; cat {sources}/team.list").out.splitlines()
    lab.guest("web1").run(f"rm {sources}/team.list /etc/apt/trusted.gpg.d/debian-archive-keyring.gpg")
    assert seen == ["2", team]
