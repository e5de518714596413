"""Patches, origins and what is on a host: a lab of a web server, and a visitor that serves its packages.

The tests run in the order of the file, on a host that is hardened once.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import patched
import pytest
from beginnings import hardened
from feeds import mirror
from hardening import changes, counted, harden, own_lab, ssh_port_answers
from patched import FOREIGN, answered, broken, seawall, sites_answer, started, version

from lab import Lab, repository

pytestmark = pytest.mark.lab
LIBRARY = "libpcre2-8-0"  # which the web server and PHP have open
TOOL = "/usr/local/lib/seawall/patching"
KERNEL = "/boot/vmlinuz-6.99.0-1-amd64"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(("web1", "probe"), above=hardened()) as made:
        counted(made, "web1")
        yield made


@pytest.fixture(scope="module")
def feeds(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the recorded advisories come from the probe, over TLS."""
    return patched.served(lab, mirror(tmp_path_factory.mktemp("feeds"))) | {
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))
    }


def test_a_host_that_was_never_patched_is_overdue_and_says_so(lab: Lab, feeds: dict[str, str]) -> None:
    result = seawall(lab, "patches", "status", "web1", "--json", env=feeds)
    state = answered(result)["hosts"]["web1"]
    assert result.code == 8
    assert state["overdue"]
    assert state["unknown"] == []
    ranks = {one["cve"]: (one["rank"], one["fixed"], one["advisories"]) for one in state["open"]}
    assert ranks == {
        "CVE-2026-31001": ("alert", True, ["CERTFR-2026-ALE-014"]),
        "CVE-2026-31002": ("high", True, ["DSA-6101-1"]),
        "CVE-2026-31003": ("high", False, ["CERTFR-2026-AVI-0971"]),
    }  # sudo's is closed here, and not named


def test_a_source_of_advisories_that_is_down_is_unknown_and_not_clean(lab: Lab, feeds: dict[str, str]) -> None:
    elsewhere = feeds | {"XDG_CACHE_HOME": f"{feeds['XDG_CACHE_HOME']}/empty"}
    with repository.down(lab):
        result = seawall(lab, "patches", "status", "web1", env=elsewhere)
    assert result.code == 4
    assert "unknown" in result.out
    assert "CERT-FR" in result.err
    assert "debsecan" in result.err


def test_a_foreign_source_is_refused_by_apt_and_its_newer_package_not_taken(lab: Lab) -> None:
    repository.newer(lab, "less", archive=repository.ELSEWHERE)
    patched.foreign_source(lab)
    assert "Candidate: " + version(lab, "less") in lab.run("web1", "apt-cache policy less").out
    assert "+newer1" in lab.run("web1", "apt-cache policy less").out  # it is there


def test_the_weekly_run_installs_debians_patch_and_restarts_what_uses_it(lab: Lab) -> None:
    newer = repository.newer(lab, LIBRARY)
    before = started(lab, "nginx"), version(lab, "less")
    assert version(lab, LIBRARY) != newer
    patched.weekly_run(lab)
    assert version(lab, LIBRARY) == newer
    assert started(lab, "nginx") != before[0]
    assert version(lab, "less") == before[1]
    assert answered(lab.run("web1", f"{TOOL} owed"))["restart"] == []
    assert broken(lab) == []
    assert sites_answer(lab)
    assert ssh_port_answers(lab, "web1")


def test_once_patched_a_host_is_no_more_overdue(lab: Lab, feeds: dict[str, str]) -> None:
    state = answered(seawall(lab, "patches", "status", "web1", "--json", env=feeds))["hosts"]["web1"]
    assert not state["overdue"]
    assert state["needs"] == ["CVE-2026-31001 in nginx, nginx-common: CERTFR-2026-ALE-014", *state["owed"]]
    assert len(state["owed"]) == bool(state["reboot"])  # dbus has that library open, too: nobody restarts it


def test_a_run_without_its_mirror_leaves_no_mark_of_success(lab: Lab) -> None:
    stamp = "stat -c %Y /var/lib/apt/periodic/update-stamp"
    lab.run("web1", "touch -d '20 days ago' /var/lib/apt/periodic/*-stamp")
    before = lab.run("web1", stamp).out
    with repository.down(lab):
        lab.run("web1", "systemctl start apt-daily.service", timeout=240)
        result = seawall(lab, "patches", "now", "web1")
    assert lab.run("web1", stamp).out == before
    assert result.code == 7
    assert "web1: the package lists can't be fetched" in result.err


def test_patching_at_once_shows_what_it_would_do_and_does_it(lab: Lab) -> None:
    newer = repository.newer(lab, "jq")
    shown = answered(seawall(lab, "patches", "now", "web1", "--dry-run", "--json"))["web1"]
    assert [(one["package"], one["candidate"]) for one in shown["upgrades"]] == [("jq", newer)]
    assert version(lab, "jq") != newer
    result = seawall(lab, "patches", "now", "web1", "--package", "jq")
    assert result.ok, result.err
    assert version(lab, "jq") == newer
    assert seawall(lab, "patches", "now", "web1").ok  # all that is owed: nothing; and a mark of success
    assert lab.run("web1", "find /var/lib/apt/periodic/upgrade-stamp -mmin -5").out


