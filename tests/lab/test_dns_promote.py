"""`seawall drp promote` on a real BIND and a real Knot: refused where it must be, put back where it does not hold."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from hardening import SEAWALL, copied_estate, own_lab

from drp.dns import rfc2136
from drp.dns.primaries import Secrets, takes
from drp.dns.soa import soa
from drp.promotion import Promotion, look, zones_of
from drp.promotion.server import put
from effects.clock import wait_until
from effects.dns import Edit, Server, query, update
from effects.remote import Remote
from effects.run import Result, attempt
from effects.secrets import resolve
from estate.model import Estate
from estate.problem import Failed, Refused
from inventory import load
from lab import Lab, names
from lab.layout import PUBLIC_ZONE

pytestmark = pytest.mark.lab
REFUSED, FAILED = 6, 7
OLD, NEW = "10.9.9.1", "10.9.9.2"
NAME = "moved.shop.example."
TEMPLATE = """\
  - id: following
    storage: "/var/lib/knot"
    file: "%s.zone"
    master: ns2
    acl: secondary
"""
OPEN = r"perl -0pi -e 's/\tallow-transfer\s*\{[^}]*\};\n//' /etc/bind/named.conf && rndc reconfig"


@dataclass(frozen=True, slots=True)
class World:
    lab: Lab
    path: Path

    @property
    def estate(self) -> Estate:
        return load(self.path)

    @property
    def secret(self) -> Secrets:
        return lambda zone: resolve(zone.tsig.secret, base=self.lab.directory) if zone.tsig else ""

    def seawall(self, *words: str) -> Result:
        return attempt([SEAWALL, "drp", "promote", *words, "--estate", str(self.path)], timeout=200)

    def takes_updates(self, server: str) -> bool:
        zones = self.estate.zones.values()
        return all(takes(self.estate, zone, server, self.secret) for zone in zones)

    def points(self, server: str, *, before: str, after: str) -> None:
        """A switch on that server, as an activation makes it."""
        zone = self.estate.zones["shop.example"]
        edit = Edit(NAME, "A", (before,) if before else (), (after,), 60)
        key = rfc2136.key_of(zone, self.secret(zone))
        assert update(Server(server, self.lab.address(server)), zone.name, (edit,), key)

    def at(self, server: str) -> tuple[str, ...]:
        return query(Server(server, self.lab.address(server)), NAME, "A")

    def serials(self, server: str) -> dict[str, int]:
        return {name: soa(self.estate.hosts[server], zone).serial for name, zone in self.estate.zones.items()}

    def promotion(self, server: str) -> Promotion:
        zones = zones_of(self.estate, server, [])
        return look(self.estate, self.estate.hosts[server], zones, self.secret)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with own_lab(("ns1", "ns2")) as lab:
        made = World(lab, lab.estate_file)
        for host in ("ns1", "ns2"):  # as hardening leaves it: the estate's port
            assert lab.run(host, "echo Port 2222 > /etc/ssh/sshd_config.d/port.conf && systemctl restart ssh").ok
        made.points("ns1", before="", after=OLD)
        late = Failed("ns2 does not follow", hint="look at its log")
        wait_until(lambda: made.at("ns2") == (OLD,), timeout=30, late=late)
        yield made


def standing(lab: Lab, host: str, path: str) -> str:
    return lab.run(host, f"stat -c '%U:%G %a' {path}; cat {path}").out


@contextmanager
def lost(lab: Lab, datacenter: str) -> Iterator[None]:
    lab.cut(datacenter)
    try:
        yield
    finally:
        lab.heal(datacenter)


def test_while_the_primary_speaks_nobody_takes_its_place(world: World) -> None:
    before = standing(world.lab, "ns2", "/etc/bind/named.conf")
    done = world.seawall("ns2", "--yes")
    assert done.code == REFUSED, done
    assert "ns1 speaks for its zones still, to ns2, this machine" in done.err
    assert standing(world.lab, "ns2", "/etc/bind/named.conf") == before


def test_looking_changes_nothing_and_shows_no_secret(world: World) -> None:
    before = standing(world.lab, "ns2", "/etc/bind/named.conf")
    with lost(world.lab, "gravelines"):
        done = world.seawall("ns2")
    assert done.code == 0, done
    assert "+\ttype primary;" in done.out
    assert world.secret(world.estate.zones["shop.example"]) not in done.out
    assert standing(world.lab, "ns2", "/etc/bind/named.conf") == before


def test_what_takes_no_updates_is_put_back(world: World) -> None:
    before, serials = standing(world.lab, "ns2", "/etc/bind/named.conf"), world.serials("ns2")
    rule = "INPUT -p tcp --dport 53 -j REJECT --reject-with tcp-reset"
    closed = f"iptables -{{0}} {rule} && ip6tables -{{0}} {rule}"
    with lost(world.lab, "gravelines"):
        assert world.lab.run("ns2", closed.format("I")).ok
        done = world.seawall("ns2", "--yes")
        assert world.lab.run("ns2", closed.format("D")).ok
        assert done.code == FAILED, done
        assert "was put back" in done.err
        assert standing(world.lab, "ns2", "/etc/bind/named.conf") == before
        assert not world.takes_updates("ns2")
        assert world.serials("ns2") == serials
        assert world.at("ns2") == (OLD,)


def test_what_somebody_wrote_meanwhile_is_not_overwritten(world: World) -> None:
    with lost(world.lab, "gravelines"):
        found = world.promotion("ns2")
        world.lab.run(
            "ns2", "cp -p /etc/bind/named.conf /root/named.conf; echo 'acl mine { none; };' >> /etc/bind/named.conf"
        )
        edited = standing(world.lab, "ns2", "/etc/bind/named.conf")
        with Remote(found.server, world.estate.control) as remote, pytest.raises(Refused, match="changed meanwhile"):
            put(remote, found.was, found.text, "/var/backups/never", "nobody")
        assert standing(world.lab, "ns2", "/etc/bind/named.conf") == edited
        world.lab.run("ns2", "mv /root/named.conf /etc/bind/named.conf")
        left = world.lab.run("ns2", "ls -A /etc/bind /var/backups").out
        assert "never" not in left
        assert ".seawall" not in left


def test_bind_is_the_primary_and_stays_it(world: World) -> None:
    before, serials = standing(world.lab, "ns2", "/etc/bind/named.conf"), world.serials("ns2")
    with lost(world.lab, "gravelines"):
        done = world.seawall("ns2", "--yes", "--json")
        assert done.code == 0, done
        kept = json.loads(done.out)["kept"]
        assert world.takes_updates("ns2")
        assert world.serials("ns2") == serials
        assert standing(world.lab, "ns2", kept) == before
        assert standing(world.lab, "ns2", "/etc/bind/named.conf").startswith("root:bind 640\n")
        assert kept in world.lab.run("ns2", "journalctl -t seawall -o cat").out
        assert kept in world.lab.run("ns2", "head -1 /etc/bind/named.conf").out
        again = world.seawall("ns2", "--yes", "--json")
        assert (again.code, json.loads(again.out)["difference"]) == (0, []), again
        world.points("ns2", before=OLD, after=NEW)
        world.lab.run("ns2", "systemctl restart named")
        late = Failed("ns2 is not there again", hint="look at its log")
        wait_until(partial(world.takes_updates, "ns2"), timeout=30, late=late)
        assert world.at("ns2") == (NEW,)
        # Cut off between the writing and the reading: the same command goes on.
        world.lab.run("ns2", f"cp -p /etc/bind/named.conf /root/new; cp {kept} /etc/bind/named.conf; rndc reconfig")
        wait_until(lambda: not world.takes_updates("ns2"), timeout=30, late=late)
        world.lab.run("ns2", "mv /root/new /etc/bind/named.conf")
        assert world.seawall("ns2", "--yes").code == 0
        assert world.takes_updates("ns2")
        assert world.at("ns2") == (NEW,)


def following(lab: Lab) -> str:
    """knot.conf of the lab's primary as a secondary of ns2 that knows no key; the master stands in a template."""
    text = names.knot(lab.plan, "c2VjcmV0")
    for old, new in (
        (text[text.index("key:\n") : text.index("remote:\n")], ""),
        (text[text.index("  - id: drp\n") : text.index("template:\n")], ""),
        ("action: transfer\n", "action: notify\n"),
        ("    notify: ns2\n    acl: [secondary, drp]\n", "    template: following\n"),
        ("zone:\n", f"{TEMPLATE}zone:\n"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


def test_knot_comes_back_as_a_secondary_and_is_the_primary_again(world: World, tmp_path: Path) -> None:
    """After the test above: ns2 has what ns1 has not, and its records go home through a template's master."""
    assert world.lab.run("ns2", OPEN).ok
    world.lab.guest("ns1").put("/etc/knot/knot.conf", following(world.lab), mode=0o600, owner="knot")
    done = world.lab.run("ns1", "knotc conf-check && knotc reload && knotc -f zone-retransfer")
    assert done.ok, done
    swapped = copied_estate(world.lab, tmp_path)
    swapped.write_text(swapped.read_text().replace('servers = ["ns1", "ns2"]', 'servers = ["ns2", "ns1"]'))
    turned = World(world.lab, swapped)
    late = Failed("ns1 does not follow", hint="look at its log")
    wait_until(lambda: turned.at("ns1") == (NEW,), timeout=60, late=late)
    assert not turned.takes_updates("ns1")
    serials = turned.serials("ns1")
    with lost(world.lab, "strasbourg"):
        done = turned.seawall("ns1", "--yes")
        assert done.code == 0, done
        assert turned.takes_updates("ns1")
        assert turned.serials("ns1") == serials
        turned.points("ns1", before=NEW, after=OLD)
        world.lab.run("ns1", "systemctl restart knot")
        wait_until(partial(turned.takes_updates, "ns1"), timeout=30, late=late)
        assert turned.at("ns1") == (OLD,)
        assert turned.seawall("ns1", "--yes").code == 0
        assert query(Server("ns1", world.lab.address("ns1")), PUBLIC_ZONE, "SOA")  # nobody asked for that one
