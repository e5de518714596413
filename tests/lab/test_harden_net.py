"""The firewall and fail2ban, attacked: scans, floods, guesses, rules that lock out, files that are broken.

The tests run in the order of the file, on hosts that are hardened once; each leaves them so, but for who is banned.
"""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from attacks import ASK, FLOOD, LISTEN
from hardening import (
    ANY_KEY,
    KNOCK,
    SEAWALL,
    changes,
    copied_estate,
    counted,
    harden,
    own_lab,
    ssh_port_answers,
    status,
)

from effects.clock import wait_until
from effects.reach import answers
from effects.run import attempt
from estate.problem import Failed
from lab import Lab

pytestmark = pytest.mark.lab
STANDS = "/usr/local/lib/seawall/firewall stands"
FLOODED, MOST = 400, 250  # connections that are tried, and that one address may hold


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(("web1", "ns1", "probe")) as made:
        counted(made, "web1", "ns1")
        yield made


@pytest.fixture
def other_estate(lab: Lab, tmp_path: Path) -> Path:
    return copied_estate(lab, tmp_path)


def kernel(lab: Lab) -> str:
    """Everything the firewall has put into web1's kernel."""
    return lab.run("web1", "iptables -S; ip6tables -S; for s in allow4 allow6 block4 block6; do ipset save seawall-$s"
                           " | grep ^add; done; true").out  # fmt: skip


def reaches(lab: Lab, address: str, port: int = 443) -> bool:
    """Whether the probe gets a new connection."""
    return lab.run("probe", f"timeout 2 bash -c '</dev/tcp/{address}/{port}'").ok


def until(what: str, holds: bool) -> Failed:
    return Failed(f"{what}: still {not holds}", hint="look at web1")


def mends(lab: Lab, *hosts: str) -> None:
    """One run puts it right, the next has nothing to do."""
    assert sum(changes(counted(lab, *hosts)).values()) > 0
    assert set(changes(counted(lab, *hosts)).values()) == {0}


def test_a_scan_finds_the_roles_own_services_over_both_families(lab: Lab) -> None:
    expected = {"web1": (80, 443), "ns1": (53,)}
    addresses: list[str] = []
    for host in expected:
        lab.run(host, ["systemd-run", "--quiet", "--unit=listen", "python3", "-c", LISTEN])
        own = json.dumps([(address, 8080) for address in lab.plan.addresses(host)])
        wait_until(lambda h=host, d=own: json.loads(lab.run(h, ["python3", "-c", ASK], stdin=d).out) == [True] * 2,  # type: ignore[misc]
                   timeout=10, late=until("it listens", holds=True))  # fmt: skip
        addresses += lab.plan.addresses(host)
    doors = json.dumps([(address, port) for address in addresses for port in (22, 53, 80, 443, 2222, 8080)])
    found = {tuple(door) for door in json.loads(lab.run("probe", ["python3", "-c", KNOCK], stdin=doors).out)}
    assert found == {(a, port) for host, ports in expected.items() for a in lab.plan.addresses(host) for port in ports}
    over_udp = json.dumps([(address, 8080) for address in addresses])
    assert not any(json.loads(lab.run("probe", ["python3", "-c", ASK], stdin=over_udp).out))
    assert lab.run("probe", f"dig +short @{lab.plan.addresses('ns1')[1]} shop.example").out.strip()


def test_a_flood_is_limited_while_others_are_served_and_control_gets_in(lab: Lab) -> None:
    order = json.dumps([lab.address("web1"), FLOODED])
    with ThreadPoolExecutor(2) as pool:
        floods = [
            pool.submit(lab.run, "probe", ["python3", "-c", FLOOD], stdin=order),
            pool.submit(attempt, [sys.executable, "-c", FLOOD], timeout=30, stdin=order),  # control's own limit too
        ]
        busy = "test $(ss -Htn state established '( sport = :443 )' | wc -l) -gt 200"
        wait_until(lambda: lab.run("web1", busy).ok, timeout=10, late=until("a flood is on", holds=True))
        assert lab.run("ns1", f"curl -sko /dev/null --max-time 3 https://{lab.address('web1')}/").code == 35  # no name
        assert lab.run("ns1", f"timeout 2 bash -c '</dev/tcp/{lab.address('web1')}/443'").ok
        assert ssh_port_answers(lab, "web1")
        assert set(changes(counted(lab, "web1")).values()) == {0}
        assert all(0 < int(flood.result().out) <= MOST for flood in floods)


