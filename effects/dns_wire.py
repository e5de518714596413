"""DNS messages as bytes, for thousands of them at once: dnspython's objects cost more than the servers need to answer.

An update and a question are written here; names, values and signatures are dnspython's own. What is read here is
the everyday answer; any other is left to dnspython. Sources: RFC 1035, 4.1; RFC 2136, 2; RFC 8945, 4.2.
"""

from functools import lru_cache
from secrets import randbits
from struct import Struct

import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tsig
from dns.rdtypes.ANY.TSIG import TSIG

from effects.dns import Edit

_HEADER, _TYPE_CLASS, _RECORD = Struct("!6H"), Struct("!2H"), Struct("!2HIH")
_UPDATE, _ZONE_NAME = 5 << 11, b"\xc0\x0c"  # the opcode; a pointer to the first name of a message
_AUTHORITY, _ANSWERED = 0x04, (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
_PLAIN = frozenset({"A", "AAAA", "TXT", "HTTPS"})  # no value of these has a name that may be shortened (RFC 3597, 4)


@lru_cache(maxsize=65536)
def _name(text: str) -> bytes:
    return dns.name.from_text(text).to_wire() or b""


@lru_cache(maxsize=4096)
def _value(rtype: str, text: str) -> bytes:
    return dns.rdata.from_text("IN", rtype, text).to_wire() or b""


@lru_cache(maxsize=4096)
def _text(rtype: int, value: bytes) -> str:
    return dns.rdata.from_wire(dns.rdataclass.IN, dns.rdatatype.RdataType(rtype), value, 0, len(value)).to_text()


@lru_cache(maxsize=64)
def _number(rtype: str) -> int:
    return int(dns.rdatatype.RdataType[rtype])


def question(name: str, rtype: str, number: int) -> bytes:
    """One question, recursion not desired, with that id."""
    return _HEADER.pack(number, 0, 1, 0, 0, 0) + _asked(name, rtype)


def _asked(name: str, rtype: str) -> bytes:
    return _name(name) + _TYPE_CLASS.pack(_number(rtype), dns.rdataclass.IN)


def answer(wire: bytes, name: str, rtype: str) -> tuple[tuple[str, ...], int | None] | None:
    """Sorted values and TTL of one RRset, in an authoritative answer to just that; None: dnspython must read it."""
    _, _, questions, records, _, _ = _HEADER.unpack_from(wire)
    asked = _asked(name, rtype)
    place = _HEADER.size + len(asked)
    known = rtype in _PLAIN and wire[2] & _AUTHORITY and wire[3] & 15 in _ANSWERED and questions == 1
    if not known or wire[_HEADER.size : place].lower() != asked.lower():
        return None
    values, ttl, wanted = [], None, _number(rtype)
    for _ in range(records):
        if wire[place : place + 2] != _ZONE_NAME:
            return None  # an alias leads elsewhere, or the name is written out
        kind, _, seconds, size = _RECORD.unpack_from(wire, place + 2)
        start = place + 2 + _RECORD.size
        place = start + size
        if kind == wanted:
            values.append(_text(kind, wire[start:place]))
            ttl = seconds if ttl is None else ttl
    return tuple(sorted(values)), ttl


def update(zone: str, edits: tuple[Edit, ...], key: dns.tsig.Key, at: int) -> tuple[bytes, bytes]:
    """One update with its prerequisites, signed at `at` (seconds since 1970): the message, and the MAC for its answer.

    The same message as dnspython's `present`, `absent`, `replace` and `delete` make.
    """
    whole = _name(zone)
    required, done = bytearray(), bytearray()
    requirements = acts = 0
    for edit in edits:
        owner, rtype = _owner(_name(edit.name), whole), _number(edit.rtype)
        for value in edit.before:
            required += _record(owner, rtype, dns.rdataclass.IN, 0, _value(edit.rtype, value))
        if not edit.before:
            required += _record(owner, rtype, dns.rdataclass.NONE, 0, b"")
        done += _record(owner, rtype, dns.rdataclass.ANY, 0, b"")
        for value in edit.after:
            done += _record(owner, rtype, dns.rdataclass.IN, edit.ttl, _value(edit.rtype, value))
        requirements += max(1, len(edit.before))
        acts += 1 + len(edit.after)
    header = _HEADER.pack(randbits(16), _UPDATE, 1, requirements, acts, 0)
    about = whole + _TYPE_CLASS.pack(dns.rdatatype.SOA, dns.rdataclass.IN)
    return _signed(header + about + bytes(required) + bytes(done), key, at)


def _owner(name: bytes, zone: bytes) -> bytes:
    """`name` with its zone as a pointer to the zone section."""
    return name[: -len(zone)] + _ZONE_NAME if name.lower().endswith(zone.lower()) else name


def _record(owner: bytes, rtype: int, rdclass: int, ttl: int, value: bytes) -> bytes:
    return owner + _RECORD.pack(rtype, rdclass, ttl, len(value)) + value


def _signed(wire: bytes, key: dns.tsig.Key, at: int) -> tuple[bytes, bytes]:
    blank = TSIG(dns.rdataclass.ANY, dns.rdatatype.TSIG, key.algorithm, at, 300, b"", int.from_bytes(wire[:2]), 0, b"")  # type: ignore[no-untyped-call]
    made, _ = dns.tsig.sign(wire, key, blank, at)  # type: ignore[no-untyped-call]
    more = _record(key.name.to_wire() or b"", dns.rdatatype.TSIG, dns.rdataclass.ANY, 0, made.to_wire() or b"")
    return wire[:10] + (1).to_bytes(2) + wire[12:] + more, made.mac
