"""Rules about what stands ready: certificates, room, proofs, clocks, what is saved and where."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backups.losses import ALL
from backups.proof.record import Proof
from backups.standing import Level, Standing
from drp.ready.findings import Finding, critical, unknown, warning
from estate.model import Estate, Host, Side, Vhost
from estate.points import FILES
from estate.problem import Missing, Problem

SOON = timedelta(days=14)  # that a certificate must hold at least
PROOF = timedelta(hours=26)  # every night is a drill, and a night may be late
DRIFT, BROKEN = 5.0, 300.0  # seconds between clocks: a warning; what TSIG allows (RFC 8945, 10)
FLOWING = timedelta(minutes=5)  # of databases that may be missing where streams or replicas are up
GB = 1e9


@dataclass(frozen=True, slots=True)
class Certificate:
    """What would be shown to visitors."""

    until: datetime
    names: tuple[str, ...]
    fits: bool  # its private key is there, and is its own


@dataclass(frozen=True, slots=True)
class Room:
    """One file system of the twin, and what has to fit into it. Bytes."""

    path: str
    free: int
    needed: int | None  # of the newest recovery point, what belongs there; None: it could not be measured
    held: int  # of that, what is hydrated


def certificate(host: Host, vhost: Vhost, seen: Certificate | Problem, now: datetime) -> Iterator[Finding]:
    """Missing, another's, too old, or for other names."""
    about, renew = "certificate", f"renew it on {vhost.host}, then there: seawall backup files"
    if isinstance(seen, Problem):
        yield critical(host.name, about, f"{vhost.domain}: {seen.what}", seen.hint)
        return
    if seen.until <= now + SOON:
        gone = "ended" if seen.until <= now else "ends"
        tell = critical if seen.until <= now else warning
        yield tell(host.name, about, f"{vhost.domain}: it {gone} at {seen.until:%Y-%m-%d %H:%M} UTC", renew)
    if not seen.fits:
        yield critical(host.name, about, f"{vhost.domain}: privkey.pem is not the key of fullchain.pem", renew)
    if bare := [name for name in vhost.names if not any(covers(pattern, name) for pattern in seen.names)]:
        yield critical(host.name, about, f"{vhost.domain}: it is not for {', '.join(bare)}", renew)


def covers(pattern: str, name: str) -> bool:
    """Whether a name in a certificate is that of a site; `*` stands for one label (RFC 6125, 6.4.3)."""
    pattern, name = pattern.lower(), name.lower()
    return pattern == name or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])


def cramped(host: Host, rooms: Iterable[Room]) -> Iterator[Finding]:
    """Not enough room for what is not here yet; or not for all of it once more, as after a return."""
    for room in rooms:
        left = f"{room.path} has {room.free / GB:.1f} GB free"
        do = f"on {host.name}: df -h {room.path}; look at what a return kept, and remove it; or more disk"
        if room.needed is None:
            look = Missing(f"how large the newest recovery point is, for {room.path}", hint="seawall backup list")
            yield unknown(host.name, "disk", look)
        elif room.free < room.needed - room.held:
            what = f"{left}, and {(room.needed - room.held) / GB:.1f} GB of the newest recovery point are not here yet"
            yield critical(host.name, "disk", what, do)
        elif room.free < room.needed:
            what = f"{left}: too little for the newest recovery point ({room.needed / GB:.1f} GB) beside what it has"
            yield warning(host.name, "disk", what, do)


def unproven(host: Host, proofs: Sequence[Proof], now: datetime) -> Iterator[Finding]:
    """No proof of last night, or one that found something."""
    do = f"on {host.name}: seawall backup prove --now; what it found: seawall backup proofs"
    if not proofs:
        yield critical(host.name, "proof", "nothing was ever proven here", do)
        return
    newest = proofs[-1]
    if not newest.holds:
        said = "; ".join(f"{one.subject}: {one.what}" for one in newest.findings[:2])
        yield critical(host.name, "proof", f"the newest proof ({newest.at:%Y-%m-%d %H:%M} UTC) found: {said}", do)
    if now - newest.at > PROOF:
        yield warning(host.name, "proof", f"the newest proof is of {newest.at:%Y-%m-%d %H:%M} UTC", do)


def serving(twin: Host, production: Host) -> Finding:
    """It does what it stood by for, and nobody stands by for it."""
    what = f"it serves in the place of {production.name}, and no third host could come back from what it saves"
    do = f"once {production.name} is mended: seawall drp return; how it is saved, on {twin.name}: seawall backup status"
    return warning(twin.name, "serving", what, do)


def unsaved(found: Standing) -> Iterator[Finding]:
    """What `seawall backup status` says there, and databases that are not followed by the second."""
    tell = critical if found.level is Level.CRITICAL else warning
    for line in (line for line in found.trouble if line not in found.faults):
        yield tell(found.host, "backup", line, "look at it on that host, or on its twin: seawall backup status")
    for what in found.faults:
        yield Finding(Level.UNKNOWN, found.host, "backup", what, "look at it on its twin: seawall backup status")
    for price in found.prices:
        alone = price.loss.hosts == frozenset({found.host}) and price.kind != FILES
        if alone and price.now != ALL and price.now > FLOWING:
            what = f"{price.kind}: what was written in the last {price.now.total_seconds() / 60:.0f} min would be lost"
            yield warning(found.host, "stream", what, f"on {found.host}: systemctl status seawall-stream")


def clocks(twin: str, offsets: Mapping[str, float | Problem]) -> Iterator[Finding]:
    """`offsets`: seconds that each clock is ahead of one that measured them all; the twin's counts."""
    ours = offsets[twin]
    for host, offset in offsets.items():
        if isinstance(offset, Problem):
            yield unknown(host, "clock", offset)
        elif not isinstance(ours, Problem) and host != twin:
            yield from clock(host, offset - ours, twin)


def clock(host: str, ahead: float, twin: str) -> Iterator[Finding]:
    """One that is `ahead` seconds of the twin's."""
    if abs(ahead) < DRIFT:
        return
    tell = critical if abs(ahead) >= BROKEN else warning
    what = f"its clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} {twin}'s"
    yield tell(host, "clock", what, "date -u on both; then: timedatectl timesync-status, on the wrong one")


def beside(estate: Estate, host: Host) -> Iterator[Finding]:
    """Backup servers of `host` that would be lost together, or with its twin."""
    places = {side: estate.hosts[host.backup[side]].datacenter for side in Side if host.backup}
    if places and len(set(places.values())) == 1:
        what = f"both backup servers of {host.name} are in {places[Side.EVEN]}"
        yield critical(host.backup[Side.EVEN], "datacenter", what, "use one in another datacenter")
    twins = {estate.hosts[host.twin].datacenter} if host.twin else set()
    for side, place in places.items():
        if place in twins:
            what = f"it is in {place}, as the twin of {host.name} is: one loss takes both"
            yield warning(host.backup[side], "datacenter", what, "use one in another datacenter")