def test_echo_requests_are_limited(lab: Lab) -> None:
    for address in lab.plan.addresses("web1"):
        said = lab.run("probe", f"ping -q -i 0.002 -c 200 -W 1 {address}").out
        received = re.search(r"(\d+) received", said)
        assert received
        assert 0 < int(received[1]) < 100


def test_the_blocked_get_no_answer_and_the_allowed_are_never_limited(lab: Lab, other_estate: Path) -> None:
    four, six = lab.plan.addresses("probe")
    with other_estate.open("a", encoding="utf-8") as file:
        file.write(f'[firewall]\nblock = ["{four.rpartition(".")[0]}.0/24"]\nallow = ["{six}"]\n')
    target = lab.plan.addresses("web1")
    assert reaches(lab, target[0])
    assert harden(lab, "web1", estate=other_estate).ok
    assert not reaches(lab, target[0])
    flood = lab.run("probe", ["python3", "-c", FLOOD], stdin=json.dumps([target[1], FLOODED]))
    assert int(flood.out) == FLOODED
    assert not reaches(lab, target[1], 2222)  # allowed is not control
    assert six in lab.run("web1", "fail2ban-client get sshd ignoreip").out
    mends(lab, "web1")
    assert reaches(lab, target[0])


@pytest.mark.parametrize("drift", [
    "iptables -F SEAWALL-OPEN",
    "iptables -I INPUT 1 -p tcp --dport 8080 -j ACCEPT",
    "iptables -P INPUT ACCEPT",
    "ip6tables -D INPUT -j SEAWALL",
    "iptables -P INPUT ACCEPT; iptables -F SEAWALL; ipset destroy seawall-block4; ipset destroy seawall-allow4",
    "ipset add seawall-block4 198.51.100.7",
])  # fmt: skip
def test_what_somebody_changed_in_the_kernel_is_seen_and_the_boot_rules_put_it_right(lab: Lab, drift: str) -> None:
    before = kernel(lab)
    assert lab.run("web1", f"{STANDS} && {drift}").ok
    assert not lab.run("web1", STANDS).ok
    assert lab.run("web1", "systemctl restart seawall-firewall").ok
    assert lab.run("web1", STANDS).ok
    assert kernel(lab).replace("-A INPUT -p tcp -m tcp --dport 8080 -j ACCEPT\n", "") == before
    assert not reaches(lab, lab.address("web1"), 8080)
    lab.run("web1", "iptables -D INPUT -p tcp --dport 8080 -j ACCEPT")


@pytest.mark.parametrize("drift", [
    "iptables -D INPUT -j SEAWALL; iptables -P INPUT ACCEPT",
    "sed -i /443/d /etc/seawall/firewall/rules.v4; rm /etc/seawall/firewall/sets",
])  # fmt: skip
def test_what_somebody_changed_by_hand_is_put_right_by_the_next_run(lab: Lab, drift: str) -> None:
    before, kept = kernel(lab), lab.run("web1", "sha256sum /etc/seawall/firewall/*").out
    assert lab.run("web1", drift).ok
    assert changes(counted(lab, "web1")) == {"web1": 1}
    assert kernel(lab) == before
    assert lab.run("web1", "sha256sum /etc/seawall/firewall/*").out == kept


