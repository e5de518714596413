"""The primary is lost, people make a secondary the primary, the switch goes there; and the old primary does not win."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from os import kill
from pathlib import Path
from signal import SIGHUP

import name_servers
import pytest
from dns_estate import KNOT_CONF, SECRET
from two_servers import BIND, KNOT, NEW, Lab, two_servers
from two_servers import tree as tree

from drp import dns
from effects.clock import wait_until
from effects.dns import Key, Server, may_update
from estate.problem import Failed, Problem, Unreachable

pytestmark = pytest.mark.lab
OTHER = "127.0.83.2"  # a second Knot


@pytest.fixture
def lab(tmp_path: Path, tree: Path) -> Iterator[Lab]:
    with two_servers(tree, tmp_path) as made:
        yield made


def replaced(path: Path, *pairs: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def takes_updates(lab: Lab, address: str) -> bool:
    try:
        may_update(Server("ns2", address, lab.port), "shop.example", Key("seawall", "hmac-sha256", SECRET))
    except Problem:
        return False
    return True


def survives(lab: Lab, tree: Path, folder: Path, address: str, promote: Callable[[], None]) -> None:
    """The whole of it, with ns2 at that address."""
    planned = lab.plan()
    name_servers.end(lab.pids.pop("ns1"))
    with pytest.raises(Unreachable, match="ns1"):
        lab.switch(planned)  # nobody made ns2 the primary
    promote()
    late = Failed("ns2 takes no updates", hint="look at its log")
    wait_until(lambda: takes_updates(lab, address), timeout=20, late=late)
    lab.switch(planned)
    assert lab.holds(planned) == {"ns1": None, "ns2": True}
    assert dns.proven(lab.holds(planned))
    lab.switch(planned)  # again: it is done
    lab.pids["ns1"] = name_servers.knotd(tree, folder)  # and believes that it is the primary still
    wait_until(lambda: lab.holds(planned)["ns1"] is not None, timeout=20, late=late)
    assert lab.holds(planned) == {"ns1": False, "ns2": True}
    assert lab.at(address, "www.shop.example.") == (NEW,)
    name_servers.end(lab.pids.pop("ns1"))
    replaced(folder / "knot.conf", ("    notify: ns2\n", "    master: ns2\n"))
    lab.pids["ns1"] = name_servers.knotd(tree, folder)
    lab.soon(planned)


def test_bind_is_promoted(lab: Lab, tree: Path, tmp_path: Path) -> None:
    def promote() -> None:
        secondary = f'type secondary; file "shop.copy"; primaries {{ {KNOT} port {lab.port}; }};'
        primary = 'type primary; file "shop.copy"; masterfile-format raw; allow-update { key seawall; };'
        replaced(tmp_path / "named.conf", (secondary, primary))
        kill(lab.pids["ns2"], SIGHUP)  # rndc reconfig

    survives(lab, tree, tmp_path, BIND, promote)


def test_knot_is_promoted(lab: Lab, tree: Path, tmp_path: Path) -> None:
    there = tmp_path / "other"
    there.mkdir()
    text = KNOT_CONF.format(folder=there, port=lab.port, knot=OTHER, bind=KNOT, secret=SECRET, load="whole")
    (there / "knot.conf").write_text(text)
    replaced(
        there / "knot.conf",
        ("    notify: ns2\n", "    master: ns2\n"),
        ("action: transfer", "action: [transfer, notify]"),
        ("acl: [update, copy]", "acl: [copy]"),
        ("zonefile-sync: -1", "zonefile-sync: 0"),
    )
    replaced(
        tmp_path / "knot.conf",
        (f"address: {BIND}@{lab.port}", f"address: {OTHER}@{lab.port}"),
        (f"address: {BIND}\n", "address: 127.0.0.0/8\n"),
    )
    kill(lab.pids["ns1"], SIGHUP)
    lab.pids["other"] = name_servers.knotd(tree, there)
    hosts = {**lab.estate.hosts, "ns2": replace(lab.estate.hosts["ns2"], ipv4=IPv4Address(OTHER))}
    mine = replace(lab, estate=replace(lab.estate, hosts=hosts))
    late = Failed("the second Knot has nothing", hint=f"look at {there}/knot.log")
    wait_until(lambda: serves(mine), timeout=20, late=late)

    def promote() -> None:
        replaced(there / "knot.conf", ("    master: ns2\n", ""), ("acl: [copy]", "acl: [update, copy]"))
        kill(lab.pids["other"], SIGHUP)  # knotc reload

    survives(mine, tree, tmp_path, OTHER, promote)


def serves(lab: Lab) -> bool:
    try:
        return lab.at(OTHER, "www.shop.example.") != ()
    except Problem:
        return False
