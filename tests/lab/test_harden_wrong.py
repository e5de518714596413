"""What goes wrong while hosts are hardened, and must not matter: runs that die, reboots, hands, mirrors, silent hosts.

Two servers, hardened once in one go. What that left on the first is what every other way must lead to.
"""

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hardening import ANY_KEY, SEAWALL, changes, counted, harden, own_lab, ssh_port_answers, status

from effects.clock import wait_until
from effects.run import attempt, run
from estate.problem import Failed, Unreachable
from inventory import load
from inventory.data import host_data
from lab import Lab, repository
from lab.layout import DATACENTERS
from playbooks.drive import check, drive

pytestmark = pytest.mark.lab
LIGHT = ("bastion", "vault-even", "vault-odd")  # servers of little: they are many hosts at once
DOCS = "-4 https://docs.example/"  # a ban is one of an address

# Owner, mode and content of all that is configuration, and how units and rules stand. What Debian's own programs write
# by themselves, and what is random on purpose, is not compared.
LISTING = """
cd / && find etc usr/local var/spool/cron -xdev \\( -name '*-' -o -name ld.so.cache -o -path etc/ssl/certs \\) -prune \\
  -o \\( -type f -printf '%m %u:%g ' -exec sha256sum {} \\; -o -type l -printf 'link %l %p\\n' \\
  -o -type d -printf '%m %u:%g %p/\\n' \\) | sort -k 3
systemctl list-unit-files --no-legend --plain | sort
for tables in iptables ip6tables; do $tables -S; done"""
RANDOM = re.compile(
    r"(?m)^.* (etc/shadow|etc/gshadow|etc/machine-id|etc/ssh/\S*ssh_host_\S*"
    r"|e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  etc/apt/sources.list)$\n?"  # empty, or none
)


@dataclass(frozen=True, slots=True)
class Drift:
    """Something that a hand does to web1, and the first word of the operation that undoes it.

    Every area that has operations on web1 has a row, or the first test fails.
    """

    area: str
    command: str


# One row an area; together they are found by one dry run and mended by one run.
DRIFTS = (
    Drift("origins", "rm /etc/apt/preferences.d/*seawall*"),
    Drift("packages", "dpkg --purge --force-depends logrotate"),
    Drift("guard", "echo true > /usr/local/lib/seawall/guard"),
    Drift("accounts", "chmod 777 /etc/sudoers.d/seawall"),
    Drift(
        "sshd", "sed -i '1i PasswordAuthentication yes' /etc/ssh/sshd_config.d/00-seawall.conf; systemctl reload ssh"
    ),
    Drift("firewall", "iptables -I SEAWALL 1 -p tcp --dport 3306 -j ACCEPT"),
    Drift("kernel", "sysctl -qw net.ipv4.conf.all.accept_redirects=1"),
    Drift("vhosts", "chmod 777 /srv/vhosts/docs.example"),
    Drift("web", "rm /etc/nginx/sites-enabled/docs.example.conf"),
    Drift("php", "systemctl stop seawall-php-shop.service"),
    Drift("passwords", "sed -i 's/^PASS_MAX_DAYS.*/PASS_MAX_DAYS 99999/' /etc/login.defs"),
    Drift("mounts", "mount -o remount,bind,exec /tmp"),
    Drift("services", "rm -r /etc/systemd/system/mariadb.service.d; systemctl daemon-reload"),
    Drift("fail2ban", "systemctl disable --now fail2ban"),
    Drift("patches", "systemctl disable --now apt-daily.timer"),
    Drift("baseline", "chmod 755 /etc/cron.daily"),
    Drift("watch", "rm /etc/aide/aide.conf"),
)


@dataclass
class Story:
    """What was seen, for the tests that come later."""

    lab: Lab
    fresh: Path  # what web1's disk had before it was ever hardened
    listing: str = ""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with own_lab(("web1", *LIGHT, "probe")) as made:
        told = Story(made, made.guest("web1").directory / "fresh")
        made.halt("web1")
        run(["cp", "--archive", str(made.guest("web1").upper), str(told.fresh)], timeout=120)
        made.boot("web1")
        yield told


@pytest.fixture
def lab(story: Story) -> Lab:
    return story.lab


def listing(lab: Lab) -> str:
    return RANDOM.sub("", lab.guest("web1").run(LISTING, timeout=120))


