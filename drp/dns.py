"""Point a vhost's names at another host: worked out, then one compare-and-set a zone, then proven everywhere.

Only addresses of the host that is left are touched: records that point elsewhere (a CDN, a mail host) stay.
What stands in the zone is a prerequisite of the update, so a change that somebody made meanwhile is
never overwritten: it is shown, and a human decides.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TypeVar

import dns.rdata
from dns.rdtypes.ANY.TXT import TXT

from effects.dns import Edit, Key, Server, query, update
from estate.model import Estate, Host, Vhost, Zone
from estate.problem import Failed, Refused, Unreachable

T = TypeVar("T")
Observed = Callable[[str, str], tuple[str, ...]]  # (absolute name, type) -> values in presentation format
_MENTION = re.compile(r"^([+?~-]?ip[46]:)([0-9a-fA-F.:]+(?:/\d+)?)$")


@dataclass(frozen=True, slots=True)
class Change:
    """One RRset that stands as `before` and is to stand as `after`; values sorted, in presentation format."""

    zone: str
    name: str  # absolute, with its last dot
    rtype: str  # "A", "AAAA" or "TXT"
    before: tuple[str, ...]
    after: tuple[str, ...]
    ttl: int  # seconds

    def __str__(self) -> str:
        return f"{self.name} {self.rtype}: {_shown(self.before)} becomes {_shown(self.after)}"


def zone_of(estate: Estate, name: str) -> Zone | None:
    """The zone that holds `name`; the longest one where they are nested. None where the estate has none."""
    bare = f".{name.rstrip('.')}"
    holding = [zone for zone in estate.zones.values() if bare.endswith(f".{zone.name.rstrip('.')}")]
    return max(holding, key=lambda zone: len(zone.name), default=None)


def changes(estate: Estate, vhost: Vhost, from_host: Host, to_host: Host, observed: Observed) -> tuple[Change, ...]:
    """What must change so that `vhost` is found at `to_host`: addresses, and those in SPF. Only looks.

    Names in no zone of the estate are left out, and so is what is already so. Where `to_host` has no IPv6,
    the IPv6 address of `from_host` is taken out.
    """
    found: list[Change] = []
    for name in vhost.names:
        if (zone := zone_of(estate, name)) is None:
            continue
        absolute = name.rstrip(".") + "."
        for rtype, rewrite in _REWRITES.items():
            before = tuple(sorted(observed(absolute, rtype)))
            after = rewrite(before, from_host, to_host)
            if after != before:
                found.append(Change(zone.name, absolute, rtype, before, after, zone.ttl))
    return tuple(found)


def look(estate: Estate, *, port: int = 53) -> Observed:
    """What stands on the first server of a name's zone that answers, the primary first, for `changes`.

    Looking must work with a primary down; only the switch needs it. A server that did not answer once is passed over
    from then on. Raises as `effects.dns.query` does.
    """
    silent: set[str] = set()

    def observed(name: str, rtype: str) -> tuple[str, ...]:
        if (zone := zone_of(estate, name)) is None:
            return ()
        *first, last = zone.servers
        for server in (server for server in first if server not in silent):
            try:
                return _asked(estate.hosts[server], port, name, rtype)
            except Unreachable:
                silent.add(server)
        return _asked(estate.hosts[last], port, name, rtype)

    return observed


def switch(estate: Estate, zone: Zone, changes: Sequence[Change], key_secret: str, *, port: int = 53) -> None:
    """Make all changes of `zone` at once on its primary. May be run again after any failure.

    Raises Refused where a record is neither as it was nor as it shall be: a conflict for a human. Raises
    Unreachable, Untrusted and Failed as `effects.dns.update` does.
    """
    primary = estate.hosts[zone.primary]
    key = Key(zone.tsig.name, zone.tsig.algorithm, key_secret)
    missing = _of(zone, changes)
    for _ in range(2):  # the second time for what somebody undid, or did by hand, just before the first
        if not missing or _sent(primary, port, zone.name, missing, key):
            return
        # The answer to an earlier attempt may have been lost: then this is done, and no conflict.
        missing = _missing(primary, port, missing)
    if missing:
        raise Refused(
            f"{zone.name}: {primary.name} will not take the update although its records are as expected: "
            + "; ".join(map(str, missing)),
            hint="look for a wildcard, or for somebody who edits the zone, then run the same command again",
        )


def holds(estate: Estate, zone: Zone, changes: Sequence[Change], *, port: int = 53) -> Mapping[str, bool | None]:
    """Per server of `zone`: True where all its changes stand, False where not, None where it is silent.

    A server that answers but does not speak for the zone is False: visitors who ask it do not get there.
    """
    mine = _of(zone, changes)
    return {name: _holds_at(estate.hosts[name], port, mine) for name in zone.servers}


def _of(zone: Zone, changes: Sequence[Change]) -> tuple[Change, ...]:
    return tuple(change for change in changes if change.zone == zone.name)


def _sent(primary: Host, port: int, zone: str, changes: tuple[Change, ...], key: Key) -> bool:
    edits = tuple(Edit(c.name, c.rtype, c.before, c.after, c.ttl) for c in changes)
    return _at(primary, port, lambda server: update(server, zone, edits, key))


def _holds_at(host: Host, port: int, changes: Sequence[Change]) -> bool | None:
    try:
        return all(_asked(host, port, c.name, c.rtype) == tuple(sorted(c.after)) for c in changes)
    except Unreachable:
        return None
    except Failed:
        return False


def _missing(primary: Host, port: int, changes: Sequence[Change]) -> tuple[Change, ...]:
    """Those that still stand as before. Raises Refused where one stands as neither."""
    missing, conflicts = [], []
    for change in changes:
        standing = _asked(primary, port, change.name, change.rtype)
        if standing == tuple(sorted(change.before)):
            missing.append(change)
        elif standing != tuple(sorted(change.after)):
            conflicts.append(f"{change.name} {change.rtype} is {_shown(standing)}, not {_shown(change.before)}")
    if conflicts:
        raise Refused(
            f"{primary.name}: somebody else changed DNS meanwhile: {'; '.join(conflicts)}",
            hint="nothing was switched; put the record back or make a new plan: seawall drp plan",
        )
    return tuple(missing)


def _asked(host: Host, port: int, name: str, rtype: str) -> tuple[str, ...]:
    return _at(host, port, lambda server: query(server, name, rtype))


def _at(host: Host, port: int, talk: Callable[[Server], T]) -> T:
    """Talk to the first address of `host` that answers. Raises Unreachable about the last one."""
    *others, last = (Server(host.name, address, port) for address in host.addresses)
    for server in others:
        try:
            return talk(server)
        except Unreachable:
            continue
    return talk(last)


def _address(values: tuple[str, ...], old: object, new: object) -> tuple[str, ...]:
    kept = {value for value in values if value != str(old)}
    if len(kept) == len(values):
        return values
    return tuple(sorted(kept if new is None else kept | {str(new)}))


def _ipv4(values: tuple[str, ...], old: Host, new: Host) -> tuple[str, ...]:
    return _address(values, old.ipv4, new.ipv4)


def _ipv6(values: tuple[str, ...], old: Host, new: Host) -> tuple[str, ...]:
    return _address(values, old.ipv6, new.ipv6)


def _spf(values: tuple[str, ...], old: Host, new: Host) -> tuple[str, ...]:
    return tuple(sorted(_mentions(value, old, new) for value in values))


def _mentions(value: str, old: Host, new: Host) -> str:
    """One TXT value; an SPF record (RFC 7208) names `new` where it named `old`, once."""
    record = dns.rdata.from_text("IN", "TXT", value)
    assert isinstance(record, TXT)
    text = b"".join(record.strings).decode("latin-1")
    if text.split(" ", 1)[0].lower() != "v=spf1":
        return value
    terms = text.split(" ")
    swapped = [_term(term, old, new) for term in terms]
    if swapped == terms:
        return value
    whole = " ".join(dict.fromkeys(term for term in swapped if term))
    return " ".join(_quoted(whole[start : start + 255]) for start in range(0, len(whole), 255))


def _term(term: str, old: Host, new: Host) -> str:
    """The term with the new address, empty where there is none; a wider network around it stays as it is."""
    mention = _MENTION.match(term)
    for was, now in ((old.ipv4, new.ipv4), (old.ipv6, new.ipv6)):
        if mention and was is not None and _network(mention[2]) == ip_network(was):
            return f"{mention[1]}{now}" if now is not None else ""
    return term


def _network(text: str) -> object:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shown(values: tuple[str, ...]) -> str:
    return ", ".join(values) or "nothing"


_REWRITES = {"A": _ipv4, "AAAA": _ipv6, "TXT": _spf}