def test_a_run_that_is_killed_while_nobody_gets_in_leaves_the_host_as_it_was(lab: Lab, other_estate: Path) -> None:
    with other_estate.open("a", encoding="utf-8") as file:
        file.write(f'[firewall]\nblock = ["{lab.address("probe")}"]\n')
    before, kept = kernel(lab), lab.run("web1", "sha256sum /etc/seawall/firewall/*").out
    shut = (
        "iptables -t raw -{} PREROUTING -p tcp --syn --dport 2222 -j DROP"  # as bad rules would, for as long as we like
    )
    command = [SEAWALL, "harden", "web1", "--estate", str(other_estate)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, process_group=0, text=True) as process:
        assert process.stderr is not None
        assert "connected" in process.stderr.readline()
        lab.run("web1", shut.format("I"))
        wait_until(lambda: kernel(lab) != before, timeout=20, late=until("it is tried", holds=True))
        assert not ssh_port_answers(lab, "web1")
        for pid in attempt(["pgrep", "--pgroup", str(process.pid)], timeout=10).out.split():
            attempt(["kill", f"-{signal.SIGKILL}", pid], timeout=10)
    assert f"add seawall-block4 {lab.address('probe')}" in kernel(lab)
    wait_until(lambda: kernel(lab) == before, timeout=20, late=until("it is as before", holds=True))
    assert lab.run("web1", "sha256sum /etc/seawall/firewall/*").out == kept
    lab.run("web1", shut.format("D"))
    assert set(changes(counted(lab, "web1")).values()) == {0}


def test_a_boot_with_broken_rules_leaves_ssh_from_control_alone(lab: Lab) -> None:
    lab.run("web1", "echo nonsense | tee /etc/seawall/firewall/rules.v4 /etc/seawall/firewall/rules.v6")
    lab.reboot("web1")
    for address in lab.plan.addresses("web1"):
        assert not reaches(lab, address)
        assert answers(address, 2222)
    assert lab.run("web1", "systemctl is-failed seawall-firewall").out.strip() == "failed"
    mends(lab, "web1")
    assert status(lab, "https://docs.example/") == "200"


# What somebody may call himself, as nginx and Apache write it.
USERS = ("-", "an n", "[x]", "- [22/Nov/2026:05:00:00 +0000] ", r"\x22", r"[22/Nov/2026:05:00:00 +0000] \"")


def a_line(user: str, request: str, answer: int) -> str:
    return f'192.0.2.1 - {user} [22/Nov/2026:06:00:00 +0000] "{request}" {answer} 12 "-" "-"\n'


@pytest.mark.parametrize(("jail", "counted_lines", "others"), [
    ("seawall-login", [("POST /wp-login.php HTTP/2.0", 200), (r"POST /blog/wp-login.php?x=\" HTTP/1.1", 403),
                       ("POST /api/login HTTP/1.1", 401)],
     [("POST /wp-login.php HTTP/2.0", 302), ("GET /wp-login.php HTTP/2.0", 200), ("POST /api/login HTTP/1.1", 200)]),
    ("seawall-xmlrpc", [("POST /xmlrpc.php HTTP/1.1", 200)], [("POST /index.php HTTP/1.1", 200)]),
    ("seawall-scan", [("GET /.env HTTP/1.1", 404), ("GET / HTTP/1.1", 444), ("PROPFIND / HTTP/1.1", 405)],
     [("GET /a/logo.png?v=2 HTTP/2.0", 404), ("GET / HTTP/1.1", 200)]),
    ("seawall-limit", [("GET /a HTTP/2.0", 429)], [("GET /429 HTTP/2.0", 200)]),
    ("nginx-botsearch", [("GET /cgi-bin/x HTTP/1.1", 404)], [("GET /cgi-bin/x HTTP/1.1", 200)]),
    ("nginx-bad-request", [("\\x16\\x03\\x01", 400), ("", 400)], [("POST /form HTTP/1.1", 400)]),
])  # fmt: skip
def test_a_filter_counts_what_fails_and_nothing_else(
    lab: Lab, jail: str, counted_lines: list[tuple[str, int]], others: list[tuple[str, int]]
) -> None:
    for lines, matched in ((counted_lines, len(counted_lines) * len(USERS)), (others, 0)):
        text = "".join(a_line(user, *line) for line in lines for user in USERS)
        said = lab.run("web1", f"cat > /root/lines; fail2ban-regex /root/lines {jail}", stdin=text).out
        assert f", {matched} matched" in said, said


