"""Mounts, the kernel, walls around services, limits, the watch: tried on a host, broken, and tried after a reboot."""

from collections.abc import Iterator

import pytest
from hardening import TMP, UPLOADS, changes, counted, executes, harden, own_lab

from effects.clock import wait_until
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab

INERT = (TMP, "/var/tmp", "/dev/shm", "/var/log", UPLOADS)  # noqa: S108  these are what must be safe
AIDE = "/usr/local/lib/seawall/aide"
WALLS = "/etc/systemd/system/mariadb.service.d/seawall-walls.conf"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(("web1", "probe")) as made:
        yield made


def said(lab: Lab, command: str) -> str:
    """What a command that must succeed says on web1."""
    result = lab.run("web1", command)
    assert result.ok, (command, result.out, result.err)
    return result.out.strip()


def options(lab: Lab, place: str) -> set[str]:
    """Of the mount that is seen at `place`, which may have others below it."""
    number = said(lab, f"cd {place}; exec 3<.; sed -n 's/^mnt_id:\\t//p' /proc/self/fdinfo/3")
    row = said(lab, f"grep '^{number} ' /proc/self/mountinfo").split()
    return {*row[5].split(","), *row[-1].split(",")} if row[4] == place else set()


def processes_seen_by(lab: Lab, user: str) -> set[str]:
    """Whose processes a user sees, beside its own."""
    return set(said(lab, f"runuser -u {user} -- ps -eo user=").split()) - {user}


def exposure(lab: Lab, unit: str) -> float:
    """As systemd judges it, from 0 to 10."""
    return float(said(lab, f"systemd-analyze security --no-pager {unit} | tail -n 1").split(":")[1].split()[0])


def settled(lab: Lab) -> None:
    """AIDE has come to its end."""
    late = Failed("AIDE does not end", hint="look at seawall-aide.service")
    show = "systemctl show -p ActiveState --value seawall-aide.service"
    wait_until(lambda: said(lab, show) != "activating", timeout=120, late=late)


def test_a_fresh_host_has_none_of_it(lab: Lab) -> None:
    assert all(executes(lab, "web1", folder) for folder in INERT)
    assert "root" in processes_seen_by(lab, "shop")
    assert "nosuid" not in options(lab, "/srv")
    assert said(lab, "cat /proc/sys/net/ipv4/conf/eth0/rp_filter") == "0"
    assert all(exposure(lab, unit) > 8 for unit in ("mariadb", "postgresql@*-main"))


def test_the_first_run_succeeds_and_leaves_no_failed_unit(lab: Lab) -> None:
    said(lab, "echo 'net/ipv4/conf/eth0/rp_filter = 0' >> /etc/sysctl.conf")
    assert changes(counted(lab, "web1"))["web1"] > 0
    assert said(lab, "systemctl --failed --no-legend") == ""


def holds(lab: Lab) -> None:
    assert [folder for folder in INERT if executes(lab, "web1", folder)] == []
    assert {"nosuid", "nodev"} <= options(lab, "/srv") & options(lab, "/home")
    assert processes_seen_by(lab, "shop") == set()
    assert said(lab, "cat /proc/sys/net/ipv4/conf/eth0/rp_filter") == "2"
    assert all(exposure(lab, unit) <= 2.5 for unit in ("mariadb", "postgresql@*-main", "fail2ban"))
    assert said(lab, "mariadb -NBe 'SELECT regexp_replace(1, 1, 2)'") == "2"
    assert said(lab, "cd / && runuser -u postgres -- psql -Atc 'SELECT 1'") == "1"
    assert said(lab, "stat -c %a /etc/cron.d /etc/crontab /etc/cron.allow").split() == ["700", "600", "640"]
    assert "not allowed" in lab.run("web1", "runuser -u shop -- crontab -l").err
    assert lab.run("web1", "loginctl list-users").ok


def test_it_holds_and_a_second_run_changes_nothing(lab: Lab) -> None:
    holds(lab)
    assert changes(counted(lab, "web1")) == {"web1": 0}


def test_auditd_would_understand_every_rule(lab: Lab) -> None:
    """A kernel takes no rules from a container, but auditctl reads each before it asks."""
    rules = "/etc/audit/rules.d/50-seawall.rules"
    errors = lab.run("web1", f"auditctl -R {rules}").err
    assert errors.count("Error sending add rule data request (Operation not permitted)") == int(
        said(lab, f"grep -c '^-[aw]' {rules}")
    )
    assert said(lab, "systemctl show -p ConditionResult --value auditd") == "no"


def test_packages_are_still_installed_configured_and_purged(lab: Lab) -> None:
    apt = "DEBIAN_FRONTEND=noninteractive apt-get -qy"
    said(lab, f"{apt} install --no-install-recommends sysstat && {apt} install --reinstall sysstat")
    settled(lab)
    said(lab, "systemctl start seawall-aide")  # what a package brought needs no operator
    said(lab, f"{apt} purge sysstat")


