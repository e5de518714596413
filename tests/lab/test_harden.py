"""Hardening, looked at from outside: connections that are made, programs that are run, attacks that are tried.

It needs servers that were never hardened, so it brings up a lab of its own. The tests run in the order of the file:
first what a fresh server is like, then the first run, then everything that must hold after it.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hardening import (
    ANY_KEY,
    EXPECTED,
    HOSTS,
    NEIGHBOUR,
    SITES,
    TMP,
    UPLOADS,
    changes,
    counted,
    executes,
    open_from_outside,
    own_lab,
    ssh_port_answers,
    status,
    ways_in,
)

from effects.clock import wait_until
from effects.reach import answers
from effects.run import attempt
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab


@dataclass
class Story:
    """What was seen, for the tests that come later."""

    lab: Lab
    open_before: dict[str, set[int]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with own_lab() as made:
        yield Story(made)


@pytest.fixture
def lab(story: Story) -> Lab:
    return story.lab


def test_a_fresh_server_is_open(story: Story) -> None:
    story.open_before = open_from_outside(story.lab)
    assert all(22 in ports for ports in story.open_before.values())
    assert "password" in ways_in(story.lab, "web1", 22)
    assert executes(story.lab, "web1", TMP)
    assert executes(story.lab, "web1", UPLOADS)


def test_a_dry_run_says_what_would_change_and_changes_nothing(lab: Lab) -> None:
    assert all(count > 0 for count in changes(counted(lab, "--dry-run")).values())
    assert open_from_outside(lab)["web1"] >= {22}
    assert "password" in ways_in(lab, "web1", 22)


def test_the_first_run_reaches_every_host(lab: Lab) -> None:
    document = counted(lab)
    assert document["ok"]
    assert tuple(document["hosts"]) == tuple(sorted(HOSTS))
    assert all(count > 0 for count in changes(document).values())


def test_a_second_run_changes_nothing_and_looks_as_often_at_three_vhosts_as_at_none(lab: Lab) -> None:
    document = counted(lab)
    assert changes(document) == dict.fromkeys(HOSTS, 0)
    assert len({host["operations"] for host in document["hosts"].values()}) == 1


def test_a_dry_run_afterwards_has_nothing_to_say(lab: Lab) -> None:
    assert changes(counted(lab, "--dry-run")) == dict.fromkeys(HOSTS, 0)


def test_pyinfra_itself_finds_nothing_to_change_either(lab: Lab) -> None:
    root = Path(__file__).parents[2]
    pyinfra = str(Path(sys.executable).with_name("pyinfra"))
    command = ["env", f"SEAWALL_ESTATE={lab.estate_file}", pyinfra, "-y", "inventory/hosts.py", "playbooks/harden.py"]
    result = attempt(command, timeout=120, cwd=root)
    total = re.search(r"Grand total\s+(\d+)\s+-\s+-\s+(\d+)", result.out + result.err)
    assert total, result.err[-2000:]
    assert total[1] == total[2]


def test_from_outside_only_the_roles_own_ports_answer(story: Story) -> None:
    assert story.open_before != EXPECTED
    assert open_from_outside(story.lab) == EXPECTED


def test_ssh_is_open_to_control_alone_and_takes_only_keys(lab: Lab) -> None:
    for host in HOSTS:
        assert ways_in(lab, host, 2222) == "publickey"
        assert not answers(lab.address(host), 22, timeout=1)


def test_a_backup_server_lets_in_who_saves_to_it(lab: Lab) -> None:
    for saver in ("web1", "twin1"):
        assert lab.run(saver, f"timeout 3 bash -c '</dev/tcp/{lab.address('vault-odd')}/2222'").ok
    assert not lab.run("ns1", f"timeout 3 bash -c '</dev/tcp/{lab.address('vault-odd')}/2222'").ok


def test_nothing_is_executed_where_anybody_may_write(lab: Lab) -> None:
    for host in HOSTS:
        assert [folder for folder in (TMP, "/var/tmp", "/dev/shm") if executes(lab, host, folder)] == []  # noqa: S108
        assert executes(lab, host, "/root")
    assert not executes(lab, "web1", UPLOADS)


def test_apt_still_installs_a_package_with_maintainer_scripts(lab: Lab) -> None:
    build = """set -e
        d=$(mktemp -d /root/deb.XXXX); mkdir $d/DEBIAN
        printf 'Package: seawall-test\\nVersion: 1\\nArchitecture: all\\n' > $d/DEBIAN/control
        printf 'Maintainer: T <t@example>\\nDescription: t\\n' >> $d/DEBIAN/control
        for s in preinst postinst; do printf '#!/bin/sh\\necho '$s' >> /root/ran\\n' > $d/DEBIAN/$s; done
        chmod 755 $d/DEBIAN/p*
        dpkg-deb -b $d /root/seawall-test.deb
        DEBIAN_FRONTEND=noninteractive apt-get install -qy /root/seawall-test.deb
        cat /root/ran"""
    result = lab.run("web1", build)
    assert result.ok, result.err
    assert result.out.split()[-2:] == ["preinst", "postinst"]


def test_the_sites_still_answer(lab: Lab) -> None:
    for site in SITES:
        result = lab.run("probe", f"curl -sSf --max-time 10 https://{site}/")
        assert result.ok, result.err
        assert f"Seawall {site.split('.')[0]}" in result.out


def test_each_vhosts_php_runs_as_its_own_user_and_reads_nobody_elses_files(lab: Lab) -> None:
    who = lab.run("web1", "ps -o user= -C php-fpm8.2 -C php-fpm8.4 | sort -u").out.split()
    assert {"shop", "ledger"} <= set(who)
    assert "www-data" not in who
    spy = f"<?php echo @file_get_contents('{NEIGHBOUR}') ?: 'nothing', '|', ini_get('open_basedir');"
    lab.run("web1", ["sh", "-c", "cat > /usr/share/wordpress/spy.php"], stdin=spy)
    said = lab.run("probe", "curl -s https://shop.example/spy.php").out
    lab.run("web1", "rm /usr/share/wordpress/spy.php")
    assert said.startswith("nothing|/srv/vhosts/shop.example:")


def test_uploaded_php_is_neither_run_nor_shown(lab: Lab) -> None:
    lab.run("web1", f"echo '<?php echo 6*7;' > {UPLOADS}/x.php; echo plain > {UPLOADS}/x.txt")
    assert lab.run("probe", "curl -s https://shop.example/wp-content/uploads/x.txt").out == "plain\n"
    assert (
        lab.run("probe", "curl -so /dev/null -w '%{http_code}' https://shop.example/wp-content/uploads/x.php").out
        == "404"
    )


def test_a_link_to_a_neighbours_file_is_not_followed(lab: Lab) -> None:
    folder = "/srv/vhosts/docs.example/public"
    for name, target in (("own", "index.html"), ("neighbour", NEIGHBOUR)):
        lab.run("web1", f"ln -sfn {target} {folder}/{name}.txt; chown -h docs: {folder}/{name}.txt")
    assert status(lab, "https://docs.example/own.txt") == "200"
    assert status(lab, "https://docs.example/neighbour.txt") == "404"


def test_maintenance_holds_everybody_but_the_host_itself(lab: Lab) -> None:
    lab.run("web1", "touch /etc/seawall/maintenance/ledger.example")
    seen = lab.run("probe", "curl -si -X POST -d number=7 https://ledger.example/add").out
    own = lab.run("web1", "curl -sk --resolve ledger.example:443:127.0.0.1 https://ledger.example/").out
    lab.run("web1", "rm /etc/seawall/maintenance/ledger.example")
    assert " 503" in seen.splitlines()[0]
    assert "retry-after: 30" in seen.lower()
    assert "Back in a moment" in seen
    assert "Seawall ledger" in own
    assert lab.run("probe", "curl -sf https://ledger.example/").ok


def test_the_twin_has_the_sites_laid_ready_and_serves_none(lab: Lab) -> None:
    assert lab.run("twin1", "ls /etc/nginx/sites-enabled").out == ""
    assert {f"{site}.conf" for site in SITES} <= set(lab.run("twin1", "ls /etc/nginx/sites-available").out.split())
    assert lab.run("twin1", "ls /run/seawall-php").out.split() == ["ledger", "shop"]


def test_who_attacks_the_web_is_banned_and_control_never(lab: Lab) -> None:
    get = f"curl -sko /dev/null --max-time 3 --resolve docs.example:443:{lab.address('web1')}"
    attack = f"for n in $(seq 12); do {get} https://docs.example/phpmyadmin/$n; done"
    probe = lab.address("probe")
    jail = "fail2ban-client get nginx-botsearch banip"
    assert probe not in lab.run("web1", jail).out
    attempt(["sh", "-c", attack], timeout=60)
    lab.run("probe", attack)
    wait_until(
        lambda: probe in lab.run("web1", jail).out,
        timeout=30,
        late=Failed("nobody was banned", hint="look at fail2ban"),
    )
    assert not lab.run("probe", f"timeout 2 bash -c '</dev/tcp/{lab.address('web1')}/443'").ok
    assert answers(lab.address("web1"), 443)
    assert changes(counted(lab, "web1")) == {"web1": 0}  # a ban is no drift
    lab.run("web1", f"fail2ban-client set nginx-botsearch unbanip {probe}")
    assert lab.run("probe", "curl -sf https://docs.example/").ok


def test_who_guesses_at_ssh_is_banned_and_neither_control_nor_a_host_of_the_estate(lab: Lab) -> None:
    guess = f"timeout 9 ssh -p 2222 {ANY_KEY} nobody@{lab.address('vault-odd')} true"
    attack = f"for n in $(seq 6); do {guess} & done; wait"
    probe, jail = lab.address("probe"), "fail2ban-client get sshd banip"
    door = f"iptables -{{}} SEAWALL-OPEN -s {probe} -p tcp --dport 2222 -j ACCEPT"
    lab.run("vault-odd", door.format("A"))  # ssh is open to control and to those who save there
    attempt(["sh", "-c", attack], timeout=90)
    for host in ("twin1", "probe"):
        lab.run(host, attack, timeout=90)
    wait_until(
        lambda: probe in lab.run("vault-odd", jail).out,
        timeout=30,
        late=Failed("nobody was banned", hint="look at fail2ban"),
    )
    assert ssh_port_answers(lab, "vault-odd")
    assert lab.address("twin1") not in lab.run("vault-odd", jail).out
    lab.run("vault-odd", f"{door.format('D')}; fail2ban-client set sshd unbanip {probe}")


def test_it_all_survives_a_reboot(lab: Lab) -> None:
    lab.reboot("web1")
    wait_until(
        lambda: ssh_port_answers(lab, "web1"), timeout=30, late=Failed("web1 does not come back", hint="look at it")
    )
    assert open_from_outside(lab)["web1"] == EXPECTED["web1"]
    assert not executes(lab, "web1", TMP)
    assert not executes(lab, "web1", UPLOADS)
    assert changes(counted(lab, "web1")) == {"web1": 0}
    assert lab.run("probe", "curl -sf https://shop.example/").ok
