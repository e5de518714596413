"""Thousands of questions or updates to one DNS server in about the time that the server needs for them itself."""

import struct
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import dns.exception
import dns.message

from effects import dns_wire
from effects.clock import now
from effects.dns import LIMIT, Edit, Key, Served, Server, problem, read, rrset, signing, taken
from effects.dns_exchange import exchange
from estate.problem import Problem, Unreachable

Question = tuple[str, str]  # absolute name, type
ASKED = 128  # questions under way on a connection
BY_UDP = 8  # questions at a time to a server that takes no connections


@dataclass(frozen=True, slots=True)
class Update:
    """What is to happen in one zone, all at once or not at all, and the key that the server lets do it."""

    zone: str
    edits: tuple[Edit, ...]
    key: Key


def updates(server: Server, batch: Sequence[Update], *, timeout: float = LIMIT) -> list[bool | Problem]:
    """Each as by `effects.dns.update`; what that raises is a value here.

    Where a connection ended early an update may have been sent twice: then it is False, for its `before` stands
    no more. Raises BadEstate where a key can be none.
    """
    keys = {key: signing(key) for key in {update.key for update in batch}}
    macs: dict[int, bytes] = {}

    def wire(place: int) -> bytes:
        one = batch[place]
        message, macs[place] = dns_wire.update(one.zone, one.edits, keys[one.key], int(now().timestamp()))
        return message

    def judged(place: int, answer: bytes | OSError) -> bool | Problem:
        one = batch[place]
        if isinstance(answer, OSError):
            return problem(server, answer)
        try:
            heard = dns.message.from_wire(answer, keyring=keys[one.key], request_mac=macs[place])
        except dns.exception.FormError:
            heard = None
        except dns.exception.DNSException as fault:
            return problem(server, fault)
        try:
            return taken(heard, server, one.zone, one.key)
        except Problem as fault:
            return fault

    return [judged(*each) for each in enumerate(exchange(server, len(batch), wire, timeout=timeout))]


def rrsets(
    server: Server, questions: Sequence[Question], *, timeout: float = LIMIT
) -> Mapping[Question, Served | Problem]:
    """Each as by `effects.dns.rrset`; what that raises is a value. By UDP where the server takes no connections."""
    asked = list(dict.fromkeys(questions))

    def wire(place: int) -> bytes:
        return dns_wire.question(*asked[place], place & 0xFFFF)

    answers = exchange(server, len(asked), wire, timeout=timeout * 2 / 3, under_way=ASKED)
    if asked and all(isinstance(answer, OSError) for answer in answers):
        return _by_udp(server, asked, timeout / 3)
    return {one: _read(server, one, answer) for one, answer in zip(asked, answers, strict=True)}


def _by_udp(server: Server, asked: Sequence[Question], timeout: float) -> Mapping[Question, Served | Problem]:
    """The first one tells whether there is anybody to ask the others."""
    first = _alone(server, asked[0], timeout)
    if isinstance(first, Unreachable):
        return dict.fromkeys(asked, first)
    with ThreadPoolExecutor(max_workers=BY_UDP) as pool:
        others = pool.map(lambda one: _alone(server, one, timeout), asked[1:])
        return dict(zip(asked, (first, *others), strict=True))


def _alone(server: Server, question: Question, timeout: float) -> Served | Problem:
    try:
        return rrset(server, *question, timeout=timeout)
    except Problem as fault:
        return fault


def _read(server: Server, question: Question, answer: bytes | OSError) -> Served | Problem:
    if isinstance(answer, OSError):
        return problem(server, answer)
    try:
        quick = dns_wire.answer(answer, *question)
        return Served(*quick) if quick else read(dns.message.from_wire(answer), server, *question)
    except (dns.exception.DNSException, struct.error) as fault:
        return problem(server, fault)
    except Problem as fault:
        return fault
