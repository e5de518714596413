"""Ask one DNS server, or tell it something; never through a resolver, never without a time limit.

Sources: RFC 2136 (updates, their prerequisites and answers), RFC 8945 (TSIG). Tried with dnspython 2.9.2
against Knot 3.2 and BIND 9.18.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.tsig
import dns.update

from effects.clock import now
from estate.problem import BadEstate, Failed, Missing, Problem, Unreachable, Untrusted

LIMIT = 3.0  # seconds for one question or one update, connection included

T = TypeVar("T")
# RFC 2136, 3.2: the zone is not as the prerequisites say.
_NOT_AS_REQUIRED = (dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN, dns.rcode.NXRRSET, dns.rcode.YXRRSET)
_CLOCK = (dns.tsig.PeerBadTime, dns.tsig.BadTime)


@dataclass(frozen=True, slots=True)
class Server:
    """One authoritative name server."""

    name: str
    address: str
    port: int = 53

    def __str__(self) -> str:
        return f"{self.name} ({self.address})" if self.port == 53 else f"{self.name} ({self.address} port {self.port})"


@dataclass(frozen=True, slots=True)
class Key:
    """A TSIG key with its value; `secret` is base64 and never shown."""

    name: str
    algorithm: str  # "hmac-sha256"
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace one RRset, if it is what we think it is. Values are in presentation format."""

    name: str  # absolute
    rtype: str
    before: tuple[str, ...]  # the exact RRset; empty where there must be none
    after: tuple[str, ...]  # empty removes it
    ttl: int  # seconds


@dataclass(frozen=True, slots=True)
class Served:
    """One RRset as a server gives it out."""

    values: tuple[str, ...]  # sorted, in presentation format; empty where there is none
    ttl: int | None  # seconds that others keep it; None where there is none


@lru_cache(256)  # what was found; a failure is raised, and tried again
def addresses(name: str) -> tuple[str, ...]:
    """One IPv4 and one IPv6 address of a host that the world knows, by this machine's resolver. Raises Missing."""
    try:
        found = tuple(dns.resolver.Resolver().resolve_name(name, lifetime=LIMIT).addresses())
    except (OSError, dns.exception.DNSException) as fault:
        raise Missing(
            f"the address of {name} can't be found: {fault}",
            hint=f"dig {name}; look at /etc/resolv.conf, and at the servers of the zone in the estate",
        ) from None
    return tuple({":" in address: address for address in sorted(found, key=lambda it: (":" in it, it))}.values())


def query(server: Server, name: str, rtype: str, *, timeout: float = LIMIT) -> tuple[str, ...]:
    """The values of one RRset; as `rrset`."""
    return rrset(server, name, rtype, timeout=timeout).values


def rrset(server: Server, name: str, rtype: str, *, timeout: float = LIMIT) -> Served:
    """One RRset.

    Raises Unreachable where nothing answers within `timeout` seconds, Failed where the server does not speak
    for the zone.
    """
    question = dns.message.make_query(name, rtype)
    question.flags &= ~dns.flags.RD
    return read(_within(server, lambda: _ask(question, server, timeout)), server, name, rtype)


def remembered(server: Server, name: str, rtype: str, *, timeout: float) -> Served:
    """What a resolver tells visitors, and for how many seconds more it may tell them so without asking anybody.

    `ttl` is also there where it knows that there is no such record: it stands at the SOA then (RFC 2308, 5). Raises as
    `rrset`; Failed where it resolves nothing for us.
    """
    question = dns.message.make_query(name, rtype)
    ask = lambda: dns.query.udp_with_fallback(  # noqa: E731
        question, server.address, timeout=timeout, port=server.port, ignore_unexpected=True, ignore_errors=True
    )[0]
    answer = _within(server, ask)
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise Failed(
            f"{server}: {dns.rcode.to_text(answer.rcode())} for {name} {rtype}",
            hint=f"look whether it resolves for this host: dig @{server.address} {name} {rtype}",
        )
    wanted = (question.question[0].name, question.question[0].rdtype)
    found = [rr for rr in answer.answer if (rr.name, rr.rdtype) == wanted]
    ttl = next((rr.ttl for rr in found or answer.authority), None)
    return Served(tuple(sorted(rd.to_text() for rr in found for rd in rr)), ttl)


def read(answer: dns.message.Message, server: Server, name: str, rtype: str) -> Served:
    """The RRset in an answer to a question for it. Raises Failed where the server does not speak for the zone."""
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) or not answer.flags & dns.flags.AA:
        said = dns.rcode.to_text(answer.rcode()) if answer.rcode() else "no authority"
        raise Failed(
            f"{server}: {said} for {name} {rtype}",
            hint=f"look whether the zone of {name} is loaded there: dig @{server.address} {name} SOA",
        )
    wanted = (dns.name.from_text(name), dns.rdatatype.from_text(rtype))
    found = [rr for rr in answer.answer if (rr.name, rr.rdtype) == wanted]
    return Served(tuple(sorted(rd.to_text() for rr in found for rd in rr)), next((rr.ttl for rr in found), None))


def update(server: Server, zone: str, edits: tuple[Edit, ...], key: Key, *, timeout: float = LIMIT) -> bool:
    """Send all edits as one signed message: all happen, or none. False where a `before` does not stand.

    Raises Unreachable where nothing answers: then it may have happened or not, and may be sent again. Raises
    Untrusted where one side does not accept the other's signature, Failed where the server will not.
    """
    message = _message(zone, edits, key)
    answer = _within(server, lambda: _tell(message, server, timeout))
    return taken(answer, server, zone, key)