def differences(before: str, after: str) -> list[str]:
    return sorted(set(before.splitlines()) ^ set(after.splitlines()))


def operations(said: str, host: str = "web1") -> set[str]:
    """Those of a host that changed something, or would, from what a person sees of a run."""
    return set(re.findall(rf"(?m)^{host}: (.*) \(changed, ", said))


def start_anew(story: Story) -> None:
    """Give web1 back the disk it had when it was new."""
    guest = story.lab.guest("web1")
    options = run(["findmnt", "-no", "OPTIONS", str(guest.root)], timeout=10).strip()
    guest.halt()
    run(["umount", str(guest.root)], timeout=30)
    for path in (guest.upper, guest.directory / "work"):
        shutil.rmtree(path)
    (guest.directory / "work").mkdir()
    story.fresh.rename(guest.upper)
    run(["mount", "-t", "overlay", "overlay", "-o", options, str(guest.root)], timeout=30)
    story.lab.boot("web1")


def through_the_bastion(lab: Lab, port: str, words: str) -> str:
    """What a login with control's key says that goes through the bastion's sshd."""
    ssh = f"ssh {ANY_KEY} -o ConnectTimeout=5 -i {lab.ssh_key} -p"
    way = f"{ssh} 2222 -W {lab.address('web1')}:{port} root@{lab.address('bastion')}"
    done = attempt([*ssh.split(), "2222", "-o", f"ProxyCommand={way}", *words.split()], timeout=30)
    return done.out if done.ok else done.err


class Dying:
    """A run on web1 that is killed, it and all its children, at the moment that is asked for."""

    def __init__(self, lab: Lab) -> None:
        argv = [SEAWALL, "harden", "web1", "--estate", str(lab.estate_file)]
        self._process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def killed_when(self, moment: Callable[[], bool]) -> None:
        late = Failed("the moment never came", hint="look at web1")
        with self._process:
            wait_until(lambda: moment() or self._process.poll() is not None, timeout=120, every=0.02, late=late)
            self._kill()

    def killed_after(self, changes: int) -> bool:
        """Whether it had that many changes to make; else it has come to its end."""
        with self._process:
            assert self._process.stderr
            said = []
            for line in self._process.stderr:
                said.append(line)
                changes -= "(changed, " in line
                if not changes:
                    self._kill()
                    return True
        assert self._process.returncode == 0, "".join(said)
        return False

    def _kill(self) -> None:
        children = attempt(["ps", "-o", "pid=", "--ppid", str(self._process.pid)], timeout=10).out.split()
        run(["kill", "-KILL", str(self._process.pid), *children], timeout=10)
        assert self._process.wait(20) == -signal.SIGKILL


def test_hosts_are_hardened_in_one_go(story: Story) -> None:
    before = listing(story.lab)
    result = harden(story.lab, "web1", "bastion")
    assert result.ok, result.err
    story.listing = listing(story.lab)
    assert len(differences(before, story.listing)) > 50
    assert {name.partition(":")[0] for name in operations(result.err)} == {drift.area for drift in DRIFTS}


def test_a_second_run_leaves_everything_as_it_is(story: Story) -> None:
    assert changes(counted(story.lab, "web1", "bastion")) == {"web1": 0, "bastion": 0}
    assert differences(story.listing, listing(story.lab)) == []


def test_a_reboot_keeps_rules_and_bans_and_fails_no_unit(story: Story) -> None:
    lab, probe = story.lab, story.lab.address("probe")
    assert status(lab, DOCS) == "200"
    lab.run("web1", f"fail2ban-client set nginx-botsearch banip {probe}")
    banned = lambda: status(lab, f"--max-time 2 {DOCS}") == "000"  # noqa: E731
    wait_until(banned, timeout=10, late=Failed("the ban does not hold", hint="look at fail2ban on web1"))
    lab.reboot("web1")
    back = Failed("web1 does not come back", hint="look at it")
    wait_until(lambda: ssh_port_answers(lab, "web1"), timeout=30, late=back)
    wait_until(
        lambda: lab.run("web1", "systemctl is-system-running").out.strip() not in ("starting", "initializing"),
        timeout=60,
        late=back,
    )
    assert lab.run("web1", "systemctl --failed --no-legend --plain").out == ""
    wait_until(banned, timeout=20, late=Failed("the ban is forgotten", hint="look at fail2ban on web1"))
    assert changes(counted(lab, "web1")) == {"web1": 0}
    assert differences(story.listing, listing(lab)) == []
    lab.run("web1", f"fail2ban-client set nginx-botsearch unbanip {probe}")
    assert status(lab, DOCS) == "200"


