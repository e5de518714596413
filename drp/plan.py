"""A plan is data, computed from what was observed, and touches nothing. Its seal is a hash of all it would do."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from backups.replicas.standby import Standby
from drp.change import Change
from drp.scope import EVERYTHING, Scope
from estate.model import Engine, Estate, Host, Vhost
from estate.orders import Aim
from estate.points import FILES, Archive, Kind, Tail, kinds_of, recovery_point
from estate.problem import Refused

# Measured with borg 1.4 on two cores: 92 MB/s and 4,000 files/s on one of them; a database server needs
# about five seconds to be stopped, swapped and started; proof, ticket and DNS take about two a vhost.
BYTES_A_SECOND = 92e6
FILES_A_SECOND = 4000
SWAP = 5.0
TAIL = 2.0


@dataclass(frozen=True, slots=True)
class Observed:
    """What the world looked like when the plan was made."""

    at: datetime
    epoch: int
    archives: tuple[Archive, ...]  # of the host that is to be replaced, from every side that answered
    sizes: Mapping[str, tuple[int, int]]  # archive id: bytes, files; empty where nobody asked
    changes: Mapping[str, tuple[Change, ...]]  # domain: what DNS would need
    served: frozenset[str]  # domains that visitors already find at the target
    faults: tuple[str, ...]  # what did not answer
    verdicts: Mapping[str, bool] = field(default_factory=dict)  # archive id: whether a proof that was made of it held
    tails: Mapping[str, Tail] = field(default_factory=dict)  # archive id: the stream after that snapshot
    replicas: tuple[Standby, ...] = ()  # that follow the log of those streams
    standing: frozenset[Kind] = frozenset()  # engines that the target serves other vhosts from, as those archives are


@dataclass(frozen=True, slots=True)
class Move:
    """What is done for one vhost."""

    domain: str
    archives: tuple[Archive, ...]  # files first, then one per database engine
    changes: tuple[Change, ...]
    seconds: float  # estimated; what an earlier vhost already brings is counted there
    proven: bool | None = None  # whether all of it came up whole in the proof room; None: not all of it was there yet
    tails: tuple[Tail, ...] = ()  # of those snapshots that a stream goes on from
    replicas: tuple[Standby, ...] = ()  # of those engines
    standing: frozenset[Kind] = frozenset()  # engines that another plan brought, with this vhost's databases in them

    def points(self) -> Mapping[Kind, datetime]:
        """Up to when each part is brought back: the archive's time, the end of its stream, or the replica's."""
        streamed = [(archive.kind, t.until) for archive in self.archives for t in self.tails if t.archive == archive.id]
        followed = [(one.engine, one.until) for one in self.replicas if one.until]
        known = [(archive.kind, archive.taken) for archive in self.archives] + streamed + followed
        return {archive.kind: max(at for kind, at in known if kind == archive.kind) for archive in self.archives}

    def loss(self, disaster: datetime) -> timedelta:
        """Work lost if production died at `disaster`: the age of the oldest thing it is brought back from."""
        return max(timedelta(0), disaster - min(self.points().values()))


@dataclass(frozen=True, slots=True)
class Plan:
    """Vhosts in the order in which they come back."""

    aim: Aim
    source: str  # the host whose archives are read
    target: str  # the host that will serve
    made: datetime
    epoch: int  # orders that had ended before (drp/epochs.py); so that no two orders ever share a seal
    moves: tuple[Move, ...]
    faults: tuple[str, ...] = ()
    replicas: tuple[Standby, ...] = ()  # where they are good: else the stream brings its snapshot to the same place
    at: datetime | None = None  # where databases are brought on to that instant and not to the end of their stream
    left: tuple[str, ...] = ()  # domains that nobody serves, and this plan does not bring back

    def engines(self, estate: Estate) -> tuple[Engine, ...]:
        """Those that any of its vhosts uses."""
        used = {kind for move in self.moves for kind in kinds_of(estate, estate.vhosts[move.domain])}
        return tuple(engine for engine in Engine if engine in used)

    def kinds(self, estate: Estate) -> tuple[Kind, ...]:
        """What these consist of, together."""
        return (FILES, *self.engines(estate))

    @property
    def seal(self) -> str:
        """SHA-256 over everything that would be done, and nothing else: not the time, not the estimates.

        Of a stream its chain, and not its end: that moves with every second in which production still writes.
        """
        acts = [
            (
                move.domain,
                [(a.id, a.kind, a.side) for a in move.archives],
                [(c.zone, c.name, c.rtype, c.before, c.after, c.ttl) for c in move.changes],
                [(t.archive, t.chain) for t in move.tails],
                sorted(move.standing),
            )
            for move in self.moves
        ]
        what = TypeAdapter(object).dump_json((self.aim, self.epoch, self.source, self.target, self.at, acts))
        return hashlib.sha256(what).hexdigest()


PLAN = TypeAdapter(Plan)


def activation(estate: Estate, source: Host, target: Host, seen: Observed, scope: Scope = EVERYTHING) -> Plan:
    """Bring what `scope` asks for, of what `target` does not serve yet, up there from the newest recovery point.

    Raises Refused where a vhost has none: what can't come back must be known before, not halfway. And where what
    `target` serves already would be replaced by something older. As `Scope.of` too.
    """
    waiting = [vhost for vhost in estate.vhosts_on(source) if vhost.domain not in seen.served]
    coming = scope.of(waiting, [vhost.domain for vhost in estate.vhosts_on(source)])
    _require_whole_servers(estate, target, coming, seen.standing)
    moves = _moves(estate, coming, seen)
    if hopeless := [vhost.domain for vhost in coming if vhost.domain not in {move.domain for move in moves}]:
        said = "".join(f"\n{fault}" for fault in seen.faults)
        raise Refused(
            f"no recovery point for {', '.join(hopeless)} on any backup server that answers{said}",
            hint="bring a backup server back, or look at: seawall drp status",
        )
    left = tuple(vhost.domain for vhost in waiting if vhost not in coming)
    used = tuple(one for one in seen.replicas if any(one in move.replicas for move in moves))
    return Plan("activate", source.name, target.name, seen.at, seen.epoch, moves, seen.faults, used, scope.at, left)


def _moves(estate: Estate, coming: Sequence[Vhost], seen: Observed) -> tuple[Move, ...]:
    """Of those that have a recovery point."""
    points = {vhost.domain: recovery_point(estate, vhost, seen.archives) for vhost in coming}
    brought = {archive.id for archive in seen.archives if archive.kind in seen.standing}
    moves: list[Move] = []
    for domain, there in ((domain, there) for domain, there in points.items() if there):
        proven = _proven(there, seen.verdicts)
        seconds = _estimate(there, {} if proven else seen.sizes, brought)  # what was proven stands ready
        brought |= {archive.id for archive in there}
        tails = tuple(seen.tails[archive.id] for archive in there if archive.id in seen.tails)
        engines = {tail.engine for tail in tails}
        replicas = tuple(one for one in seen.replicas if one.engine in engines)
        standing = seen.standing & {archive.kind for archive in there}
        moves.append(Move(domain, there, seen.changes[domain], seconds, proven, tails, replicas, standing))
    return tuple(moves)


def _proven(archives: Sequence[Archive], verdicts: Mapping[str, bool]) -> bool | None:
    """One that failed is enough for no; yes takes all of them."""
    known = [verdicts.get(archive.id) for archive in archives]
    return False if False in known else None if None in known else True


def homecoming(estate: Estate, twin: Host, production: Host, seen: Observed) -> Plan:
    """Bring what the twin serves back to production. The archives are taken at the write freeze: the plan names none.

    Raises Refused where the twin serves nothing, or where production serves a part of what shares a database server.
    """
    away = [vhost for vhost in estate.vhosts_on(production) if vhost.domain not in seen.served]
    if not away:
        nothing = f"{twin.name} serves nothing of {production.name}, so there is nothing to bring back"
        raise Refused(nothing, hint="seawall drp status")
    _require_whole_servers(estate, production, away)
    moves = tuple(Move(vhost.domain, (), seen.changes[vhost.domain], TAIL) for vhost in away)
    return Plan("return", twin.name, production.name, seen.at, seen.epoch, moves, seen.faults)


def _require_whole_servers(
    estate: Estate, target: Host, coming: Sequence[Vhost], standing: frozenset[Kind] = frozenset()
) -> None:
    """A database server is brought whole, so nothing that `target` serves from it already may be among the rest.

    Unless it is `standing`: it was brought by a plan for some of its vhosts, and has the databases of the others too.
    """
    if not coming:
        raise Refused(f"{target.name} serves all of its vhosts already", hint="look at: seawall drp status")
    brought = {kind for vhost in coming for kind in kinds_of(estate, vhost) if kind != FILES} - standing
    staying = [vhost for vhost in estate.vhosts_on(target) if vhost not in coming]
    if mixed := [vhost.domain for vhost in staying if brought & set(kinds_of(estate, vhost))]:
        raise Refused(
            f"{target.name} serves {', '.join(mixed)} already, from a database server that would be replaced",
            hint="finish what was begun first: seawall drp status shows it, and the same command again continues it",
        )


def _estimate(archives: tuple[Archive, ...], sizes: Mapping[str, tuple[int, int]], brought: set[str]) -> float:
    """Files of all vhosts are in one archive: the first waits for no more than the whole of it, the last for that."""
    total = TAIL
    for archive in archives:
        if archive.id in brought:
            continue
        size, count = sizes.get(archive.id, (0, 0))
        total += size / BYTES_A_SECOND + count / FILES_A_SECOND + (0 if archive.kind == FILES else SWAP)
    return round(total, 1)
