"""DNS is switched at a real Knot and proven at a real BIND behind it, both on this machine's loopback."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from time import monotonic, time

import name_servers
import pytest
from dns_estate import BIND_CONF, KNOT_CONF, SECRET, WEB1, ZONE, estate_of

from drp import dns
from drp.dns import Change, rfc2136
from effects.clock import wait_until
from effects.dns import Edit, Key, Server, query, update
from estate.model import Estate, Zone
from estate.problem import BadEstate, Failed, Problem, Refused, Unreachable, Untrusted

pytestmark = pytest.mark.lab

KNOT, BIND = "127.0.83.1", "127.0.0.1"  # named listens only on addresses that an interface has
KEY = Key("seawall.", "hmac-sha256", SECRET)
OLD, NEW, FOREIGN = str(WEB1.ipv4), "10.83.3.10", "192.0.2.99"


@dataclass(frozen=True)
class Lab:
    """Two running name servers and the estate that knows them."""

    estate: Estate
    port: int
    pids: dict[str, int]

    def zone(self, name: str = "shop.example") -> Zone:
        return self.estate.zones[name]

    def plan(self, name: str = "shop.example") -> tuple[Change, ...]:
        vhost = self.estate.vhosts[name]
        hosts = self.estate.hosts
        return dns.changes(self.estate, vhost, hosts["web1"], hosts["twin1"], dns.look(self.estate, port=self.port))

    def switch(self, changes: tuple[Change, ...], secret: str = SECRET, zone: str = "shop.example") -> None:
        rfc2136.switch(self.estate, self.zone(zone), changes, secret, port=self.port)

    def holds(self, changes: tuple[Change, ...], zone: str = "shop.example") -> dict[str, bool | None]:
        return dict(rfc2136.holds(self.estate, self.zone(zone), changes, port=self.port))

    def soon(self, changes: tuple[Change, ...]) -> None:
        late = Failed("ns2 does not have it", hint="look at its log")
        wait_until(lambda: all(self.holds(changes).values()), timeout=20, late=late)

    def at(self, address: str, name: str, rtype: str = "A") -> tuple[str, ...]:
        return query(Server("a server", address, self.port), name, rtype)

    @contextmanager
    def silent(self, name: str) -> Iterator[None]:
        """The server takes connections and never answers."""
        os.kill(self.pids[name], signal.SIGSTOP)
        late = Failed(f"{name} goes on", hint="look at its threads")
        wait_until(
            lambda: all(stopped(task) for task in Path(f"/proc/{self.pids[name]}/task").iterdir()),
            timeout=20,
            late=late,
        )  # a thread that runs takes the signal a moment later
        try:
            yield
        finally:
            os.kill(self.pids[name], signal.SIGCONT)


def stopped(task: Path) -> bool:
    return (task / "stat").read_text().rpartition(")")[2].split()[0] == "T"


def free_port() -> int:
    with socket.socket() as one:
        one.bind((KNOT, 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with name_servers.tree(tmp_path_factory.mktemp("tree"), tmp_path_factory.getbasetemp()) as root:
        yield root


@pytest.fixture
def lab(tmp_path: Path, tree: Path) -> Iterator[Lab]:
    port = free_port()
    values = {"folder": tmp_path, "port": port, "knot": KNOT, "bind": BIND, "secret": SECRET}
    (tmp_path / "knot.conf").write_text(KNOT_CONF.format(**values))
    (tmp_path / "named.conf").write_text(BIND_CONF.format(**values))
    for name in ("shop.example", "late.example"):
        (tmp_path / f"{name}.zone").write_text(f"$ORIGIN {name}.\n{ZONE}")
    pids: dict[str, int] = {}
    try:
        pids["ns1"] = name_servers.knotd(tree, tmp_path)
        pids["ns2"] = name_servers.named(tree, tmp_path)
        made = Lab(estate_of({"ns1": KNOT, "ns2": BIND}), port, pids)
        late = Failed("the name servers do not serve", hint=f"look into {tmp_path}")
        wait_until(lambda: serve(made), timeout=20, late=late)
        yield made
    finally:
        name_servers.end(*pids.values())


def serve(lab: Lab) -> bool:
    try:
        zones = ("shop.example.", "late.example.")
        return all(lab.at(address, zone) for address in (KNOT, BIND) for zone in zones)
    except Problem:
        return False


def test_a_switch_reaches_every_server_and_touches_only_what_pointed_at_the_lost_host(lab: Lab) -> None:
    planned = lab.plan()
    assert lab.holds(planned) == {"ns1": False, "ns2": False}  # so this test can fail
    lab.switch(planned)
    lab.soon(planned)
    assert lab.at(BIND, "shop.example.") == tuple(sorted([NEW, "192.0.2.77"]))
    assert lab.at(BIND, "www.shop.example.") == (NEW,)
    assert lab.at(BIND, "shop.example.", "TXT") == (f'"v=spf1 ip4:{NEW} -all"',)
    assert lab.plan() == ()


def test_a_wildcard_moves_with_the_names_that_it_answers_for_and_hints_with_them(lab: Lab) -> None:
    """www has a record of its own with the same address; ghost has none."""
    hint = f'1 . alpn="h2" ipv4hint="{OLD}"'
    edits = (Edit("*.shop.example.", "A", (), (OLD,), 60), Edit("shop.example.", "HTTPS", (), (hint,), 60))
    assert update(Server("ns1", KNOT, lab.port), "shop.example", edits, KEY)
    shop = lab.estate.vhosts["shop.example"]
    aliased = replace(shop, aliases=(*shop.aliases, "ghost.shop.example"))
    mine = replace(lab, estate=replace(lab.estate, vhosts={"shop.example": aliased}))
    planned = mine.plan()
    assert lab.at(KNOT, "ghost.shop.example.") == (OLD,)
    mine.switch(planned)
    mine.soon(planned)
    assert {lab.at(BIND, f"{name}.shop.example.") for name in ("www", "ghost", "any")} == {(NEW,)}
    assert lab.at(BIND, "shop.example.", "HTTPS") == (hint.replace(OLD, NEW),)
    mine.switch(planned)  # again: it is done, and no conflict
    assert mine.plan() == ()


def test_sent_again_after_its_answer_was_lost_it_is_done_and_no_conflict(lab: Lab) -> None:
    planned = lab.plan()
    lab.switch(planned)
    lab.switch(planned)
    assert lab.holds(planned)["ns1"] is True


def test_whether_a_switch_would_be_taken_is_asked_without_changing_anything(lab: Lab) -> None:
    before = lab.at(KNOT, "shop.example.", "SOA")
    assert abs(dns.switchable(lab.estate, lab.zone(), SECRET, port=lab.port)) <= 1  # seconds between the clocks
    with pytest.raises(Untrusted):
        dns.switchable(lab.estate, lab.zone(), SECRET[::-1].replace("=", "A"), port=lab.port)
    nowhere = replace(lab.zone(), name="nowhere.example")
    with pytest.raises(Failed):
        dns.switchable(lab.estate, nowhere, SECRET, port=lab.port)
    second = replace(lab.zone(), servers=("ns2", "ns1"))
    with pytest.raises(Failed, match="ns2"):
        dns.switchable(lab.estate, second, SECRET, port=lab.port)
    assert lab.at(KNOT, "shop.example.", "SOA") == before


def test_what_a_third_party_changed_meanwhile_is_shown_and_nothing_is_switched(lab: Lab) -> None:
    planned = lab.plan()
    theirs = Edit("www.shop.example.", "A", (OLD,), (FOREIGN,), 60)
    assert update(Server("ns1", KNOT, lab.port), "shop.example", (theirs,), KEY)
    with pytest.raises(Refused, match=rf"www.shop.example. A is {FOREIGN}, not {OLD}"):
        lab.switch(planned)
    assert lab.at(KNOT, "shop.example.") == tuple(sorted([OLD, "192.0.2.77"]))


def test_what_somebody_already_switched_by_hand_is_not_in_the_way_of_the_rest(lab: Lab) -> None:
    planned = lab.plan()
    by_hand = Edit("www.shop.example.", "A", (OLD,), (NEW,), 60)
    assert update(Server("ns1", KNOT, lab.port), "shop.example", (by_hand,), KEY)
    lab.switch(planned)
    assert lab.holds(planned)["ns1"] is True


def test_a_record_that_vanished_meanwhile_is_a_conflict(lab: Lab) -> None:
    planned = lab.plan()
    theirs = Edit("www.shop.example.", "A", (OLD,), (), 60)
    assert update(Server("ns1", KNOT, lab.port), "shop.example", (theirs,), KEY)
    with pytest.raises(Refused, match="A is nothing"):
        lab.switch(planned)


def test_a_record_can_be_made_where_none_stood(lab: Lab) -> None:
    made = Change("shop.example", "new.shop.example.", "AAAA", (), ("2001:db8::1",), 60)
    lab.switch((made,))
    lab.soon((made,))


def test_a_secondary_that_lags_is_named(lab: Lab) -> None:
    planned = lab.plan("late.example")
    lab.switch(planned, zone="late.example")
    assert lab.holds(planned, "late.example") == {"ns1": True, "ns2": False}


def test_a_silent_secondary_is_not_proven_rather_than_wrong_and_costs_seconds_only(lab: Lab) -> None:
    planned = lab.plan()
    lab.switch(planned)
    lab.soon(planned)
    with lab.silent("ns2"):
        start = monotonic()
        assert lab.holds(planned) == {"ns1": True, "ns2": None}
        assert monotonic() - start < 5


def test_a_silent_primary_is_unreachable_within_seconds_and_the_switch_can_be_run_again(lab: Lab) -> None:
    planned = lab.plan()
    with lab.silent("ns1"):
        start = monotonic()
        with pytest.raises(Unreachable, match=rf"ns1 \({KNOT} port {lab.port}\)"):
            lab.switch(planned)
        assert monotonic() - start < 5
    lab.switch(planned)
    lab.soon(planned)


def test_a_dead_server_is_unreachable_and_the_living_one_is_still_proven(lab: Lab) -> None:
    os.kill(lab.pids.pop("ns1"), signal.SIGKILL)
    with pytest.raises(Unreachable, match="ns1"):
        lab.switch((Change("shop.example", "shop.example.", "A", (OLD,), (NEW,), 60),))
    standing = Change("shop.example", "www.shop.example.", "A", (), (OLD,), 60)
    assert lab.holds((standing,)) == {"ns1": None, "ns2": True}


def test_a_wrong_secret_is_untrusted_and_changes_nothing(lab: Lab) -> None:
    planned = lab.plan()
    with pytest.raises(Untrusted, match="TSIG key") as told:
        lab.switch(planned, secret="d3JvbmcgYnV0IHN0aWxsIGJhc2U2NA==")
    assert "compare the key" in told.value.hint
    assert lab.plan() == planned


def test_a_key_that_can_be_none_is_told_before_anything_is_sent(lab: Lab) -> None:
    with pytest.raises(BadEstate, match="not base64"):
        lab.switch(lab.plan(), secret="???")
    zone = replace(lab.zone(), tsig=replace(lab.zone().tsig, algorithm="hmac-sha265"))
    with pytest.raises(BadEstate, match="hmac-sha265"):
        rfc2136.switch(lab.estate, zone, lab.plan(), SECRET, port=lab.port)


def test_clocks_apart_are_told_as_such(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = lab.plan()
    then = time() - 900
    monkeypatch.setattr("dns.renderer.time.time", lambda: then)
    with pytest.raises(Untrusted, match="clocks") as told:
        lab.switch(planned)
    assert "date -u" in told.value.hint


def test_a_server_that_takes_no_updates_says_so(lab: Lab) -> None:
    secondary_first = replace(lab.zone(), servers=("ns2", "ns1"))
    with pytest.raises(Failed, match="REFUSED") as told:
        rfc2136.switch(lab.estate, secondary_first, lab.plan(), SECRET, port=lab.port)
    assert "primary" in told.value.hint


def test_a_key_that_the_server_does_not_know_is_untrusted(lab: Lab) -> None:
    zone = replace(lab.zone(), tsig=replace(lab.zone().tsig, name="stranger"))
    with pytest.raises(Untrusted, match="TSIG key"):
        rfc2136.switch(lab.estate, zone, lab.plan(), SECRET, port=lab.port)


def test_a_zone_that_a_server_does_not_have_is_told_and_does_not_hold(lab: Lab) -> None:
    change = Change("gone.example", "gone.example.", "A", (OLD,), (NEW,), 60)
    zone = replace(lab.zone(), name="gone.example")
    with pytest.raises(Failed, match=r"gone\.example"):
        rfc2136.switch(lab.estate, zone, (change,), SECRET, port=lab.port)
    assert rfc2136.holds(lab.estate, zone, (change,), port=lab.port) == {"ns1": False, "ns2": False}


def test_a_server_with_two_addresses_is_reached_by_the_one_that_answers(lab: Lab) -> None:
    dead, living = IPv4Address("127.0.83.9"), IPv6Address(f"::ffff:{KNOT}")
    hosts, zones = dict(lab.estate.hosts), dict(lab.estate.zones)
    hosts["ns1"] = replace(hosts["ns1"], ipv4=dead)
    zones["shop.example"] = replace(zones["shop.example"], servers=("ns1",))
    with pytest.raises(Unreachable, match=str(dead)):
        replace(lab, estate=replace(lab.estate, hosts=hosts, zones=zones)).plan()
    hosts["ns1"] = replace(hosts["ns1"], ipv6=living)
    assert replace(lab, estate=replace(lab.estate, hosts=hosts, zones=zones)).plan() == lab.plan()


def test_with_the_primary_down_a_plan_is_made_from_the_secondary_and_not_carried_out(lab: Lab) -> None:
    planned = lab.plan()
    with lab.silent("ns1"):
        assert lab.plan() == planned
        with pytest.raises(Unreachable, match="ns1"):
            lab.switch(planned)