def test_after_a_fault_the_other_end_of_the_pair_is_not_touched(lab: Lab) -> None:
    newer = repository.newer(lab, "acl")
    result = seawall(lab, "patches", "now", "web1", "twin1")  # the twin is first, and not up
    assert result.code == 7
    assert "twin1 (" in result.err
    assert "web1: not touched, because of twin1" in result.err
    assert version(lab, "acl") != newer


def test_a_host_that_does_not_answer_is_unknown(lab: Lab, feeds: dict[str, str]) -> None:
    result = seawall(lab, "patches", "status", "web1", "twin1", "--json", env=feeds)
    assert result.code == 4
    assert answered(result)["hosts"]["twin1"]["unknown"]
    assert answered(result)["hosts"]["twin1"]["ok"] is False
    assert seawall(lab, "surface", "twin1").code == 4


def test_after_an_update_of_the_c_library_all_is_restarted_in_order_and_ssh_stays(lab: Lab) -> None:
    patched.replace_the_c_library(lab)
    done = lab.run("web1", f"{TOOL} after", timeout=180)
    assert done.ok, done.err
    order = re.findall(r"restarting (\S+?)(?:@.*)?\.service", done.out)
    place = {name: n for n, name in enumerate(order)}
    assert place["mariadb"] < place["seawall-php-shop"] < place["nginx"] < place["ssh"] == len(order) - 1
    assert place["postgresql"] < place["seawall-php-ledger"]
    assert broken(lab) == []
    assert sites_answer(lab)
    assert ssh_port_answers(lab, "web1")


def test_ssh_is_never_left_stopped_because_it_was_started_too_often(lab: Lab) -> None:
    assert lab.run("web1", "for n in $(seq 9); do systemctl restart ssh || exit 1; done").ok
    assert ssh_port_answers(lab, "web1")


def test_a_service_with_faulty_files_is_not_taken_down_by_its_restart(lab: Lab) -> None:
    lab.run("web1", "echo 'no such thing;' > /etc/nginx/conf.d/broken.conf")
    patched.replace_the_c_library(lab)
    pid = started(lab, "nginx")
    done = lab.run("web1", f"{TOOL} after", timeout=180)
    lab.run("web1", "rm /etc/nginx/conf.d/broken.conf")
    assert done.code == 1
    assert "nginx.service is not restarted, its files are faulty" in done.err
    assert started(lab, "nginx") == pid
    assert sites_answer(lab)
    assert lab.run("web1", f"{TOOL} after", timeout=180).ok


@pytest.fixture
def other_estate(lab: Lab, tmp_path: Path) -> Path:
    """A copy of the lab's estate, in UTC."""
    return patched.in_utc(lab, tmp_path)


@pytest.fixture
def rebooting(other_estate: Path) -> Path:
    """An estate that lets its hosts reboot, at this hour."""
    patched.may_reboot(other_estate, patched.hours(-2, 2))
    return other_estate


def test_an_origin_of_the_estate_is_taken_by_its_key_and_gone_with_it(lab: Lab, other_estate: Path) -> None:
    simulate = "apt-get -q update; apt-get -s install less"
    lab.run("web1", f"mv {FOREIGN} {FOREIGN}.aside")
    with other_estate.open("a", encoding="utf-8") as text:
        text.write(patched.origin(lab))
    assert harden(lab, "web1", estate=other_estate).ok
    assert "Inst less" in lab.run("web1", simulate).out
    counted(lab, "web1")
    taken = lab.run("web1", simulate).out
    lab.run("web1", f"mv {FOREIGN}.aside {FOREIGN}; apt-get -q update")
    assert "Inst less" not in taken
    assert not lab.run("web1", "ls /etc/apt/keyrings/* /etc/apt/sources.list.d/seawall-*").ok


def test_a_host_that_would_not_come_back_is_not_rebooted_and_says_why(lab: Lab, rebooting: Path) -> None:
    assert harden(lab, "web1", estate=rebooting).ok
    lab.run("web1", f"touch /run/reboot-required; echo kernel > {KERNEL}; echo 'x /x nofs' >> /etc/fstab")
    result = lab.run("web1", "systemctl start seawall-reboot.service", timeout=60)
    said = lab.run("web1", "journalctl -u seawall-reboot --no-pager").out
    lab.run("web1", f"rm {KERNEL}; sed -i '$d' /etc/fstab; systemctl reset-failed seawall-reboot")
    assert not result.ok
    assert "initrd.img-6.99.0-1-amd64 is missing" in said
    assert "/etc/fstab does not hold" in said
    assert lab.guest("web1").leader() is not None