def test_what_hands_changed_in_any_area_is_found_and_mended(story: Story) -> None:
    lab = story.lab
    for drift in DRIFTS:
        done = lab.run("web1", drift.command)
        assert done.ok, f"{drift.area}: {done.said}"
    foreseen = harden(lab, "--dry-run", "web1")
    assert foreseen.ok, foreseen.err
    found = {name.partition(":")[0] for name in operations(foreseen.err)}
    assert {drift.area for drift in DRIFTS} - found == set()
    done = harden(lab, "web1")
    assert done.ok, done.err
    assert changes(counted(lab, "--dry-run", "web1")) == {"web1": 0}
    assert differences(story.listing, listing(lab)) == []


def test_root_comes_through_the_bastion_which_leads_to_ssh_alone(lab: Lab) -> None:
    assert through_the_bastion(lab, "2222", "root@web1 whoami") == "root\n"
    assert "administratively prohibited" in through_the_bastion(lab, "80", "root@web1 whoami")


def test_a_mirror_that_is_down_matters_only_to_who_needs_a_package(lab: Lab) -> None:
    lab.run("web1", "dpkg --purge --force-depends logrotate; rm -rf /var/lib/apt/lists")
    with repository.down(lab):
        result = harden(lab, "--json", "web1", "bastion")
    hosts = json.loads(result.out)["hosts"]
    assert result.code == 7
    assert (hosts["bastion"]["ok"], hosts["bastion"]["changes"]) == (True, 0)
    assert "could not install logrotate" in hosts["web1"]["error"]
    assert repository.SITE in hosts["web1"]["error"]
    assert "on the host: apt-get update" in result.err
    assert counted(lab, "web1")["ok"]
    assert lab.run("web1", "logrotate --version").ok


def test_one_silent_host_among_twenty_is_named_and_holds_up_nobody(lab: Lab) -> None:
    """Nineteen are addresses more that three servers have; no more for each than its sshd lets knock at once."""
    estate = load(lab.estate_file)
    counted(lab, *LIGHT)
    asked = [host_data(estate, estate.hosts["web1"]) | {"name": "nobody", "ssh_hostname": lab.plan.ipv4(1, 200)}]
    for number in range(19):
        server = estate.hosts[LIGHT[number % len(LIGHT)]]
        address = lab.plan.ipv4(DATACENTERS[server.datacenter], 100 + number)
        lab.run(server.name, f"ip address add {address}/24 dev eth0")
        asked.append(host_data(estate, server) | {"name": f"host{number}", "ssh_hostname": address})
    outcomes = drive(asked, ["harden"])
    with pytest.raises(Unreachable, match=r"1 of 20 hosts(.|\n)*nobody: .* answers on neither port"):
        check(outcomes)
    assert outcomes.pop("nobody").operations == 0
    assert {(host.ok, host.changes) for host in outcomes.values()} == {(True, 0)}
    assert len({host.operations for host in outcomes.values()}) == 1


def test_a_new_host_without_a_mirror_is_closed_as_far_as_that_goes(story: Story) -> None:
    """ssh and the kernel need no package; the test after this one goes on from here."""
    start_anew(story)
    assert ssh_port_answers(story.lab, "web1", 22)
    with repository.down(story.lab):
        result = harden(story.lab, "web1")
    assert result.code == 7
    assert "could not install" in result.err
    assert not ssh_port_answers(story.lab, "web1", 22)
    assert story.lab.run("web1", "/usr/sbin/sshd -T | grep -x 'passwordauthentication no'").ok
    assert story.lab.run("web1", "sysctl -n net.ipv4.conf.all.accept_redirects").out == "0\n"


def test_a_run_that_is_killed_again_and_again_is_completed_by_the_next(story: Story) -> None:
    Dying(story.lab).killed_when(lambda: story.lab.run("web1", "pgrep -x dpkg").ok)
    kills = 1
    while Dying(story.lab).killed_after(6):
        kills += 1
    assert kills > 4
    assert changes(counted(story.lab, "web1")) == {"web1": 0}
    assert differences(story.listing, listing(story.lab)) == []
