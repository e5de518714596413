"""What a client's own programs try against ssh and the bans of their host: places, ports, words that are not true.

The tests run in the order of the file, on one host that is hardened once.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from attacks import HOLD, JOIN, TAKE
from beginnings import hardened
from hardening import ANY_KEY, counted, lets_in, own_lab, status

from effects.clock import wait_until
from estate.problem import Failed
from inventory import load
from inventory.data import host_data
from lab import Lab
from playbooks.drive import check, drive

pytestmark = pytest.mark.lab
CLIENT = "ledger"
PUBLIC = "/srv/vhosts/ledger.example/public"
HONEST, VICTIM = "192.0.2.77", "192.0.2.66"
PLACES = 8  # that sshd has for one address which has not logged in


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with own_lab(("web1", "probe"), above=hardened()) as made:
        counted(made, "web1")
        yield made


def held(lab: Lab, host: str, user: str, *addresses: str) -> int:
    """How many connections to ssh get a banner, of thirty at once to each address."""
    asked = json.dumps([addresses, 2222, 30])
    found = lab.run(host, ["runuser", "-u", user, "--", "python3", "-c", HOLD], stdin=asked)
    assert found.ok, found.err
    return int(found.out)


def test_a_clients_program_takes_no_place_at_ssh(lab: Lab) -> None:
    here = ("127.0.0.1", "127.9.9.9", "::1", *lab.plan.addresses("web1"))
    assert held(lab, "web1", CLIENT, *here) == 0
    assert held(lab, "web1", "root", *here) > 0  # so this test can fail


def test_one_address_leaves_places_for_others(lab: Lab) -> None:
    door = f"iptables -{{}} SEAWALL -s {lab.address('probe')} -p tcp --dport 2222 -j ACCEPT"
    lab.run("web1", door.format("I"))
    with ThreadPoolExecutor(1) as pool:
        taking = pool.submit(held, lab, "probe", "root", lab.address("web1"))
        full = f"test $(ss -Htn state established dst {lab.address('probe')} sport = :2222 | wc -l) -ge {PLACES}"
        late = Failed("nobody holds connections", hint="look at web1")
        wait_until(lambda: lab.run("web1", full).ok, timeout=10, late=late)
        assert [lets_in(lab, "web1") for _ in range(4)] == [True] * 4
        assert taking.result() == PLACES
    lab.run("web1", door.format("D"))


def test_no_user_takes_the_port_that_sshd_leaves(lab: Lab) -> None:
    take = ["runuser", "-u", CLIENT, "--", "python3", "-c", TAKE]
    for address in lab.plan.addresses("web1"):
        lab.run("web1", "systemctl stop ssh")
        taken = lab.run("web1", take, stdin=json.dumps([address, 2222]))
        assert lab.run("web1", "systemctl start ssh").ok
        assert "Permission denied" in taken.err
        assert lab.run("web1", take, stdin=json.dumps([address, 2223])).ok  # so this test can fail
    assert lets_in(lab, "web1")


def is_banned(lab: Lab, jail: str, address: str) -> None:
    """Raises Failed where that does not come true."""
    ask = f"ipset test f2b-{jail}-inet{6 if ':' in address else ''} {address}"
    late = Failed(f"{jail} does not ban {address}", hint="look at web1")
    wait_until(lambda: lab.run("web1", ask).ok, timeout=20, late=late)


def sets_with(lab: Lab, address: str) -> str:
    return lab.run("web1", f"ipset save | grep -F 'add f2b-' | grep -F ' {address}'").out


def failed_login(address: str) -> str:
    return f'{address} - an n [$(date "+%d/%b/%Y:%H:%M:%S %z")] \\"GET / HTTP/1.1\\" 401 12 \\"-\\" \\"-\\"'


def appended(lab: Lab, kind: str, line: str) -> None:
    """Ten times, to a log of the client's vhost."""
    log = f"/var/log/vhosts/ledger.example/{kind}.log"
    lab.run("web1", f'line="{line}"; for n in $(seq 10); do echo "$line"; done >> {log}')


def test_what_an_application_says_of_an_address_bans_nobody(lab: Lab) -> None:
    forged = (
        f'user \\"x\\": password mismatch, client: {VICTIM}, server: x, request: \\"GET / HTTP/1.1\\", host: \\"x\\"'
    )
    said = f'$(date "+%Y/%m/%d %H:%M:%S") [error] 1#1: *1 {forged}'
    appended(lab, "error", said)
    lab.run("web1", f"cat > {PUBLIC}/say.php", stdin="<?php error_log('forged by a client', 4); echo 'said';")
    assert status(lab, "https://ledger.example/say.php") == "200"
    assert "forged by a client" not in lab.run("web1", "cat /var/log/vhosts/ledger.example/error.log").out
    lab.run("web1", f"rm {PUBLIC}/say.php")
    appended(lab, "access", failed_login(HONEST))
    is_banned(lab, "nginx-http-auth", HONEST)
    assert not sets_with(lab, VICTIM)


def test_a_program_that_calls_itself_sshd_bans_nobody(lab: Lab) -> None:
    message = f"<86>sshd[1]: Failed password for root from {VICTIM} port 1 ssh2"
    join = ["runuser", "-u", CLIENT, "--", "python3", "-c", JOIN]
    assert lab.run("web1", join, stdin=json.dumps(["sshd", message, 6])).ok
    assert lab.run("web1", f"journalctl -qn 6 _COMM=sshd | grep -c {VICTIM}").out.strip() == "6"
    door = f"iptables -{{}} SEAWALL-OPEN -s {lab.address('probe')} -p tcp --dport 2222 -j ACCEPT"
    lab.run("web1", door.format("A"))
    guess = f"timeout 9 ssh -p 2222 {ANY_KEY} nobody@{lab.address('web1')} true"
    lab.run("probe", f"for n in $(seq 6); do {guess} & done; wait")
    is_banned(lab, "sshd", lab.address("probe"))
    lab.run("web1", f"{door.format('D')}; fail2ban-client unban --all")
    assert not sets_with(lab, VICTIM)


def test_a_network_is_banned_until_the_last_of_its_addresses_is_free(lab: Lab) -> None:
    first, second = "2001:db8:7:7::1", "2001:db8:7:7:a:b:c:d"
    client = "fail2ban-client set sshd {} {}"
    for address in (first, second):
        lab.run("web1", client.format("banip", address))
        is_banned(lab, "sshd", address)
    both = "test $(ipset save f2b-sshd-each | grep -c ^add) = 2"
    late = Failed("the bans of a network's addresses are not told apart", hint="look at web1")
    wait_until(lambda: lab.run("web1", both).ok, timeout=10, late=late)
    lab.run("web1", client.format("unbanip", first))
    is_banned(lab, "sshd", first)
    lab.run("web1", client.format("unbanip", second))
    wait_until(lambda: "add" not in lab.run("web1", "ipset save f2b-sshd-inet6").out, timeout=10, late=late)


def test_hosts_of_the_estate_and_resolvers_are_never_banned(lab: Lab) -> None:
    lab.run("web1", "echo nameserver 192.0.2.53 >> /etc/resolv.conf")
    found = load(lab.estate_file)
    outcomes = drive([host_data(found, found.hosts["web1"])], ["fail2ban"])
    check(outcomes)
    assert outcomes["web1"].changes > 0
    spared = [*lab.plan.addresses("vault-even"), *lab.plan.addresses("twin1"), "192.0.2.53"]
    for address in (*spared, HONEST):
        appended(lab, "access", failed_login(address))
    is_banned(lab, "nginx-http-auth", HONEST)
    assert not any(sets_with(lab, address) for address in spared)