def test_outside_of_its_window_a_host_is_not_rebooted(lab: Lab, rebooting: Path) -> None:
    window = patched.hours(2, 4)
    patched.may_reboot(rebooting, window)
    assert harden(lab, "web1", estate=rebooting).ok
    result = lab.run("web1", f"touch /run/reboot-required; {TOOL} reboot", timeout=60)
    assert result.code == 1
    assert f"is outside of {window}" in result.err


def test_a_reboot_that_is_owed_happens_in_the_window_and_all_is_well_after_it(lab: Lab, rebooting: Path) -> None:
    assert harden(lab, "web1", estate=rebooting).ok
    lab.run("web1", f"touch /run/reboot-required; {TOOL} reboot", timeout=60)
    patched.comes_back(lab)
    assert "no reboot is owed" in lab.run("web1", f"{TOOL} reboot").out
    assert broken(lab) == []
    counted(lab, "web1")  # the lab's own estate, which leaves reboots to people
    assert changes(counted(lab, "web1")) == {"web1": 0}


DRIFT = {  # what is done by hand, and which operation finds it
    "echo 'deb [trusted=yes] http://x.example/ ./' > /etc/apt/sources.list.d/x.list; "
    "sed -i '/^Signed-By/d' /etc/apt/sources.list.d/debian.sources": "origins: sources with their keys",
    "echo 'APT::Get::AllowUnauthenticated \"1\";' > /etc/apt/apt.conf.d/zz": "origins: nothing unsigned",
    "sed -i 's/-1/990/' /etc/apt/preferences.d/00seawall": "origins: whose packages are taken",
    "systemctl disable --now apt-daily-upgrade.timer": "patches: timers",
    f"echo '#' >> {TOOL}": "patches: what is installed, and when",
}


def test_drift_is_found_and_mended(lab: Lab) -> None:
    for disturb in DRIFT:
        lab.guest("web1").run(disturb)
    found = harden(lab, "web1", "--dry-run").err
    assert [name for name in DRIFT.values() if name not in found] == []
    counted(lab, "web1")
    assert changes(counted(lab, "web1", "--dry-run")) == {"web1": 0}
    assert lab.run("web1", "apt-get -q -o APT::Update::Error-Mode=any update").ok


def test_what_was_planted_is_named(lab: Lab) -> None:
    patched.compared(lab)
    lab.guest("web1").run(patched.PLANT)
    result = seawall(lab, "surface", "web1", "--json")
    seen = answered(result)["web1"]
    kinds = {extra["name"]: extra["kind"] for extra in seen["packages"]}
    assert result.code == 8
    assert kinds["planted"] == "foreign"
    assert kinds["jq"] == kinds["knot"] == "extra"
    assert not {"nginx", "wordpress", "mariadb-server", "openssh-server", "needrestart"} & kinds.keys()
    assert seen["listening"] == ["tcp/8081 (python3)"]
    assert [path.rpartition("/")[2] for path in seen["changed"]] == ["zgrep"]
    assert [FOREIGN in source for source in seen["sources"]] == [True]


def test_what_is_needed_is_not_removed(lab: Lab) -> None:
    names = ("openssh-server", "nginx", "libc6", "planted", "no-such-package")
    words = [word for name in (*names, "jq") for word in ("--package", name)]
    result = seawall(lab, "surface", "web1", "--remove", "--yes", *words)
    assert result.code == 6
    assert f"{', '.join(names)} may not be removed" in result.err
    assert version(lab, "jq")


def test_a_removal_that_would_take_along_what_is_needed_is_refused(lab: Lab) -> None:
    lab.guest("web1").run("apt-mark auto iptables fail2ban ipset > /dev/null")  # so that apt thinks nobody asked
    result = seawall(lab, "surface", "web1", "--remove", "--yes", "--package", "jq")
    lab.guest("web1").run("apt-mark manual iptables fail2ban ipset > /dev/null")
    assert result.code == 6
    assert "would take along what is needed" in result.err
    assert version(lab, "jq")
    assert version(lab, "iptables")


def test_what_nobody_needs_is_shown_first_and_removed_when_asked(lab: Lab) -> None:
    shown = seawall(lab, "surface", "web1", "--remove")
    assert shown.ok, shown.err
    assert " jq" in shown.out
    assert version(lab, "jq")
    done = seawall(lab, "surface", "web1", "--remove", "--yes")
    assert done.ok, done.err
    assert [name for name in ("jq", "knot", "bind9", "curl") if version(lab, name)] == []
    assert not lab.run("web1", f"test -e {FOREIGN}").ok
    assert sites_answer(lab)
    assert broken(lab) == []
    counted(lab, "web1")  # which takes note of what apt did
    assert changes(counted(lab, "web1")) == {"web1": 0}