def taken(answer: dns.message.Message | None, server: Server, zone: str, key: Key) -> bool:
    """Whether an update happened, by its answer; None is one that is not signed. Raises Failed as `update`."""
    if answer is not None and answer.rcode() in _NOT_AS_REQUIRED:
        return False
    _require_taken(answer, server, zone, key)
    return True


def may_update(server: Server, zone: str, key: Key, *, timeout: float = LIMIT) -> int:
    """Seconds that the server's clock is ahead of this one, where an update with `key` would be heard. Changes nothing.

    The update has a prerequisite that always holds (the zone's name is in use) and nothing that is to change: RFC 2136,
    3.2 to 3.4. Knot judges the key's rights first; BIND looks at them only where something is to change, so it
    vouches for the key alone. A signed answer has the server's time, in whole seconds (RFC 8945, 4.2).

    Raises as `update`.
    """
    message = dns.update.UpdateMessage(zone)
    message.present(dns.name.from_text(zone))
    message.use_tsig(signing(key))
    answer = _within(server, lambda: _tell(message, server, timeout))
    signed = _require_taken(answer, server, zone, key).tsig
    return 0 if signed is None else int(signed[0].time_signed - now().timestamp())


def _require_taken(answer: dns.message.Message | None, server: Server, zone: str, key: Key) -> dns.message.Message:
    if answer is None or answer.rcode() != dns.rcode.NOERROR:
        said = "an unsigned refusal" if answer is None else dns.rcode.to_text(answer.rcode())
        raise Failed(
            f"{server}: {said} to an update of {zone} with the key {key.name}",
            hint="it must be the zone's primary and let that key update it (Knot: acl; BIND: update-policy)",
        )
    return answer


def _ask(question: dns.message.Message, server: Server, timeout: float) -> dns.message.Message:
    """UDP first; TCP where the answer did not fit, or the datagram was lost or filtered."""
    where, port = server.address, server.port
    try:
        # A stray or forged datagram is waited out: it is not believed, and no reason to give up.
        return dns.query.udp_with_fallback(
            question, where, timeout=timeout / 3, port=port, ignore_unexpected=True, ignore_errors=True
        )[0]
    except dns.exception.Timeout:
        return dns.query.tcp(question, where, timeout=timeout * 2 / 3, port=port)


def _tell(message: dns.message.Message, server: Server, timeout: float) -> dns.message.Message | None:
    """The answer to an update; None where it is not signed, as Knot's is for a zone that it does not have."""
    try:
        return dns.query.tcp(message, server.address, timeout=timeout, port=server.port)
    except dns.exception.FormError:
        return None


def _message(zone: str, edits: tuple[Edit, ...], key: Key) -> dns.update.UpdateMessage:
    message = dns.update.UpdateMessage(zone)
    for edit in edits:
        if edit.before:
            message.present(edit.name, edit.rtype, *edit.before)
        else:
            message.absent(edit.name, edit.rtype)
        if edit.after:
            message.replace(edit.name, edit.ttl, edit.rtype, *edit.after)
        else:
            message.delete(edit.name, edit.rtype)
    message.use_tsig(signing(key))
    return message


def signing(key: Key) -> dns.tsig.Key:
    """The key as dnspython uses it. Raises BadEstate where it can be none."""
    try:
        made = dns.tsig.Key(key.name, base64.b64decode(key.secret, validate=True), key.algorithm)
        dns.tsig.get_context(made)  # type: ignore[no-untyped-call]
    except ValueError:
        raise BadEstate(
            f"the secret of the TSIG key {key.name} is not base64",
            hint=f"copy it from the server, or make a new one: keymgr -t {key.name} {key.algorithm}",
        ) from None
    except NotImplementedError:
        raise BadEstate(
            f"the TSIG key {key.name} has an unknown algorithm: {key.algorithm}",
            hint="hmac-sha256 is what both Knot and BIND take",
        ) from None
    return made


def _within(server: Server, talk: Callable[[], T]) -> T:
    """What `talk` says; what goes wrong in it gets a name and the server's."""
    try:
        return talk()
    except (OSError, EOFError, dns.exception.DNSException) as fault:
        raise problem(server, fault) from None


def problem(server: Server, fault: Exception) -> Problem:
    """What went wrong between `server` and us, in words."""
    if isinstance(fault, _CLOCK):
        return Untrusted(
            f"{server}: the clocks of this machine and that server differ too much ({fault})",
            hint="compare date -u on both; set right the one that is wrong, then run the same command again",
        )
    if isinstance(fault, (dns.tsig.PeerError, dns.tsig.BadSignature, dns.tsig.BadKey, dns.message.UnknownTSIGKey)):
        return Untrusted(
            f"{server}: the TSIG key is not the one expected ({fault})",
            hint="compare the key's name, algorithm and secret with the server's, and what it lets that key do",
        )
    if isinstance(fault, (dns.exception.Timeout, OSError, EOFError)):
        return Unreachable(
            f"{server}: no answer to a DNS message: {fault}",
            hint=f"look whether it runs and port {server.port} is open for UDP and TCP, then run it again",
        )
    return Failed(
        f"{server}: an answer that is none: {type(fault).__name__}: {fault}",
        hint=f"look at what answers there: dig @{server.address} -p {server.port} . SOA",
    )
