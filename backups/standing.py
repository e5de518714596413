"""How a host's backups stand: per kind and side the newest instant, what is owed, what each loss would cost now.

Production answers out of its memory, at once and without a network; its twin reads both sides, and knows what was
proven.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum

from pydantic import BaseModel, ConfigDict

from backups import memory, spooled
from backups.debts import GRACE, calendar, late
from backups.losses import Price, Saved, beyond, prices
from backups.memory import Known
from backups.proof import record
from backups.replicas.standing import Followed, replicas
from backups.site import Site
from backups.streams import shipper
from backups.streams.tails import ends
from effects.clock import now
from estate.model import Engine, Estate, Host, Side
from estate.points import FILES, Archive, Kind, kinds_on
from estate.problem import Problem

Streamed = Mapping[tuple[Engine, Side], datetime]
Listed = tuple[tuple[Archive, ...], tuple[Problem, ...]]


class Level(IntEnum):
    """As monitoring plugins count."""

    OK = 0
    WARNING = 1  # a side lacks something, which the other has; or the twin's replica does, which both sides have
    CRITICAL = 2  # the newest turn brought nothing anywhere
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One kind on one side."""

    side: Side
    server: str
    newest: datetime | None
    owes: bool
    owes_since: datetime | None  # None where it owes nothing, or never got anything
    overdue: bool  # long enough that somebody should look
    error: str | None  # of the last run


