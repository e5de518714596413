"""Zones that no server of the estate holds: by the API over TLS, and proven on the servers that the world asks."""

import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from dns_estate import estate_of
from ovh_api import KEYS, Ovh
from self_signed import self_signed

from drp import dns
from drp.dns import Change, together
from effects import clock
from effects.dns import Served, Server
from effects.dns_many import Question
from effects.ovh import ENDPOINTS
from estate import zones
from estate.model import Estate, Zone
from estate.problem import Problem, Unreachable, Untrusted
from estate.secret import Secret

SERVERS = ("dns10.ovh.net", "ns10.ovh.net")
MOVE = Change("shop.example", "www.shop.example.", "A", ("10.83.1.10",), ("10.83.3.10",), 60)
VALUES = {"k": KEYS.application, "s": KEYS.secret, "c": KEYS.consumer}


def reveal(secret: Secret) -> str:
    return VALUES[secret.env or ""]


class Web(BaseHTTPRequestHandler):
    there: Ovh

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.there.exchange(self.command, self.path.removeprefix("/1.0"), body, dict(self.headers.items()))
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - as the library calls them

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
        pass


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ovh]:
    """The API on a port of its own, and what is published on the name servers."""
    made = Ovh().holding([("A", "www", "10.83.1.10")])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = self_signed(tmp_path)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with ThreadingHTTPServer(("localhost", 0), type("One", (Web,), {"there": made})) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        made.url = f"https://localhost:{server.server_address[1]}/1.0"
        monkeypatch.setitem(ENDPOINTS, "ovh-eu", made.url)
        monkeypatch.setattr("effects.dns.addresses", lambda name: ("192.0.2.1" if name == SERVERS[0] else "192.0.2.2",))
        monkeypatch.setattr(together, "rrsets", lambda at, asked: answered(made, at, asked))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def answered(made: Ovh, at: Server, asked: list[Question]) -> dict[Question, Served | Problem]:
    """The second of them is silent."""
    if at.address == "192.0.2.2":
        return dict.fromkeys(asked, Unreachable("ns10.ovh.net: silent", hint="-"))
    values = tuple(one["target"] for one in made.published.values())
    return dict.fromkeys(asked, Served(values, 60))


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    own = estate_of({"ns1": "127.0.83.1"})
    holder = zones.Ovh("ovh-eu", Secret(env="k"), Secret(env="s"), Secret(env="c"))
    mine = {"shop.example": Zone("shop.example", SERVERS, None, 60, holder)}
    return replace(own, zones={**own.zones, **mine}, drp=replace(own.drp, trust=str(tmp_path / "cert.pem")))


def test_a_zone_at_ovh_is_switched_and_proven_where_the_world_asks(there: Ovh, estate: Estate) -> None:
    by_zone = {"shop.example": [MOVE]}
    before = dns.holds_all(estate, by_zone, reveal)["shop.example"]
    assert before == {"dns10.ovh.net": False, "ns10.ovh.net": None}
    assert not dns.proven(before)
    for _ in range(2):
        assert dns.switch_all(estate, by_zone, reveal) == {"shop.example": None}
        assert dns.proven(dns.holds_all(estate, by_zone, reveal)["shop.example"])
    assert there.refreshes == 1


def test_a_zone_that_died_before_it_was_published_is_published(there: Ovh, estate: Estate) -> None:
    there.staged[101] |= {"target": "10.83.3.10", "ttl": 60}
    assert dns.switch_all(estate, {"shop.example": [MOVE]}, reveal) == {"shop.example": None}
    assert (there.refreshes, there.published) == (1, there.staged)


def test_a_conflict_in_one_zone_keeps_no_other_from_it(there: Ovh, estate: Estate) -> None:
    both = replace(
        estate, zones={**estate.zones, "late.example": replace(estate.zones["shop.example"], name="late.example")}
    )
    late = replace(MOVE, zone="late.example", name="www.late.example.")
    found = dns.switch_all(both, {"late.example": [late], "shop.example": [MOVE]}, reveal)
    assert found["shop.example"] is None
    assert "404" in str(found["late.example"])


def test_what_a_switch_looks_at_beforehand_is_what_the_world_sees(there: Ovh, estate: Estate) -> None:
    there.staged[101]["target"] = "198.51.100.7"  # and is not published
    look = dns.looked(estate, [replace(estate.vhosts["shop.example"], aliases=("www.shop.example",))])
    assert look("www.shop.example.", "A") == ("10.83.1.10",)


def test_keys_that_could_not_switch_are_told_beforehand(there: Ovh, estate: Estate) -> None:
    zone = estate.zones["shop.example"]
    assert dns.switchable(estate, zone, reveal) == 0
    there.granted = ("GET", "POST", "DELETE", "refresh")
    with pytest.raises(Untrusted, match="does not grant PUT /domain/zone/shop"):
        dns.switchable(estate, zone, reveal)
    there.expires = (clock.now() + timedelta(days=6)).isoformat()
    with pytest.raises(Untrusted, match="is over at"):
        dns.switchable(estate, zone, reveal)
    there.valid = False
    with pytest.raises(Untrusted, match="INVALID_CREDENTIAL"):
        dns.switchable(estate, zone, reveal)
