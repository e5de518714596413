"""Zones on name servers of the estate: one compare-and-set each on its primary (RFC 2136), then proven everywhere.

What stands in the zone is a prerequisite of the update, so a change that somebody made meanwhile is never overwritten:
it is shown, and a human decides.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from drp.change import Change, Observed, shown, zone_of
from drp.dns.authorities import Authority, authority
from effects.dns import Edit, Key, Served, Server, may_update, rrset, update
from estate.model import Estate, Host, Zone
from estate.problem import Missing, Refused, Unreachable

T = TypeVar("T")


def look(estate: Estate, *, port: int = 53, ttls: dict[tuple[str, str], int] | None = None) -> Observed:
    """What stands on the first server of a name's zone that answers, the primary first, for `changes`.

    Looking must work with a primary down; only the switch needs it. A server that did not answer once is passed over
    from then on. `ttls` gets the seconds of what was seen, by name and type. Raises as `effects.dns.rrset` does.
    """
    silent: set[str] = set()

    def served(zone: Zone, name: str, rtype: str) -> Served:
        *first, last = zone.servers
        for server in (server for server in first if server not in silent):
            try:
                return served_by(authority(estate, zone, server), name, rtype, port=port)
            except (Unreachable, Missing):
                silent.add(server)
        return served_by(authority(estate, zone, last), name, rtype, port=port)

    def observed(name: str, rtype: str) -> tuple[str, ...]:
        if (zone := zone_of(estate, name)) is None:
            return ()
        found = served(zone, name, rtype)
        if ttls is not None and found.ttl is not None:
            ttls[name, rtype] = found.ttl
        return found.values

    return observed


def switch(estate: Estate, zone: Zone, changes: Sequence[Change], key_secret: str, *, port: int = 53) -> None:
    """Make all changes of `zone` at once on its primary. May be run again after any failure.

    Raises Refused where a record is neither as it was nor as it shall be: a conflict for a human. Raises
    Unreachable, Untrusted and Failed as `effects.dns.update` does.
    """
    primary, key = estate.hosts[zone.primary], key_of(zone, key_secret)
    missing = _of(zone, changes)
    if later := out_of_nothing(missing):
        # Once the wildcard is there again it answers for those that had no record of their own.
        switch(estate, zone, tuple(change for change in missing if change not in later), key_secret, port=port)
        missing = _missing(primary, port, later)
    for _ in range(2):  # the second time for what somebody undid, or did by hand, just before the first
        if not missing or _sent(primary, port, zone.name, missing, key):
            return
        # The answer to an earlier attempt may have been lost: then this is done, and no conflict.
        missing = _missing(primary, port, missing)
    if missing and not _without_synthesized(primary, port, zone.name, missing, key):
        raise Refused(
            f"{zone.name}: {primary.name} will not take the update although its records are as expected: "
            + "; ".join(map(str, missing)),
            hint="look for a wildcard above them, or for somebody who edits the zone, then run the same command again",
        )


def _without_synthesized(primary: Host, port: int, zone: str, missing: tuple[Change, ...], key: Key) -> bool:
    """A name that no record is at, answered for by a wildcard (RFC 4592), has nothing to compare with or to set.

    It follows when its wildcard moves; what does not follow then has a record of its own, and is sent after it. False
    where there is no such name, or it is refused again.
    """
    below = tuple(change for change in missing if below_wildcard(change, missing))
    rest = tuple(change for change in missing if change not in below)
    if not below or not _sent(primary, port, zone, rest, key):
        return False
    own = _missing(primary, port, below)
    return not own or _sent(primary, port, zone, own, key)


def below_wildcard(change: Change, others: Sequence[Change]) -> bool:
    """Whether a wildcard above its name moves from and to the same values, so that it may be an answer of that one."""
    labels = change.name.split(".")
    above = {".".join(("*", *labels[number:])) for number in range(1, len(labels))} - {change.name}
    same = (change.rtype, change.before, change.after)
    return any(one.name in above and (one.rtype, one.before, one.after) == same for one in others)


def out_of_nothing(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Those that a wildcard, which comes back with them, may answer for."""
    return tuple(change for change in changes if not change.before and below_wildcard(change, changes))


def switchable(estate: Estate, zone: Zone, key_secret: str, *, port: int = 53) -> int:
    """Seconds that the clock of the zone's primary is ahead of this one, where it would take a switch from here.

    Changes nothing. Raises as `effects.dns.may_update` does.
    """
    key = key_of(zone, key_secret)
    return _at(estate.hosts[zone.primary], port, lambda server: may_update(server, zone.name, key))


def key_of(zone: Zone, secret: str) -> Key:
    """As messages are signed with it."""
    assert zone.tsig is not None, "of zones on servers of the estate alone"
    return Key(zone.tsig.name, zone.tsig.algorithm, secret)


def _of(zone: Zone, changes: Sequence[Change]) -> tuple[Change, ...]:
    return tuple(change for change in changes if change.zone == zone.name)


def _sent(primary: Host, port: int, zone: str, changes: tuple[Change, ...], key: Key) -> bool:
    return _at(primary, port, lambda server: update(server, zone, edits(changes), key))


def edits(changes: Sequence[Change]) -> tuple[Edit, ...]:
    """Them, as an update names them."""
    return tuple(Edit(c.name, c.rtype, c.before, c.after, c.ttl) for c in changes)


def _missing(primary: Host, port: int, changes: Sequence[Change]) -> tuple[Change, ...]:
    """Those that still stand as before. Raises Refused where one stands as neither."""
    missing, conflicts = [], []
    for change in changes:
        standing = _asked(primary, port, change.name, change.rtype)
        if standing == tuple(sorted(change.before)):
            missing.append(change)
        elif standing != tuple(sorted(change.after)):
            conflicts.append(f"{change.name} {change.rtype} is {shown(standing)}, not {shown(change.before)}")
    if conflicts:
        raise Refused(
            f"{primary.name}: somebody else changed DNS meanwhile: {'; '.join(conflicts)}",
            hint="nothing was switched; put the record back or make a new plan: seawall drp plan",
        )
    return tuple(missing)


def served_by(host: Host | Authority, name: str, rtype: str, *, port: int = 53) -> Served:
    """What that one server gives out. Raises as `effects.dns.rrset` does."""
    return _at(host, port, lambda server: rrset(server, name, rtype))


def _asked(host: Host | Authority, port: int, name: str, rtype: str) -> tuple[str, ...]:
    return served_by(host, name, rtype, port=port).values


def _at(host: Host | Authority, port: int, talk: Callable[[Server], T]) -> T:
    """Talk to the first address of `host` that answers. Raises Unreachable about the last one."""
    *others, last = (Server(host.name, address, port) for address in host.addresses)
    for server in others:
        try:
            return talk(server)
        except Unreachable:
            continue
    return talk(last)
