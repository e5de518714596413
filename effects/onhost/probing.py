"""Sent by `seawall drp look`, and run on the control machine itself: what answers from here?

`look` takes {pings: [address], sites: [{address, domain, path, expect}], zones: [[address, zone]], patience: seconds}
and answers {rows: [{how, address, about, alive, well, said}]}, each within `patience`. `alive`: something answered,
whatever it said; null where this machine can't try that. `well`: it said what it should.
"""

import errno
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from effects.onhost.health import fault

AT_ONCE = 64
ECHO = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}  # ICMP: asked, answered
PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
CANT = (errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL)
HERE = (errno.ENETUNREACH,)  # no way out of this machine in that family: it says nothing of the other end
SOA = 6
Row = dict[str, Any]


def look(question: "dict[str, Any]") -> "dict[str, Any]":
    """All at once."""
    patience = float(question["patience"])
    tries: list[tuple[Callable[..., Row], Any]] = [(ping, address) for address in question["pings"]]
    tries += [(site, about) for about in question["sites"]]
    tries += [(zone, tuple(where)) for where in question["zones"]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {"rows": list(pool.map(lambda one: one[0](one[1], patience), tries))}


def row(how: str, address: str, about: str, *, alive: "bool | None", well: bool, said: str) -> Row:
    return {"how": how, "address": address, "about": about, "alive": alive, "well": well, "said": said}


def silent(how: str, address: str, about: str, why: OSError) -> Row:
    """No answer; one that refuses is one."""
    refused = why.errno in (errno.ECONNREFUSED, errno.ECONNRESET)
    alive = None if why.errno in (*CANT, *HERE) else refused
    return row(how, address, about, alive=alive, well=False, said=why.strerror or str(why) or "no answer in time")


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def ping(address: str, patience: float) -> Row:
    """Three echo requests (RFC 792, RFC 4443), a third of the time each."""
    kind = family(address)
    try:
        with socket.socket(kind, socket.SOCK_RAW, PROTOCOL[kind]) as wire:
            for number in range(1, 4):
                start = time.monotonic()
                wire.sendto(echo(kind, number), (address, 0))
                if answered(wire, kind, address, start + patience / 3):
                    took = f"{(time.monotonic() - start) * 1000:.1f} ms"
                    return row("ping", address, "", alive=True, well=True, said=took)
    except OSError as why:
        return silent("ping", address, "", why)
    return row("ping", address, "", alive=False, well=False, said="no answer")


def mark() -> int:
    return os.getpid() & 0xFFFF


def echo(kind: int, number: int) -> bytes:
    """The kernel sums ICMPv6 up by itself."""
    asked, body = ECHO[socket.AddressFamily(kind)][0], b"seawall drp look"
    total = 0 if kind == socket.AF_INET6 else checksum(struct.pack("!BBHHH", asked, 0, 0, mark(), number) + body)
    return struct.pack("!BBHHH", asked, 0, total, mark(), number) + body


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~int(total + (total >> 16)) & 0xFFFF


def answered(wire: socket.socket, kind: int, address: str, end: float) -> bool:
    """Whether the echo comes back before `end`: a raw socket hears those of all others too."""
    reply = ECHO[socket.AddressFamily(kind)][1]
    while (left := end - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            data, sender = wire.recvfrom(2048)
        except TimeoutError:
            return False
        head = (data[0] & 15) * 4 if kind == socket.AF_INET else 0
        if len(data) >= head + 8 and socket.inet_pton(kind, sender[0]) == socket.inet_pton(kind, address):
            what, _, _, whose, _ = struct.unpack_from("!BBHHH", data, head)
            if (what, whose) == (reply, mark()):
                return True
    return False


def site(about: "dict[str, str]", patience: float) -> Row:
    """Whether a vhost answers there as its check says; whose certificate that is, others look at."""
    try:
        why = fault(about, patience)
    except ssl.SSLError as odd:
        why = f"no TLS: {odd.reason or odd}"
    except OSError as gone:
        return silent("https", about["address"], about["domain"], gone)
    return row("https", about["address"], about["domain"], alive=True, well=not why, said=why or "as it should")


def zone(where: "tuple[str, str]", patience: float) -> Row:
    """The SOA of a zone, over UDP, asked three times; the answer's own code says whether it speaks for the zone."""
    address, name = where
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    question = struct.pack("!HHHHHH", mark(), 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", SOA, 1)
    try:
        with socket.socket(family(address), socket.SOCK_DGRAM) as wire:
            wire.connect((address, 53))
            for _ in range(3):
                wire.settimeout(patience / 3)
                wire.send(question)
                try:
                    return spoken(address, name, wire.recv(4096))
                except TimeoutError:
                    continue
    except OSError as why:
        return silent("dns", address, name, why)
    return row("dns", address, name, alive=False, well=False, said="no answer")


def spoken(address: str, name: str, data: bytes) -> Row:
    """RFC 1035, 4.1.1."""
    flags = struct.unpack_from("!H", data, 2)[0] if len(data) >= 12 else 0xF
    code, authority = flags & 0xF, bool(flags & 0x0400)
    said = f"answers with code {code}" if code else "speaks for it" if authority else "has no authority"
    return row("dns", address, name, alive=True, well=authority and not code, said=said)