@dataclass(frozen=True, slots=True)
class Subject:
    """One kind of archive, whose it is, and on both sides."""

    kind: Kind
    vhosts: tuple[str, ...]
    databases: tuple[str, ...]
    every: timedelta
    parts: tuple[Part, ...]
    uncovered: bool  # no side has what was due by now
    proven: datetime | None  # the instant that a proven restore brought back

    @property
    def newest(self) -> datetime | None:
        """On any side."""
        return max((part.newest for part in self.parts if part.newest), default=None)

    @property
    def level(self) -> Level:
        """How bad it is."""
        if self.uncovered:
            return Level.CRITICAL
        return Level.WARNING if any(part.overdue for part in self.parts) else Level.OK


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one host, as one host sees it."""

    host: str
    at: datetime
    subjects: tuple[Subject, ...]
    prices: tuple[Price, ...]
    warnings: tuple[str, ...]  # what the estate can't keep
    faults: tuple[str, ...] = ()  # what could not be read
    kept: tuple[datetime, ...] = ()  # snapshots that wait here for a side to return
    read: bool = False  # whether both sides were read, and not the host's memory
    replicas: tuple[Followed, ...] = ()  # on its twin, as the twin sees them

    @property
    def level(self) -> Level:
        """The worst of its parts."""
        worst = max((subject.level for subject in self.subjects), default=Level.UNKNOWN)
        lagging = any(one.trouble for one in self.replicas)
        return max(worst, Level.WARNING) if self.faults or self.kept or lagging else worst

    @property
    def signature(self) -> str:
        """Which trouble it is, in words that stay the same as long as it does; nothing where all is well."""
        lacking = [
            f"{subject.kind}:{'nowhere' if subject.uncovered else part.side}"
            for subject in self.subjects
            for part in subject.parts
            if subject.uncovered or part.overdue
        ]
        lagging = [f"replica:{one.engine}" for one in self.replicas if one.trouble]
        return " ".join(dict.fromkeys([*lacking, *(["kept"] if self.kept else []), *lagging, *self.faults]))

    @property
    def trouble(self) -> tuple[str, ...]:
        """What somebody should look at, a line each; nothing where all is saved as promised."""
        said = [line for subject in self.subjects for line in _trouble(subject, self.at, self.silent)]
        waiting = [f"{len(self.kept)} snapshots wait here for a side to return"] if self.kept else []
        return (*said, *waiting, *(one.line for one in self.replicas if one.trouble), *self.faults)

    @property
    def silent(self) -> frozenset[str]:
        """Backup servers that were asked and could not be read: of what they have nothing is known."""
        servers = {part.server for subject in self.subjects for part in subject.parts if part.newest is None}
        silent = {server for server in servers if any(fault.startswith(server) for fault in self.faults)}
        return frozenset(silent) if self.read else frozenset()


class Document(BaseModel):
    """How hosts tell each other. Spans are seconds; "all" is all of it."""

    model_config = ConfigDict(ser_json_timedelta="float")
    hosts: list[Standing]


def own(site: Site, at: datetime) -> Standing:
    """Of this host, out of its memory."""
    known = {kind: memory.known(kind) for kind in kinds_on(site.estate, site.host)}
    kept, faults = _kept(site)
    return standing(site.estate, site.host, known, at, faults=faults, kept=kept, streamed=_streamed(at))


def _kept(site: Site) -> tuple[tuple[datetime, ...], tuple[str, ...]]:
    """What waits on this host, or why that is not known, which hides nothing of the rest."""
    try:
        return tuple(archive.taken for archive in spooled.kept(site)), ()
    except Problem as fault:
        return (), (fault.what,)


def partners(site: Site, listed: Listed | None = None, fetch: tuple[Problem, ...] | None = None) -> Standing:
    """Of the production host of this twin, out of the repositories and streams on both sides, and of its replicas.

    `listed`, `fetch`: what `site.archives` and `tails.fetched` said, where they were asked just now.
    """
    kinds = kinds_on(site.estate, site.partner)
    archives, faults = listed or site.archives(site.partner, kinds)
    known = {kind: Known(_newest(archives, kind), None, {}) for kind in kinds}
    streamed, unread = ends(site, site.partner, archives, fetch)
    said = tuple(dict.fromkeys([*(fault.what for fault in faults), *unread]))
    at = now()  # streams go on while they are read, and replicas while they are looked at: neither may look younger
    followed = replicas(site.estate, site.partner)
    return standing(site.estate, site.partner, known, at, faults=said, read=True, streamed=streamed, replicas=followed)


def together(found: Iterable[Standing]) -> list[Standing]:
    """One for each host: what was read from the sides counts, and why runs failed only the host itself knows."""
    merged: dict[str, Standing] = {}
    for one in found:
        known = merged.get(one.host)
        read, own = (one, known) if one.read else (known, one)
        merged[one.host] = one if known is None else _merged(read or one, own or one)
    return list(merged.values())


def _merged(read: Standing, own: Standing) -> Standing:
    if not read.subjects or not own.subjects:
        return replace(own if own.subjects else read, faults=tuple(dict.fromkeys([*read.faults, *own.faults])))
    errors = {(subject.kind, part.side): part.error for subject in own.subjects for part in subject.parts}
    subjects = tuple(
        replace(
            subject,
            parts=tuple(replace(part, error=errors.get((subject.kind, part.side))) for part in subject.parts),
        )
        for subject in read.subjects
    )
    return replace(read, subjects=subjects, faults=(*read.faults, *own.faults), kept=own.kept)


def standing(
    estate: Estate,
    host: Host,
    known: Mapping[Kind, Known],
    at: datetime,
    *,
    faults: tuple[str, ...] = (),
    read: bool = False,
    kept: tuple[datetime, ...] = (),
    streamed: Streamed | None = None,
    replicas: tuple[Followed, ...] = (),
) -> Standing:
    """Of what is known of each kind."""
    followed = _followed(replicas, streamed or {}, at)
    saved = {kind: _with_stream(kind, one.saved, streamed or {}) for kind, one in known.items()}
    proven = _proven(host.name)
    return Standing(
        host=host.name,
        at=at,
        subjects=tuple(_subject(estate, host, kind, one, at, proven.get(kind)) for kind, one in known.items()),
        prices=prices(estate, host, saved, at, followed),
        warnings=tuple(beyond(estate, host)),
        faults=faults,
        kept=kept,
        read=read,
        replicas=replicas,
    )


def _with_stream(kind: Kind, saved: Saved, streamed: Streamed) -> Saved:
    """A stream goes on from a snapshot: alone it brings nothing back."""
    if kind == FILES:
        return saved
    return {side: at and max(at, streamed.get((kind, side), at)) for side, at in saved.items()}


def _followed(replicas: Iterable[Followed], streamed: Streamed, at: datetime) -> dict[Engine, datetime]:
    """What good replicas have. An activation goes on from one only where a snapshot has a stream, of the same log."""
    named = {engine for engine, _ in streamed}
    return {r.engine: at - timedelta(seconds=r.lacks) for r in replicas if r.lacks is not None and r.engine in named}


def _streamed(at: datetime) -> Streamed:
    """Until when each side has the stream of each engine, where nothing is missing in between."""
    rows = [row for row in shipper.status(at) if row["instant"] and not row["gaps"]]
    return {(Engine(row["engine"]), Side(row["side"])): datetime.fromisoformat(row["instant"]) for row in rows}


def _subject(estate: Estate, host: Host, kind: Kind, known: Known, at: datetime, proven: datetime | None) -> Subject:
    when = calendar(estate, host, kind)
    debts = {debt.side: debt for debt in when.debts(at, known.saved)}
    vhosts = estate.vhosts_on(host)
    databases = {db.name: vhost.domain for vhost in vhosts for db in estate.databases_of(vhost) if db.engine == kind}
    whose = [vhost.domain for vhost in vhosts if kind == FILES or vhost.domain in databases.values()]
    parts = tuple(
        Part(
            side=side,
            server=host.backup[side],
            newest=known.saved.get(side),
            owes=side in debts,
            owes_since=debts[side].since if side in debts else None,
            overdue=side in debts and late(debts[side], at),
            error=known.errors[side][1] if side in known.errors else None,
        )
        for side in Side
    )
    uncovered = when.uncovered(at, known.saved, GRACE)
    return Subject(kind, tuple(whose), tuple(databases), when.rhythm.every, parts, uncovered, proven)


def _trouble(subject: Subject, at: datetime, silent: frozenset[str]) -> Iterator[str]:
    if subject.uncovered:
        newest = f"the newest is {ago(at - subject.newest)} old" if subject.newest else "never saved"
        yield f"{subject.kind}: {newest}, due every {ago(subject.every)}"
    for part in subject.parts:
        if part.overdue and not (part.newest is None and part.server in silent):
            since = f"since {part.owes_since:%Y-%m-%d %H:%M} UTC" if part.owes_since else "altogether"
            why = f": {part.error.splitlines()[0]}" if part.error else ""
            yield f"{subject.kind}: {part.server} ({part.side}) lacks it {since}{why}"


def ago(span: timedelta) -> str:
    """As people say it; nobody needs the minutes of days."""
    minutes, seconds = divmod(max(0, round(span.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h".removesuffix(" 0 h")
    return " ".join(f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min")) if n) or f"{seconds} s"


def _newest(archives: Iterable[Archive], kind: Kind) -> dict[Side, datetime | None]:
    mine = [archive for archive in archives if archive.kind == kind]
    return {side: max((a.taken for a in mine if a.side == side), default=None) for side in Side}


def _proven(host: str) -> dict[Kind, datetime]:
    """The newest instant of each kind that a restore has passed for."""
    found: dict[Kind, datetime] = {}
    for proof in record.proofs(host):
        for archive in proof.archives:
            if archive.id in proof.proven:
                found[archive.kind] = max(archive.taken, found.get(archive.kind, archive.taken))
    return found
