"""Proving a recovery point: hydrate, compare every byte with the archives' chunk ids, bring it up in the proof room.

Then it is judged, and the record is kept. What can't be proven is a finding with its reason, and stops nothing else.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backups import counted, restore
from backups.engines import Server, server
from backups.mark import Beyond
from backups.proof import accepted, closed, judge, record
from backups.proof.errand import ByHand, Counted
from backups.proof.furnish import FILES as SHOWN_AT
from backups.proof.hydrate import Lost, Target, hydrate
from backups.proof.orders import (
    BYTES,
    COPY,
    FETCH,
    SNAPSHOT,
    STREAM,
    Closed,
    Moment,
    Order,
    Said,
    Shown,
    Started,
    timed,
)
from backups.proof.record import Finding, Proof
from backups.site import Site
from backups.tables import Evidence
from effects.clock import Stopwatch, now
from estate.model import Database, Engine, Host, Runtime, Vhost
from estate.points import FILES, Archive, Kind, kinds_on, newest
from estate.problem import Missing, Problem

Report = Callable[[str], None]
Onward = Callable[[Archive, Path], Beyond | None]  # brings a copy of a snapshot on to the end of its stream


def wanted(site: Site, client: Host) -> tuple[tuple[Archive, ...], tuple[Problem, ...]]:
    """The newest archive of each kind: what an activation would take now. Raises Missing where there is nothing."""
    kinds = kinds_on(site.estate, client)
    listed, faults = site.archives(client, kinds)
    found = record.readable(client.name, listed)
    there = tuple(one for kind in kinds if (one := newest(found, kind)) is not None)
    if not there:
        said = "".join(f"\n{fault.what}" for fault in faults)
        raise Missing(f"nothing of {client.name} is saved on any side that answers{said}", hint="seawall backup list")
    return there, faults


@dataclass(slots=True)
class Proving:
    """One recovery point that is being looked at."""

    site: Site
    client: Host
    archives: tuple[Archive, ...]
    say: Report
    vhosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    databases: dict[str, Evidence] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)  # ids of archives
    there: dict[Engine, counted.Counted] = field(default_factory=dict)  # what production counted
    onward: Onward | None = None  # None: as it was saved, which is what can be compared with what production counted
    moments: list[Moment] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    beyond: dict[Engine, Beyond] = field(default_factory=dict)

    def run(self) -> Proof:
        """All of it, and the record is kept."""
        proof = self.look()
        record.keep(proof)
        return proof

    def look(self) -> Proof:
        """All of it."""
        watch, at = Stopwatch(), now()
        with ExitStack() as stack:
            shown = list(self._files())
            engines = list(self._engines(stack))
            self.say("bringing it up in the proof room")
            trust = self.site.estate.drp.trust
            order = Order(self.site.host.web, Path(trust) if trust else None, tuple(shown), tuple(engines))
            self._seen(order)
        self._fresh()
        if self.onward is None:
            self._as_counted()
        self._compare()
        return Proof(
            self.client.name, at, watch.seconds, self.archives, self.vhosts, self.databases,
            tuple(self.findings), tuple(sorted(self.unseen)),
        )  # fmt: skip

    def _archive(self, kind: Kind) -> Archive | None:
        return newest(self.archives, kind)

    def _against(self, subject: str, what: str, *kinds: Kind) -> None:
        ids = tuple(one.id for one in self.archives if one.kind in kinds)
        self.findings.append(Finding(subject, what, ids))

    def _fault(self, subject: str, fault: Problem | OSError, *kinds: Kind) -> None:
        """Against the archive where its content is the reason; else it was not looked at, and is not proven."""
        if isinstance(fault, (Lost, ByHand)):
            self._against(subject, fault.what, *kinds)
            return
        self.findings.append(Finding(subject, f"not looked at: {_what(fault)}", ()))
        self.unseen |= {one.id for one in self.archives if one.kind in kinds}

    def _hydrated(self, archive: Archive, target: Target) -> Counted:
        """Fetch what changed, then read every byte of it again: now it is known that it is the archive's."""
        repository = self.site.repository(self.client, archive.kind, archive.side)
        phase = FETCH if archive.kind == FILES else SNAPSHOT
        with timed(self.moments, phase, target.subject):
            moved = hydrate(repository, archive, target)
        with timed(self.moments, BYTES, target.subject):
            proven = hydrate(repository, archive, target, prove=True)
        return replace(proven, fetched=moved.fetched, written=moved.written)

    def _files(self) -> Iterator[Shown]:
        archive = self._archive(FILES)
        for vhost in self.site.estate.vhosts_on(self.site.host):
            if archive is None:
                self._against(vhost.domain, "there is no archive of files")
                continue
            self.say(f"{vhost.domain}: hydrating from {archive.name}")
            target = restore.target_of(vhost)
            try:
                self.vhosts[vhost.domain] = _counted(self._hydrated(archive, target))
                shown = _shown(vhost, target)
            except (Problem, OSError) as fault:
                self._fault(vhost.domain, fault, FILES)
                continue
            yield shown

    def _engines(self, stack: ExitStack) -> Iterator[Started]:
        for engine in self.site.estate.engines_on(self.client):
            archive = self._archive(engine)
            if archive is None:
                self._against(engine, "there is no snapshot")
                continue
            self.say(f"{engine}: hydrating from {archive.name}")
            try:
                mine = server(engine)
                target = restore.data_of(mine)
                self._hydrated(archive, target)
                if (there := counted.read(target.top)) is not None:
                    self.there[engine] = there
                with timed(self.moments, COPY, engine):
                    copy = stack.enter_context(closed.copied(mine, target.top))
                self._bring_on(archive, copy)
            except (Problem, OSError) as fault:
                self._fault(engine, fault, engine)
                continue
            yield _started(mine, copy, self._databases(engine))

    def _bring_on(self, archive: Archive, copy: Path) -> None:
        if self.onward is None:
            return
        engine = Engine(archive.kind)
        self.say(f"{engine}: bringing it on to the end of its stream")
        with timed(self.moments, STREAM, engine):
            if beyond := self.onward(archive, copy):
                self.beyond[engine] = beyond

    def _databases(self, engine: Engine) -> tuple[Database, ...]:
        return self.site.estate.databases_on(self.client, engine)

    def _seen(self, order: Order) -> None:
        try:
            said = closed.enter(order)
        except Problem as fault:
            self._fault(self.client.name, fault, *(one.kind for one in self.archives))
            said = Said()
        for domain, evidence in said.vhosts.items():
            self.vhosts[domain] |= evidence
        self.databases |= said.databases
        self.moments += said.moments
        self.closed += said.closed
        for subject, what in said.faults:
            self._against(subject, what, *self._kinds(subject))

    def _kinds(self, subject: str) -> tuple[Kind, ...]:
        """Which archives a fault speaks against: a vhost that does not answer may lack files or rows."""
        if vhost := self.site.estate.vhosts.get(subject):
            return (FILES, *{db.engine for db in self.site.estate.databases_of(vhost)})
        engines = tuple(engine for engine in Engine if subject.partition(".")[0] == engine)
        return engines or tuple(one.kind for one in self.archives)

    def _fresh(self) -> None:
        """The newest business rows, where the estate says how they are found."""
        for engine in Engine:
            for database in self._databases(engine):
                seen, fresh = self.databases.get(f"{engine}.{database.name}"), database.freshness
                archive = self._archive(engine)
                if seen is None or fresh is None or archive is None:
                    continue
                if what := judge.stale(seen.get("newest row"), fresh.max_age, archive.taken):
                    self._against(f"{engine}.{database.name}", what, engine)

    def _as_counted(self) -> None:
        """With what production counted when it was copied."""
        for engine, there in self.there.items():
            for database in self._databases(engine):
                subject = f"{engine}.{database.name}"
                if (seen := self.databases.get(subject)) is None:
                    continue
                known = there.databases.get(database.name, {})
                self.databases[subject] = {**seen, "as on production": judge.plain(there.words(database.name))}
                for what in judge.differs(known, seen):
                    self._against(subject, f"not as production counted it: {what}", engine)

    def _compare(self) -> None:
        """With the last time that nothing was found against it, or with what somebody has taken as it is since."""
        before = accepted.baseline(self.client.name)
        for subject, seen in {**self.vhosts, **self.databases}.items():
            kinds = (FILES,) if subject in self.vhosts else self._kinds(subject)
            for what in judge.shrunk(before.get(subject), seen):
                self._against(subject, f"{judge.SMALLER}: {what}", *kinds)


def _what(fault: Problem | OSError) -> str:
    return fault.what if isinstance(fault, Problem) else f"{fault.filename or ''}: {fault.strerror}"


def _counted(counted: Counted) -> dict[str, Any]:
    youngest = (
        datetime.fromtimestamp(counted.newest / 1e9, UTC).isoformat(timespec="seconds") if counted.newest else None
    )
    keep = ("files", "bytes", "fetched", "written", "devices")
    return {word: value for word, value in asdict(counted).items() if word in keep} | {
        "newest file": youngest,
        "chunk ids": "equal",
    }


def _shown(vhost: Vhost, target: Target) -> Shown:
    path = None if vhost.runtime is Runtime.PROXY else vhost.check.path
    files, tls, check = SHOWN_AT / target.top.name, Path(vhost.certificates), vhost.check
    return Shown(vhost.domain, files, restore.parts_of(vhost), tls, path, check.expect, closed.php_of(vhost))


def _started(mine: Server, copy: Path, databases: Sequence[Database]) -> Started:
    return Started(
        mine.engine,
        mine.data,
        copy,
        mine.owner,
        {db.name: db.freshness.query if db.freshness else None for db in databases},
    )
