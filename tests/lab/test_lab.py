"""The lab keeps its promises: others build their proofs on them."""

import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest

from effects import clock
from effects.run import attempt
from estate.problem import Problem
from lab import Lab, repository, visitor, writer
from lab.layout import PLACES, SITES

pytestmark = pytest.mark.lab
SECRET = "secrets/tsig"


def late(what: str) -> Problem:
    return Problem(what, hint="look at the lab: seawall lab status --name test")


def update(lab: Lab, address: str) -> None:
    key = dns.tsig.Key("seawall-drp", (lab.directory / SECRET).read_text().strip(), "hmac-sha256")
    message = dns.update.UpdateMessage("docs.example", keyring=key)
    message.replace("www", 10, "A", address)
    assert dns.query.tcp(message, lab.address("ns1"), timeout=5).rcode() == dns.rcode.NOERROR


def asked(lab: Lab, server: str, name: str = "www.docs.example") -> str:
    answer = dns.query.udp(dns.message.make_query(name, "A"), lab.address(server), timeout=5)
    return " ".join(str(record) for rrset in answer.answer for record in rrset)


def test_every_host_runs_what_its_role_needs_and_nothing_else(lab: Lab) -> None:
    assert all(host.running and host.reachable for host in lab.status())
    for place in PLACES:
        active = lab.run(place.name, "systemctl is-active mariadb postgresql nginx knot named fail2ban").out.split()
        running = dict(zip(("mariadb", "postgresql", "nginx", "knot", "named", "fail2ban"), active, strict=True))
        for service, state in running.items():
            assert (state == "active") == (service in place.services), f"{service} on {place.name} is {state}"
        assert not lab.run(place.name, "systemctl --failed --no-legend").out


def test_hosts_are_as_open_as_fresh_servers(lab: Lab) -> None:
    known_hosts = f"UserKnownHostsFile={lab.directory}/known_hosts"
    argv = ["ssh", "-F", "none", "-o", "PreferredAuthentications=none", "-o", known_hosts]
    refused = attempt([*argv, f"root@{lab.address('vault-even')}", "true"], timeout=20).err
    assert "password" in refused
    assert not lab.run("vault-even", "iptables -S | grep -v ACCEPT").out
    assert lab.run("vault-even", "cp /bin/true /tmp/t && /tmp/t && rm /tmp/t").ok


def test_a_visitor_finds_every_site_through_dns_over_https(lab: Lab) -> None:
    for domain, user in SITES.items():
        visit = visitor.visit(lab, domain)
        assert (visit.status, visit.error) == (200, "")
        assert f"Seawall {user}" in visit.body
        assert visit.address in lab.plan.addresses("web1")


def test_the_sites_have_the_data_that_was_promised(lab: Lab) -> None:
    documents = int(lab.run("web1", "find /srv/vhosts/docs.example/public -type f | wc -l").out)
    posts = int(lab.run("web1", "mariadb -N shop -e \"select count(*) from wp_posts where post_type = 'post'\"").out)
    uploads = "/srv/vhosts/shop.example/wp-content/uploads"
    pictures = int(lab.run("web1", f"find {uploads} -size +200k | wc -l").out)
    assert documents > 20_000
    assert posts > 30
    assert pictures > 10


def test_a_lost_datacenter_says_nothing_and_comes_back(lab: Lab) -> None:
    ping = "ping -c 1 -W 1 {}; ping -6 -c 1 -W 1 {}"
    everywhere = ping.format(*lab.plan.addresses("web1"))
    assert lab.run("twin1", everywhere).out.count(" 0% packet loss") == 2
    lab.cut("limburg")
    try:
        assert [host.name for host in lab.status() if not host.reachable] == ["web1", "vault-even"]
        gone = lab.run("twin1", everywhere).out
        assert gone.count("100% packet loss") == 2
        assert "unreachable" not in gone.lower()
        neighbour = lab.run("web1", f"ping -c 1 -W 1 {lab.address('vault-even')}")
        assert not neighbour.ok
    finally:
        lab.heal("limburg")
    reached = lambda: lab.run("twin1", everywhere).out.count(" 0% packet loss") == 2  # noqa: E731
    clock.wait_until(reached, timeout=10, late=late("limburg does not come back"))


