"""What resolvers remember is told with the instant until which they do; one that is silent delays once, by a second."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns_estate import estate_of, vhost

from backups import paths
from drp import web
from drp.change import Change
from drp.dns import resolvers
from drp.dns.resolvers import remembering
from drp.dns.together import Silence
from drp.steps import stragglers
from drp.steps.stragglers import Drain
from effects.dns import Server
from estate.problem import BadEstate
from inventory import load, slice_for

NAME = "www.shop.example."
MOVE = Change("shop.example", NAME, "A", ("10.83.3.10",), ("10.83.1.10",), 60)
SIX = Change("shop.example", NAME, "AAAA", (), ("fd83:1::10",), 60)
WILD = replace(MOVE, name=f"*.{NAME}")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@contextmanager
def resolver(records: dict[str, str], rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> Iterator[tuple[Server, list[str]]]:
    """One that has these by type, "TTL VALUE", and an SOA for the others; and what it was asked."""
    asked: list[str] = []
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as there:
        there.bind(("127.0.0.1", 0))

        def serve() -> None:
            while (got := there.recvfrom(4096))[0] != b"end":
                question = dns.message.from_wire(got[0])
                (wanted,) = question.question
                rtype = dns.rdatatype.to_text(wanted.rdtype)
                asked.append(f"{wanted.name} {rtype}")
                answer = dns.message.make_response(question, recursion_available=True)
                answer.set_rcode(rcode)
                if rtype in records:
                    ttl, value = records[rtype].split(" ", 1)
                    answer.answer.append(dns.rrset.from_text(wanted.name, int(ttl), "IN", rtype, value))
                else:
                    soa = "ns1. root. 1 2 3 4 300"
                    answer.authority.append(dns.rrset.from_text("shop.example.", 17, "IN", "SOA", soa))
                there.sendto(answer.to_wire(), got[1])

        thread = Thread(target=serve)
        thread.start()
        try:
            yield Server("r1", "127.0.0.1", there.getsockname()[1]), asked
        finally:
            there.sendto(b"end", there.getsockname())
            thread.join()


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers, "now", lambda: NOON)


def test_the_old_answer_is_told_with_its_end() -> None:
    with resolver({"A": "41 10.83.3.10", "AAAA": "60 fd83:1::10"}) as (server, asked):
        assert remembering([server], [WILD, MOVE, SIX]) == "r1 has the old answer until 2026-11-23T12:00:41+00:00"
    assert asked == [f"{NAME} A", f"{NAME} AAAA"]  # and no wildcard


def test_that_there_was_nothing_is_remembered_too() -> None:
    with resolver({"A": "60 10.83.1.10"}) as (server, _):
        assert remembering([server], [MOVE, SIX]) == "r1 has the old answer until 2026-11-23T12:00:17+00:00"


def test_the_new_answer_is_told() -> None:
    with resolver({"A": "60 10.83.1.10"}) as (server, _):
        assert remembering([server], [MOVE]) == "r1 has the old answer no more"


def test_who_is_silent_or_refuses_is_not_asked_again_and_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolvers, "LIMIT", 0.5)
    silent = Silence()
    with (
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as mute,
        resolver({}, dns.rcode.REFUSED) as (refusing, asked),
        resolver({"A": "60 10.83.1.10"}) as (good, _),
    ):
        mute.bind(("127.0.0.1", 0))
        every = [Server("r2", "127.0.0.1", mute.getsockname()[1]), replace(refusing, name="r3"), good]
        for _ in range(2):
            said = remembering(every, [MOVE, SIX], silent=silent)
            assert said == "r2 did not answer; r3 did not answer; r1 has the old answer until 2026-11-23T12:00:17+00:00"
        assert asked == [f"{NAME} A"]
        assert silent.around(every[0])


def test_a_drain_lasts_as_long_as_anybody_may_remember_and_says_who_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    estate, shop = estate_of({"ns1": "127.0.83.1"}), vhost("shop.example")
    world: Any = SimpleNamespace(
        site=SimpleNamespace(estate=replace(estate, drp=replace(estate.drp, resolvers=("r",))))
    )
    monkeypatch.setattr(paths, "HANDED_OVER", tmp_path)
    monkeypatch.setattr(web, "in_maintenance", lambda _: True)
    monkeypatch.setattr(web, "now", lambda: NOON)
    (tmp_path / shop.domain).touch()
    with resolver({"A": "41 10.83.3.10"}) as (server, _):
        monkeypatch.setattr(stragglers, "Server", lambda name, _: replace(server, name=name))
        for kept, end in ((None, "12:02:00"), (20, "12:02:00"), (600, "12:11:00")):
            drain = Drain(shop, (replace(MOVE, kept=kept),))
            drain.act(world)
            assert drain.proof(world) == (
                f"visitors are handed over until 2026-11-23T{end}+00:00; "
                "resolver r has the old answer until 2026-11-23T12:00:41+00:00"
            )
    plain: Any = SimpleNamespace(site=SimpleNamespace(estate=estate))
    assert Drain(shop, (MOVE,)).proof(plain) == "visitors are handed over until 2026-11-23T12:11:00+00:00"


def test_the_twin_knows_them_and_a_name_is_no_address(tmp_path: Path) -> None:
    example = files("inventory").joinpath("example.toml").read_text(encoding="utf-8")
    path, there = tmp_path / "estate.toml", tmp_path / "twin1.json"
    path.write_text(example.replace("# resolvers =", "resolvers ="), encoding="utf-8")
    there.write_text(slice_for(path, "twin1"), encoding="utf-8")
    assert load(there).drp.resolvers == ("9.9.9.9",)
    path.write_text(example.replace('# resolvers = ["9.9.9.9"]', 'resolvers = ["dns.quad9.net"]'), encoding="utf-8")
    with pytest.raises(BadEstate, match="is no address"):
        load(path)
