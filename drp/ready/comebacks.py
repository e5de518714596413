"""Of every vhost, for everything that can be lost: could it come back, from what, losing how much, in how long?

Where production itself is not lost it goes on, and the question is what an activation could do if it were lost as well.
What remains of backups, and what that costs, is not worked out here (`backups.losses`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from backups.losses import ALL, Loss, Price, surviving
from backups.proof.record import Proof
from drp import dns
from drp.ready.durations import Span
from estate.model import Estate, Host, Vhost, Zone
from estate.points import Archive, kinds_of, recovery_point


@dataclass(frozen=True, slots=True)
class Known:
    """What the answer is worked out from."""

    archives: tuple[Archive, ...]  # that can be read, on every side that answers
    unread: tuple[str, ...]  # what could not be
    prices: tuple[Price, ...]
    proofs: tuple[Proof, ...]  # oldest first
    spans: Mapping[str, Span]  # by domain


@dataclass(frozen=True, slots=True)
class Comeback:
    """The answer for one vhost and one loss."""

    lost: str
    goes_on: bool  # production is not in it: this is what there would be if it were lost as well
    domain: str
    could: bool | None  # None: nobody could look
    archives: tuple[str, ...]  # names with their sides
    whole: bool | None  # whether all of them came up in the proof room; None: not all of them were there yet
    proven: datetime | None  # when the last of them was
    loses: float | None  # seconds of work at most
    low: float | None  # seconds until visitors find it
    high: float | None
    measured: int  # activations that `low` comes from
    why: str  # of a no, and what would have to be done


COMEBACKS = TypeAdapter(tuple[Comeback, ...])


def comebacks(estate: Estate, production: Host, twin: Host, known: Known) -> tuple[Comeback, ...]:
    """All of them; of each loss the most valuable vhost first."""
    vhosts = estate.vhosts_on(production)
    return tuple(
        _comeback(estate, (production, twin), loss, vhost, known)
        for loss in losses(estate, production, twin)
        for vhost in vhosts
    )


def losses(estate: Estate, production: Host, twin: Host) -> tuple[Loss, ...]:
    """The host, each datacenter, each backup server, the twin, each name server that takes switches."""
    zones = [zone for vhost in estate.vhosts_on(production) for zone in _zones(estate, vhost)]
    hosts = dict.fromkeys(
        [production.name, *production.backup.values(), twin.name, *(name for zone in zones for name in zone.hosts[:1])]
    )
    places = dict.fromkeys(estate.hosts[name].datacenter for name in hosts)
    whole = {place: frozenset(h.name for h in estate.hosts.values() if h.datacenter == place) for place in places}
    first, *others = (Loss(name, frozenset({name}), single=True) for name in hosts)
    return (first, *(Loss(place, names, single=True) for place, names in whole.items()), *others)


def _zones(estate: Estate, vhost: Vhost) -> Iterator[Zone]:
    for name in vhost.names:
        if zone := dns.zone_of(estate, name):
            yield zone


def _comeback(estate: Estate, pair: tuple[Host, Host], loss: Loss, vhost: Vhost, known: Known) -> Comeback:
    production, twin = pair
    disaster = Loss(loss.name, loss.hosts | {production.name}, single=False)
    sides = surviving(production, disaster)
    left = [archive for archive in known.archives if archive.side in sides]
    point = recovery_point(estate, vhost, left)
    could, why = _could(estate, twin, disaster, vhost, bool(point), bool(sides), known)
    span = known.spans.get(vhost.domain) if could else None
    whole, proven = _proven(point, known.proofs)
    return Comeback(
        lost=loss.name,
        goes_on=production.name not in loss.hosts,
        domain=vhost.domain,
        could=could,
        archives=tuple(f"{archive.name} ({archive.side})" for archive in point),
        whole=whole,
        proven=proven,
        loses=_loses(estate, production, disaster, vhost, known.prices) if point else None,
        low=span.low if span else None,
        high=span.high if span else None,
        measured=span.measured if span else 0,
        why=why,
    )


def _could(
    estate: Estate, twin: Host, lost: Loss, vhost: Vhost, point: bool, sides: bool, known: Known
) -> tuple[bool | None, str]:
    """And, of a no, why; of a yes, what is left to do by hand."""
    if twin.name in lost.hosts:
        return False, f"{twin.name} is gone: name another twin in the estate; seawall harden; seawall install"
    if not sides:
        return False, "no backup server is left: bring one back, or the third copy (docs/third-copy.md)"
    if alone := stranded(estate, vhost, lost.hosts):
        return False, alone
    if not point:
        return (
            (None, f"could not look: {known.unread[0]}")
            if known.unread
            else (False, "nothing of it is saved on any side that is left: seawall backup status")
        )
    by_hand = [name for name in vhost.names if dns.zone_of(estate, name) is None]
    return True, f"to be pointed there by hand: {', '.join(by_hand)}" if by_hand else ""


def stranded(estate: Estate, vhost: Vhost, lost: Collection[str]) -> str:
    """Why nobody could be sent to it with those hosts gone, and what is left to do; empty where they could."""
    gone = next((zone for zone in _zones(estate, vhost) if zone.primary in lost), None)
    if gone is None:
        return ""
    others = [name for name in gone.hosts if name not in lost]
    do = f"seawall drp promote {others[0]}" if others else "no server of its zone is left: docs/dns.md"
    return f"nobody can be sent to what comes up: {gone.primary} is gone; {do}"


def _loses(estate: Estate, production: Host, lost: Loss, vhost: Vhost, prices: Sequence[Price]) -> float | None:
    """The most that any of its parts lacks; a price is known of the same loss, as far as backups care about it."""
    care = {production.name, *production.backup.values()}
    same = [price for price in prices if price.loss.hosts == lost.hosts & care]
    costs = {price.kind: price.now for price in same}
    mine = [costs.get(kind, ALL) for kind in kinds_of(estate, vhost)]
    return None if ALL in mine else max(cost.total_seconds() for cost in mine if not isinstance(cost, str))


def _proven(point: Sequence[Archive], proofs: Sequence[Proof]) -> tuple[bool | None, datetime | None]:
    """What the newest proof of each says. One that failed is enough for no; yes takes all of them."""
    said: dict[str, tuple[bool, datetime]] = {}
    for proof in proofs:
        said |= dict.fromkeys(proof.proven, (True, proof.at)) | dict.fromkeys(proof.failed, (False, proof.at))
    known = [said.get(archive.id) for archive in point]
    verdicts = [one and one[0] for one in known]
    if not known or (None in verdicts and False not in verdicts):
        return None, None
    return all(verdicts), max(one[1] for one in known if one)
