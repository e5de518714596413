"""What root does below directories of a vhost's user, who puts links in its way: at a boot, in a run, and all the time.

The user is given a directory that root binds, and a neighbour that he would like to see bound, changed or taken away.
"""

from collections.abc import Iterator

import pytest
from beginnings import hardened
from hardening import changes, counted, executes, harden, own_lab, ssh_port_answers
from neighbours import edited

from effects.clock import wait_until
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

HOME = "/srv/vhosts/evil.docs.example"
FILES, DISK = f"{HOME}/public/files", f"{HOME}/public/disk"
SCRATCH = f"{HOME}/tmp"  # noqa: S108  its PHP's own
TOOL, LIST = "/usr/local/lib/seawall/uploads", "/etc/seawall/uploads"
VICTIM = "/etc/victim"  # root's, and full of what root wants executed
OURS = "\n# What these tests add.\n"
VHOST = """
[vhosts."evil.docs.example"]
host = "web1"
user = "evil"
runtime = "php"
uploads = ["public/files", "public/disk"]
check = { path = "/", expect = "mine" }
"""
OLD = f"{FILES} {FILES} none bind,nofail,nosuid,nodev,noexec 0 0"
# A user who puts a link where his directory was, and takes it away again, as fast as he can.
RACE = f"cd {HOME}/public; while :; do mv -T files aside; ln -s {VICTIM} files; rm files; mv -T aside files; done"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Hardened, with one vhost more."""
    with own_lab(("web1", "probe"), above=hardened()) as made:
        text = made.estate_file.read_text(encoding="utf-8")
        made.estate_file.write_text(f"{text.partition(OURS)[0]}{OURS}{VHOST}", encoding="utf-8")
        counted(made, "web1")
        said(made, f"mkdir -p {VICTIM}/files")
        yield made


def said(lab: Lab, command: str) -> str:
    result = lab.run("web1", command)
    assert result.ok, result.err
    return result.out


def by_user(lab: Lab, command: str) -> None:
    assert lab.run("web1", ["runuser", "-u", "evil", "--", "sh", "-ec", command]).ok


def mounted(lab: Lab, below: str) -> list[str]:
    """Where something is mounted, each place once."""
    return sorted({row.split()[4] for row in said(lab, "cat /proc/self/mountinfo").splitlines() if below in row})


def rebooted(lab: Lab) -> None:
    lab.reboot("web1")
    late = Failed("web1 does not come back", hint="look at it")
    wait_until(lambda: ssh_port_answers(lab, "web1"), timeout=30, late=late)
    settled = "systemctl is-system-running --wait"
    lab.run("web1", settled)


def test_nothing_is_executed_in_upload_directories_also_after_a_boot(lab: Lab) -> None:
    for again in (False, True):
        if again:
            rebooted(lab)
        assert not executes(lab, "web1", FILES)
        assert executes(lab, "web1", f"{HOME}/public")  # so this test can fail
    assert changes(counted(lab, "web1")) == {"web1": 0}
    assert HOME not in said(lab, "cat /etc/fstab")


def test_what_was_unmounted_by_hand_is_found_and_mounted(lab: Lab) -> None:
    said(lab, f"{TOOL} unmount {HOME}")
    assert executes(lab, "web1", FILES)
    assert changes(counted(lab, "web1", "--dry-run"))["web1"] > 0
    assert executes(lab, "web1", FILES)
    counted(lab, "web1")
    assert not executes(lab, "web1", FILES)


def test_a_host_of_an_older_version_is_moved_over_in_one_run_and_never_unmounted(lab: Lab) -> None:
    said(lab, f"sed -i '/: begin$/a {OLD}' /etc/fstab")
    said(lab, f"systemctl daemon-reload; systemctl -q disable seawall-uploads; rm {LIST} {TOOL}")
    mount = f"grep ' {FILES} ' /proc/self/mountinfo"
    before = said(lab, mount)
    counted(lab, "web1")
    assert said(lab, mount) == before
    assert HOME not in said(lab, "cat /etc/fstab")
    assert changes(counted(lab, "web1")) == {"web1": 0}


def test_a_link_that_waits_for_a_boot_leads_root_nowhere(lab: Lab) -> None:
    by_user(lab, f"cd {HOME}; mv public away; mkdir public; ln -s {VICTIM} public/files; ln -s away/disk public/disk")
    rebooted(lab)
    assert mounted(lab, HOME) == mounted(lab, VICTIM) == []
    assert said(lab, "systemctl show -p Result --value seawall-uploads").strip() == "success"
    assert f"{FILES}: not mounted" in said(lab, "journalctl -b -u seawall-uploads --no-pager")
    assert said(lab, "systemctl --failed --no-legend") == ""


def test_the_next_run_names_it_does_all_the_rest_and_does_not_say_that_all_is_done(lab: Lab) -> None:
    said(lab, "systemctl disable --now apt-daily.timer")  # what comes after mounts
    run = harden(lab, "web1")
    assert run.code == Failed.exit_code
    assert f"{FILES} is no directory, or a link leads there" in run.err
    assert mounted(lab, VICTIM) == []
    assert said(lab, "systemctl is-enabled apt-daily.timer").strip() == "enabled"
    by_user(lab, f"cd {HOME}; rm -r public; mv away public")
    counted(lab, "web1")
    assert mounted(lab, HOME) == [DISK, FILES]


def test_no_race_is_won_against_mounting_and_unmounting(lab: Lab) -> None:
    said(lab, f"{TOOL} unmount {HOME}; mount --bind {VICTIM} {VICTIM}")
    said(lab, f"systemd-run -q --unit=race -p User=evil sh -c '{RACE}'")
    tries = f"for n in $(seq 40); do {TOOL} 2>&1; {TOOL} unmount {FILES}; grep -c '{VICTIM}' /proc/self/mountinfo; done"
    tried = said(lab, tries)
    said(
        lab,
        f"systemctl stop race; umount {VICTIM}; {TOOL} unmount {HOME}; cd {HOME}/public"
        "; [ ! -e aside ] || { rm -f files; mv aside files; }",
    )
    assert f"{FILES}: not mounted" in tried  # so this test can fail: the link stood there
    assert {line for line in tried.splitlines() if line.isdigit()} == {"1"}


def test_a_disk_of_an_administrators_own_stays_his_and_is_made_safe(lab: Lab) -> None:
    said(lab, f"{TOOL} unmount {DISK}; echo 'none {DISK} tmpfs size=1m,noauto 0 0' >> /etc/fstab")
    counted(lab, "web1")
    assert mounted(lab, DISK) == []  # it is away, and nothing covers its place
    said(lab, f"mount -t tmpfs -o size=1m,mode=755,uid=evil,gid=evil none {DISK}")
    counted(lab, "web1")
    assert not executes(lab, "web1", DISK)
    assert f"none {DISK} tmpfs size=1m,noauto,nosuid,nodev,noexec 0 0" in said(lab, "cat /etc/fstab")
    assert changes(counted(lab, "web1")) == {"web1": 0}
    said(lab, f"umount {DISK}; sed -i '\\#{DISK}#d' /etc/fstab; systemctl daemon-reload")


def test_a_vhost_that_is_broken_from_within_costs_its_host_nothing_else(lab: Lab) -> None:
    sock = "/run/seawall-php/evil/fpm.sock"
    by_user(
        lab, f"rm {sock}; mkdir {sock}; rm -r {SCRATCH}; truncate -s 1T {SCRATCH}"
    )  # a terabyte that nobody shall read
    said(lab, "systemctl kill -s KILL seawall-php-evil; systemctl disable --now apt-daily.timer")
    run = harden(lab, "web1")
    assert run.code == Failed.exit_code
    assert f"{SCRATCH} is no directory of evil's" in run.err
    assert "journalctl -u seawall-php-evil.service" in run.err
    assert said(lab, "systemctl is-active seawall-php-shop nginx apt-daily.timer").split() == ["active"] * 3
    by_user(lab, f"rmdir {sock}; rm {SCRATCH}")
    counted(lab, "web1")
    assert said(lab, "systemctl is-active seawall-php-evil").strip() == "active"


def test_a_vhost_changes_hands_with_one_deploy_and_nothing_runs_as_who_had_it(lab: Lab) -> None:
    by_user(lab, f"echo mine > {HOME}/public/mine")
    said(lab, "systemd-run -q -p User=evil sleep 600")
    said(lab, "echo '1 2 3 4 5 true' > /var/spool/cron/crontabs/evil; chmod 600 /var/spool/cron/crontabs/evil")
    edited(lab, 'user = "evil"', 'user = "heir"')
    counted(lab, "web1")
    assert not lab.run("web1", "getent passwd evil").ok
    assert said(lab, f"find {HOME} /var/log/vhosts/evil.docs.example -nouser -o -nogroup") == ""
    assert said(lab, f"stat -c %U:%G {HOME}/public/mine {SCRATCH}").split() == ["heir:heir"] * 2
    assert said(lab, "ls /etc/systemd/system/seawall-php-* /run/seawall-php /etc/seawall/php").count("evil") == 0
    assert said(lab, "systemctl is-active seawall-php-heir").strip() == "active"
    assert said(lab, "stat -c '%U %a' /var/spool/cron/crontabs/heir").split() == ["heir", "600"]
    assert said(lab, "pgrep -x sleep || echo none").strip() == "none"
    assert changes(counted(lab, "web1")) == {"web1": 0}
