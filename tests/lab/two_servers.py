"""A real Knot with a real BIND behind it, both on this machine's loopback, and the estate that knows them."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import dns.query
import dns.zone
import name_servers
import pytest
from dns_estate import BIND_CONF, KNOT_CONF, SECRET, WEB1, ZONE, estate_of

from drp.dns import Change, changes, looked
from drp.dns.together import Rfc2136, Silence
from effects.clock import wait_until
from effects.dns import Key, Server, query
from estate.model import Estate, Zone
from estate.problem import Failed, Problem
from estate.zones import Tsig

KNOT, BIND = "127.0.83.1", "127.0.0.1"  # named listens only on addresses that an interface has
KEY = Key("seawall.", "hmac-sha256", SECRET)
OLD, NEW, FOREIGN = str(WEB1.ipv4), "10.83.3.10", "192.0.2.99"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where both can be run from."""
    with name_servers.tree(tmp_path_factory.mktemp("tree"), tmp_path_factory.getbasetemp()) as root:
        yield root


@dataclass(frozen=True)
class Lab:
    """Two running name servers and the estate that knows them."""

    estate: Estate
    port: int
    pids: dict[str, int]

    def zone(self, name: str = "shop.example") -> Zone:
        return self.estate.zones[name]

    @property
    def tsig(self) -> Tsig:
        tsig = self.zone().tsig
        assert tsig is not None
        return tsig

    def plan(self, name: str = "shop.example", back: tuple[Change, ...] = ()) -> tuple[Change, ...]:
        """From web1 to twin1, or the way back of what was changed."""
        vhost = self.estate.vhosts[name]
        ttls: dict[tuple[str, str], int] = {}
        look = looked(self.estate, [vhost], port=self.port, ttls=ttls)
        web1, twin1 = (self.estate.hosts[name] for name in ("web1", "twin1"))
        old, new = (twin1, web1) if back else (web1, twin1)
        return changes(self.estate, vhost, old, new, look, ttls=ttls, made=back)

    def zone_file(self, zone: str) -> set[str]:
        """All that Knot has of it but the SOA."""
        transferred = dns.zone.Zone(zone)
        dns.query.inbound_xfr(KNOT, transferred, port=self.port, lifetime=20)
        lines = {str(line) for line in transferred.to_text().splitlines()}
        return {line for line in lines if " SOA " not in line}

    def provider(self, secret: str = SECRET) -> Rfc2136:
        return Rfc2136(self.estate, lambda _: secret, self.port, Silence())

    def switch(self, changes: tuple[Change, ...], secret: str = SECRET, zone: str = "shop.example") -> None:
        if fault := self.provider(secret).switch_all({zone: changes})[zone]:
            raise fault

    def holds(self, changes: tuple[Change, ...], zone: str = "shop.example") -> dict[str, bool | None]:
        return dict(self.provider().holds_all({zone: changes})[zone])

    def with_zone(self, zone: Zone) -> "Lab":
        """The same, which knows that zone as well, or that one otherwise."""
        return replace(self, estate=replace(self.estate, zones={**self.estate.zones, zone.name: zone}))

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


@contextmanager
def two_servers(tree: Path, folder: Path, *, load: str = "whole") -> Iterator[Lab]:
    """Both of them, out of `tree`, their files in `folder`; `load` is what Knot does with zone files."""
    port = free_port()
    values = {"folder": folder, "port": port, "knot": KNOT, "bind": BIND, "secret": SECRET, "load": load}
    (folder / "knot.conf").write_text(KNOT_CONF.format(**values))
    (folder / "named.conf").write_text(BIND_CONF.format(**values))
    for name in ("shop.example", "late.example"):
        (folder / f"{name}.zone").write_text(f"$ORIGIN {name}.\n{ZONE}")
    pids: dict[str, int] = {}
    try:
        pids["ns1"] = name_servers.knotd(tree, folder)
        pids["ns2"] = name_servers.named(tree, folder)
        made = Lab(estate_of({"ns1": KNOT, "ns2": BIND}), port, pids)
        late = Failed("the name servers do not serve", hint=f"look into {folder}")
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