def test_an_update_reaches_both_servers_and_survives_a_restart(lab: Lab) -> None:
    before = asked(lab, "ns1")
    update(lab, "192.0.2.1")
    try:
        secondary = lambda: asked(lab, "ns2") == "192.0.2.1"  # noqa: E731
        clock.wait_until(secondary, timeout=5, late=late("the secondary did not hear of the update"))
        lab.reboot("ns1")
        assert asked(lab, "ns1") == "192.0.2.1"
    finally:
        update(lab, before)


def test_an_update_without_the_key_is_refused(lab: Lab) -> None:
    message = dns.update.UpdateMessage("docs.example")
    message.replace("www", 10, "A", "192.0.2.66")
    assert dns.query.tcp(message, lab.address("ns1"), timeout=5).rcode() != dns.rcode.NOERROR
    assert asked(lab, "ns1") != "192.0.2.66"


@pytest.mark.parametrize("datacenter", ["gravelines", "strasbourg"])
def test_the_visitor_needs_only_one_of_the_name_servers(lab: Lab, datacenter: str) -> None:
    here = (lab.address("web1"),)
    both = lambda: all(lab.address("web1") in asked(lab, server, "ledger.example") for server in ("ns1", "ns2"))  # noqa: E731
    clock.wait_until(both, timeout=60, late=late("not both name servers hold ledger.example"))
    lab.cut(datacenter)
    try:
        assert lab.run("probe", "rndc flush").ok
        lost = late(f"nobody finds it without {datacenter}")
        clock.wait_until(lambda: visitor.resolve(lab, "ledger.example") == here, timeout=30, late=lost)
    finally:
        lab.heal(datacenter)


def test_a_host_installs_from_the_labs_archive_and_hears_of_what_is_newer(lab: Lab) -> None:
    assert lab.run("vault-odd", "apt-get update -q && apt-get install -qy debsums && debsums -s", timeout=120).ok
    security, foreign = repository.newer(lab, "cron"), repository.newer(lab, "less", archive=repository.ELSEWHERE)
    lab.run("vault-odd", "apt-get update -q")
    offered = lab.run("vault-odd", "apt-cache policy cron less").out
    assert f"Candidate: {security}\n" in offered
    assert "Debian-Security" in lab.run("vault-odd", "apt-cache policy").out
    assert foreign not in offered
    assert lab.run("vault-odd", "apt-get install -qy cron && systemctl is-active cron", timeout=120).ok


def test_a_mirror_can_be_down(lab: Lab) -> None:
    fetch = "rm -rf /var/lib/apt/lists && apt-get update -q --error-on=any"
    with repository.down(lab):
        assert not lab.run("vault-odd", fetch).ok
    assert lab.run("vault-odd", fetch).ok


def test_a_lost_row_is_counted(lab: Lab) -> None:
    writer.start(lab)
    enough = lambda: len(writer.record(lab)) >= 10  # noqa: E731
    clock.wait_until(enough, timeout=30, late=late("the writer does not write"))
    writer.stop(lab)
    assert writer.counted(lab).lost == ()
    victim = writer.record(lab)[-1].number
    lab.run("web1", f"runuser -u ledger -- psql -qc 'DELETE FROM entries WHERE number = {victim}'")  # noqa: S608
    assert writer.counted(lab).lost == (victim,)
    lab.run("probe", f"curl -sS -d number={victim} https://ledger.example/add")
    assert writer.counted(lab).lost == ()


def test_a_reboot_keeps_the_disk_and_not_the_memory(lab: Lab) -> None:
    assert lab.run("vault-odd", "touch /root/kept /run/gone && iptables -N GONE && ipset create gone hash:ip").ok
    lab.reboot("vault-odd")
    assert lab.run("vault-odd", "test -e /root/kept && ! test -e /run/gone && rm /root/kept").ok
    assert not lab.run("vault-odd", "iptables -S GONE || ipset list gone").ok


def test_up_again_finds_the_lab_as_it_is(lab: Lab) -> None:
    import lab as package  # noqa: PLC0415 - the fixture has the package's name here

    said: list[str] = []
    assert package.up(lab.name, lab.plan.network, suite=lab.plan.suite, say=said.append) == lab
    assert said == [f"{lab.name} is up already"]
