"""Thousands of messages at once are the same messages; whatever becomes of a connection, each has its own answer."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from threading import Thread
from typing import BinaryIO, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from dns_estate import SECRET
from hypothesis import given
from hypothesis import strategies as st

from effects import dns_wire
from effects.dns import Edit, Key, Served, Server, _message, signing
from effects.dns_exchange import exchange
from effects.dns_many import Update, rrsets, updates
from estate.problem import Failed, Unreachable, Untrusted

KEY = Key("seawall.", "hmac-sha256", SECRET)
VALUES = {
    "A": st.ip_addresses(v=4).map(str),
    "AAAA": st.ip_addresses(v=6).map(str),
    "TXT": st.text("abc :=\\-", max_size=40).map(lambda text: '"' + text.replace("\\", "\\\\") + '"'),
    "HTTPS": st.ip_addresses(v=4).map(lambda address: f'1 . alpn="h2" ipv4hint="{address}"'),
}
LABEL = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9-]{0,20}", fullmatch=True) | st.sampled_from(["*", "_spf", "xn--nxasmq6b"])
RTYPE = st.sampled_from(sorted(VALUES))


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    zone = draw(st.sampled_from(["shop.example.", "SHOP.example.", "other."]))
    name = ".".join([*draw(st.lists(LABEL, max_size=3)), zone])
    rtype = draw(RTYPE)
    before, after = (tuple(draw(st.lists(VALUES[rtype], unique=True, max_size=3))) for _ in range(2))
    return Edit(name, rtype, before, after, draw(st.integers(0, 86400)))


@given(st.lists(edits(), min_size=1, max_size=5, unique_by=lambda edit: (edit.name.lower(), edit.rtype)))
def test_an_update_is_the_one_that_dnspython_makes(wanted: list[Edit]) -> None:
    wire, mac = dns_wire.update("shop.example", tuple(wanted), signing(KEY), 1_700_000_000)
    theirs = _message("shop.example", tuple(wanted), KEY)
    mine = dns.message.from_wire(wire, keyring=False)
    assert [shown(section) for section in mine.sections] == [shown(section) for section in theirs.sections]
    assert mine.mac == mac
    assert mine.opcode() == theirs.opcode()


def shown(section: list[dns.rrset.RRset]) -> list[str]:
    """Names of a zone are written as the zone is."""
    return [str(one).replace("SHOP", "shop") for one in section]


@given(edits().filter(lambda edit: bool(edit.after)), st.booleans())
def test_an_answer_is_read_as_dnspython_reads_it(edit: Edit, alias: bool) -> None:
    asked = dns.message.from_wire(dns_wire.question(edit.name, edit.rtype, 7))
    answer = dns.message.make_response(asked)
    answer.flags |= dns.flags.AA
    owner = edit.name
    if alias:
        owner = "elsewhere.shop.example."
        answer.answer.append(dns.rrset.from_text(edit.name, 60, "IN", "CNAME", owner))
    answer.answer.append(dns.rrset.from_text(owner, edit.ttl, "IN", edit.rtype, *edit.after))
    read = dns_wire.answer(answer.to_wire(), edit.name, edit.rtype)
    assert read == (None if alias else (tuple(sorted(map(str, answer.answer[0]))), edit.ttl))


Conduct = Callable[[BinaryIO, int], None]  # of one connection, the how manyth


@contextmanager
def server(conduct: Conduct) -> Iterator[Server]:
    """One that treats its connections like that, one after the other, and closes them."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = Thread(target=_serve, args=(listening, conduct))
        serving.start()
        yield Server("ns1", *listening.getsockname())
        listening.shutdown(socket.SHUT_RDWR)
        serving.join()


def _serve(listening: socket.socket, conduct: Conduct) -> None:
    for number in count():
        try:
            one, _ = listening.accept()
        except OSError:  # the test is over
            return
        with one, one.makefile("rwb") as stream, suppress(OSError, EOFError):
            conduct(cast("BinaryIO", stream), number)


def heard(stream: BinaryIO) -> bytes:
    size = stream.read(2)
    if len(size) < 2:
        raise EOFError
    return stream.read(int.from_bytes(size))


def say(stream: BinaryIO, *messages: bytes) -> None:
    stream.write(b"".join(len(message).to_bytes(2) + message for message in messages))
    stream.flush()