def test_databases_are_copied_and_their_data_is_swapped(lab: Lab) -> None:
    said(lab, "rm -rf /root/copy; mariadb-backup --backup --target-dir=/root/copy 2>/dev/null; ls /root/copy/ibdata1")
    said(lab, "runuser -u postgres -- pg_basebackup -D /var/lib/postgresql/copy && rm -r /var/lib/postgresql/copy")
    said(lab, "systemctl stop mariadb; mv /var/lib/mysql /var/lib/kept; cp -a /var/lib/kept /var/lib/mysql")
    said(lab, "systemctl start mariadb && mariadb -e 'SELECT 1' && rm -rf /var/lib/kept /root/copy")


def test_what_was_changed_by_hand_is_found_and_put_right(lab: Lab) -> None:
    said(
        lab, "mount -o remount,bind,exec,suid /srv; mount -o remount,bind,exec /tmp; mount -o remount,hidepid=off /proc"
    )
    said(lab, "sed -i 's/^proc /# &/; s#^\\(/srv .*\\),nosuid#\\1#' /etc/fstab; chmod 777 /etc/cron.d")
    said(lab, "echo net.ipv4.tcp_syncookies=0 > /etc/sysctl.d/zzz.conf; sysctl -qp /etc/sysctl.d/zzz.conf")
    assert changes(counted(lab, "--dry-run", "web1"))["web1"] >= 4
    done = counted(lab, "web1")
    assert changes(done)["web1"] >= 4
    (other_hands,) = (said for said in done["hosts"]["web1"]["notices"] if "changed since the last run" in said)
    assert other_hands.partition(": ")[2].partition(";")[0] == "/etc/fstab, /etc/sysctl.d/zzz.conf"
    assert "changed since" not in str(counted(lab, "web1")["hosts"])
    holds(lab)
    assert said(lab, "sysctl -n net.ipv4.tcp_syncookies; cat /etc/sysctl.d/zzz.conf").split("\n") == [
        "1", "# seawall: net.ipv4.tcp_syncookies=0"
    ]  # fmt: skip
    assert changes(counted(lab, "web1")) == {"web1": 0}


def test_a_restart_that_a_dead_run_owed_is_done(lab: Lab) -> None:
    before = said(lab, f"touch {WALLS}; systemctl show -p ActiveEnterTimestampMonotonic --value mariadb")
    assert changes(counted(lab, "web1")) == {"web1": 1}
    assert said(lab, "systemctl show -p ActiveEnterTimestampMonotonic --value mariadb") != before
    assert changes(counted(lab, "web1")) == {"web1": 0}


def test_a_service_that_cannot_start_within_its_walls_runs_without_them_and_is_named(lab: Lab) -> None:
    other = "/etc/systemd/system/mariadb.service.d/other.conf"
    said(
        lab, f"printf '[Service]\\nExecStartPre=/usr/bin/test -e {TMP}/shared\\n' > {other}; touch {TMP}/shared {WALLS}"
    )
    result = harden(lab, "web1")
    assert result.code == 7
    assert f"{WALLS}.refused" in result.err
    assert said(lab, "systemctl is-active mariadb") == "active"
    document = counted(lab, "web1")  # not another outage for each run, but never silent
    assert any(f"{WALLS}.refused" in notice for notice in document["hosts"]["web1"]["notices"])
    assert exposure(lab, "mariadb") > 8
    said(lab, f"rm {other} {WALLS}.refused; systemctl daemon-reload")
    counted(lab, "web1")
    assert exposure(lab, "mariadb") <= 2.5


def test_what_nothing_explains_is_named_until_an_operator_has_looked(lab: Lab) -> None:
    settled(lab)
    said(lab, "chmod u+s /usr/bin/find")
    assert not lab.run("web1", "systemctl start seawall-aide").ok
    assert "/usr/bin/find" in said(lab, "journalctl -u seawall-aide -n 20 -o cat")
    said(lab, f"{AIDE} known && ls /var/lib/aide/aide.db.2* && systemctl start seawall-aide")


def test_what_other_hands_do_after_a_run_is_not_taken_for_its_work(lab: Lab) -> None:
    said(lab, f"echo ours > /etc/ours; chmod 600 /etc/ours; {AIDE} want; echo > /etc/theirs; chmod 644 /etc/ours")
    assert not lab.run("web1", "systemctl start seawall-aide").ok
    named = said(lab, "journalctl -u seawall-aide -n 20 -o cat")
    assert "/etc/theirs" in named
    assert "/etc/ours" in named
    said(lab, "chmod 600 /etc/ours; rm /etc/theirs; systemctl start seawall-aide && rm /etc/ours")
    counted(lab, "web1")
    settled(lab)


def test_all_of_it_survives_a_reboot(lab: Lab) -> None:
    lab.reboot("web1")
    said(lab, "systemctl is-system-running --wait")
    assert said(lab, "systemctl --failed --no-legend") == ""
    holds(lab)
    assert changes(counted(lab, "web1")) == {"web1": 0}