def is_banned(lab: Lab, jail: str, address: str) -> None:
    """Raises Failed where that does not come true."""
    ask = f"ipset test f2b-{jail}-inet{6 if ':' in address else ''} {address}"
    wait_until(lambda: lab.run("web1", ask).ok, timeout=20, late=until(f"{jail} bans {address}", holds=True))


def test_who_guesses_scans_or_knocks_is_banned_and_control_is_not(lab: Lab) -> None:
    (four, six), (target, _) = lab.plan.addresses("probe"), lab.plan.addresses("web1")
    third = f"{four.rpartition('.')[0]}.99"  # nor are hosts of the estate ever banned
    lab.run("probe", f"ip addr replace {third}/24 dev eth0")
    guess = "for n in $(seq 11); do curl -6sko /dev/null -d log=a -d pwd=b https://shop.example/wp-login.php; done"
    lab.run("probe", guess)
    attempt(["sh", "-c", guess.replace("-6", f"--resolve shop.example:443:{target} -")], timeout=60)
    lab.run("probe", "curl -4sk 'https://docs.example/none[1-70]'")
    attempt(["curl", "-sk", "--resolve", f"docs.example:443:{target}", "https://docs.example/none[1-70]"], timeout=60)
    # ssh is open to control alone, so nobody else could even knock.
    lab.run("web1", f"iptables -A SEAWALL-OPEN -s {third} -p tcp --dport 2222 -j ACCEPT")
    knock = f"timeout 9 ssh -b {third} -p 2222 {ANY_KEY} nobody@{target} true"
    lab.run("probe", f"for n in $(seq 6); do {knock} & done; wait")
    for jail, address in (("seawall-login", six), ("seawall-scan", four), ("sshd", third)):
        is_banned(lab, jail, address)
    assert not any(reaches(lab, address) for address in lab.plan.addresses("web1"))
    assert lab.run("probe", f"curl -sko /dev/null --interface {third} --max-time 2 https://{target}/").code == 28
    assert all(answers(address, port) for address in lab.plan.addresses("web1") for port in (443, 2222))


def test_a_ban_outlives_a_deploy_and_a_reboot_and_ends(lab: Lab) -> None:
    four, six = lab.plan.addresses("probe")
    for again in ("nginx-botsearch", "nginx-http-auth"):
        lab.run("web1", f"fail2ban-client set {again} banip {four}")
    is_banned(lab, "recidive", four)
    mends(lab, "web1")  # the door for knocking
    lab.reboot("web1")
    for jail, address in (("recidive", four), ("seawall-login", six)):
        is_banned(lab, jail, address)
    assert set(changes(counted(lab, "web1")).values()) == {0}
    assert not any(reaches(lab, address) for address in lab.plan.addresses("web1"))
    lab.run("web1", "fail2ban-client unban --all")
    assert all(reaches(lab, address) for address in lab.plan.addresses("web1"))


def test_the_second_ban_is_longer(lab: Lab) -> None:
    jail, member = "nginx-http-auth", "ipset test f2b-nginx-http-auth-inet 192.0.2.9"
    lab.run("web1", f"fail2ban-client set {jail} bantime 1")
    for _ in range(2):
        lab.run("web1", f"fail2ban-client set {jail} banip 192.0.2.9")
        wait_until(lambda: not lab.run("web1", member).ok, timeout=10, late=until("it is banned", holds=False))
    assert "Increase Ban 192.0.2.9" in lab.run("web1", "cat /var/log/fail2ban.log").out
    lab.run("web1", "fail2ban-client reload")


def test_logs_that_are_gone_do_not_stop_it(lab: Lab) -> None:
    logs = "/var/log/nginx/*.log /var/log/vhosts/*/access.log /var/log/fail2ban.log"
    lab.run("web1", f"systemctl stop fail2ban; rm {logs}; systemctl start fail2ban")
    assert set(changes(counted(lab, "web1")).values()) == {0}
    assert lab.run("web1", "ls /var/log/vhosts/docs.example/access.log && systemctl is-active fail2ban").ok
    lab.run("web1", "systemctl reload nginx")