def numbered(place: int) -> bytes:
    return place.to_bytes(2) + bytes(10)


def test_answers_are_taken_in_any_order_and_strangers_are_nobodys() -> None:
    def conduct(stream: BinaryIO, number: int) -> None:
        asked = [heard(stream) for _ in range(5)]
        say(stream, numbered(999), *(message + b"!" for message in reversed(asked)))
        heard(stream)

    with server(conduct) as one:
        assert exchange(one, 5, numbered) == [numbered(place) + b"!" for place in range(5)]


def test_what_was_under_way_when_a_connection_ended_is_sent_again_and_nothing_else_is() -> None:
    seen: list[bytes] = []

    def conduct(stream: BinaryIO, number: int) -> None:
        for answered in range(1000):
            seen.append(heard(stream))
            if number == 0 and answered == 3:
                return  # heard, and never answered
            say(stream, seen[-1])

    with server(conduct) as one:
        assert exchange(one, 10, numbered) == [numbered(place) for place in range(10)]
    assert seen[:4] == [numbered(place) for place in range(4)]
    assert sorted(seen[4:]) == [numbered(place) for place in range(3, 10)]


def test_who_stops_answering_is_given_up_and_what_was_answered_counts() -> None:
    def conduct(stream: BinaryIO, number: int) -> None:
        if number == 0:
            say(stream, heard(stream))
        heard(stream)
        while True:
            heard(stream)  # and says nothing

    with server(conduct) as one:
        first, *others = exchange(one, 4, numbered, timeout=0.2)
    assert first == numbered(0)
    assert all(isinstance(other, TimeoutError) for other in others)


def zone(number: int) -> Update:
    name = f"z{number}.example"
    return Update(name, (Edit(f"{name}.", "A", ("10.83.1.10",), ("10.83.3.10",), 60),), KEY)


def test_an_update_whose_answer_was_lost_is_sent_again_and_said_not_to_stand_as_before() -> None:
    taken: set[str] = set()

    def conduct(stream: BinaryIO, number: int) -> None:
        while True:
            asked = dns.message.from_wire(heard(stream), keyring=signing(KEY))
            answer, name = dns.message.make_response(asked), str(asked.sections[0][0].name)
            if name in taken:
                answer.set_rcode(dns.rcode.NXRRSET)
            taken.add(name)
            if number == 0 and len(taken) == 3:
                return
            say(stream, answer.to_wire())

    with server(conduct) as one:
        assert updates(one, [zone(number) for number in range(5)]) == [True, True, False, True, True]


def test_each_update_has_its_own_verdict() -> None:
    def conduct(stream: BinaryIO, number: int) -> None:
        asked = [dns.message.from_wire(heard(stream), keyring=signing(KEY)) for _ in range(4)]
        fine, refused, forged, mixed = map(dns.message.make_response, asked)
        refused.set_rcode(dns.rcode.REFUSED)
        refused.tsig = None
        refused.request_mac = b""
        forged.request_mac = mixed.request_mac
        say(stream, *(one.to_wire() for one in (fine, refused, forged)))
        while True:
            heard(stream)

    with server(conduct) as one:
        verdicts = updates(one, [zone(number) for number in range(4)], timeout=0.2)
    assert verdicts[0] is True
    assert [type(verdict) for verdict in verdicts[1:]] == [Failed, Untrusted, Unreachable]
    assert "an unsigned refusal" in str(verdicts[1])


def test_where_nobody_listens_every_question_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = rrsets(Server("ns1", "127.0.0.1", port), [("a.example.", "A"), ("b.example.", "A")], timeout=0.2)
    assert [type(one) for one in found.values()] == [Unreachable, Unreachable]


def test_a_server_that_takes_no_connections_is_asked_by_datagrams() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as talking:
        talking.bind(("127.0.0.1", 0))

        def answers() -> None:
            for _ in range(3):
                message, sender = talking.recvfrom(4096)
                answer = dns.message.make_response(dns.message.from_wire(message))
                answer.flags |= dns.flags.AA
                talking.sendto(answer.to_wire(), sender)

        serving = Thread(target=answers)
        serving.start()
        found = rrsets(Server("ns1", *talking.getsockname()), [(f"{name}.example.", "A") for name in "abc"])
        serving.join()
    assert list(found.values()) == [Served((), None)] * 3
