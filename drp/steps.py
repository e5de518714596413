"""The steps of every job, each with its proof. The order of a job's steps is `for_job`, at the end."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backups import paths, restore, take
from backups.engines import server
from drp import dns, tickets, web
from drp.engine import Step, World
from drp.job import Job, JobKind
from drp.plan import Move
from effects import http, secrets
from effects.clock import now, wait_until
from effects.run import attempt, run
from estate.model import Engine, Estate, Host, Vhost
from estate.points import FILES, Archive, Kind
from estate.problem import Failed, Problem

BACKUP_UNIT = "seawall-backup.service"


@dataclass(frozen=True, slots=True)
class Files:
    """The vhost's directory, certificates and further paths are those of the archive."""

    vhost: Vhost
    archive: Archive
    kind = "files"

    @property
    def subject(self) -> str:
        return self.vhost.domain

    @property
    def vhosts(self) -> frozenset[str]:
        return frozenset({self.vhost.domain})

    def proof(self, world: World) -> str | None:
        there = restore.Mark(self.vhost.domain).holds(self.archive, Path(self.vhost.directory))
        return f"{self.vhost.directory} is {self.archive.name}" if there else None

    def act(self, world: World) -> None:
        source = world.site.estate.hosts[self.archive.host]
        repository = world.site.repository(source, FILES, self.archive.side)
        restore.place_files(repository, self.archive, self.vhost, restore.kept_below(world.job.seal))


@dataclass(frozen=True, slots=True)
class Database:
    """The engine serves the databases of the archive."""

    engine: Engine
    archive: Archive
    vhosts: frozenset[str]
    names: frozenset[str]
    kind = "database"

    @property
    def subject(self) -> str:
        return str(self.engine)

    def proof(self, world: World) -> str | None:
        mine = server(self.engine)
        if not restore.Mark(self.engine).holds(self.archive, mine.data):
            return None
        if attempt(["systemctl", "is-active", "--quiet", mine.unit], timeout=30).code != 0:
            mine.start()  # swapped, then killed before the start: the data is the right one
        missing = self.names - mine.databases()
        return (
            None if missing else f"{mine.unit} serves {', '.join(sorted(self.names))} of {self.archive.name}"
        )

    def act(self, world: World) -> None:
        source = world.site.estate.hosts[self.archive.host]
        repository = world.site.repository(source, self.archive.kind, self.archive.side)
        restore.place_database(repository, self.archive, server(self.engine), world.job.seal[:12])


@dataclass(frozen=True, slots=True)
class Serve:
    """The web server answers for the vhost: enabled, and not in maintenance where `public`."""

    vhost: Vhost
    public: bool
    kind = "serve"

    @property
    def subject(self) -> str:
        return self.vhost.domain

    @property
    def vhosts(self) -> frozenset[str]:
        return frozenset({self.vhost.domain})

    def proof(self, world: World) -> str | None:
        ready = (
            web.enabled(self.vhost) and not (self.public and web.in_maintenance(self.vhost)) and web.loaded()
        )
        return "enabled" + (" and open" if self.public else "") if ready else None

    def act(self, world: World) -> None:
        web.enable(self.vhost)
        if self.public:
            web.set_maintenance(self.vhost, on=False)
        web.reload()


@dataclass(frozen=True, slots=True)
class Prove:
    """The vhost answers over HTTPS on this host as the estate says it must.

    From this host's own address where the public may come, from loopback where it is in maintenance.
    """

    vhost: Vhost
    public: bool
    kind = "prove"

    @property
    def subject(self) -> str:
        return self.vhost.domain

    @property
    def vhosts(self) -> frozenset[str]:
        return frozenset({self.vhost.domain})

    def proof(self, world: World) -> str | None:
        return answer(world, self.vhost, public=self.public)

    def act(self, world: World) -> None:
        late = Failed(
            f"{world.site.host.name}: {self.vhost.domain} does not answer as its check says",
            hint=f"look at /var/log/nginx/{self.vhost.domain}.error.log there, then run the same command again",
        )
        wait_until(lambda: self.proof(world) is not None, timeout=20, late=late)


def answer(world: World, vhost: Vhost, *, public: bool) -> str | None:
    """Evidence of a healthy answer, or None."""
    address = str(world.site.host.ipv4) if public else "127.0.0.1"
    trust = world.site.estate.drp.trust
    try:
        got = http.get(
            vhost.domain, vhost.check.path, address=address, timeout=10, trust=Path(trust) if trust else None
        )
    except Problem:
        return None
    right = got.status == 200 and vhost.check.expect in got.body
    return f"200 at {address} with “{vhost.check.expect}” in {got.seconds:.2f} s" if right else None


@dataclass(frozen=True, slots=True)
class Ticket:
    """People were told, once. That they could not be told must not stop a recovery, so no vhost waits for it."""

    vhost: Vhost
    word: str  # activated, returned
    loss: str
    kind = "ticket"
    vhosts: frozenset[str] = frozenset()

    @property
    def subject(self) -> str:
        return self.vhost.domain

    def _key(self, world: World) -> str:
        return f"{world.job.id}.{self.vhost.domain}"

    def proof(self, world: World) -> str | None:
        return tickets.sent(world.site.estate.drp.tickets, self._key(world))

    def act(self, world: World) -> None:
        plan = world.job.plan
        tickets.send(
            world.site.estate.drp.tickets,
            self.word,
            self._key(world),
            domain=self.vhost.domain,
            source=plan.source,
            target=plan.target,
            seal=world.job.seal,
            by=world.job.by,
            loss=self.loss,
            at=now().isoformat(timespec="seconds"),
        )


@dataclass(frozen=True, slots=True)
class Dns:
    """Every authoritative server that answers gives the new addresses, the primary among them."""

    vhost: Vhost
    changes: tuple[dns.Change, ...]
    kind = "dns"

    @property
    def subject(self) -> str:
        return self.vhost.domain

    @property
    def vhosts(self) -> frozenset[str]:
        return frozenset({self.vhost.domain})

    def proof(self, world: World) -> str | None:
        estate = world.site.estate
        seen = {zone: dns.holds(estate, estate.zones[zone], mine) for zone, mine in self._by_zone().items()}
        for zone, answers in seen.items():
            if not answers[estate.zones[zone].primary] or False in answers.values():
                return None
        said = {
            name: "holds" if there else "did not answer"
            for answers in seen.values()
            for name, there in answers.items()
        }
        return ", ".join(f"{name} {word}" for name, word in said.items()) or "nothing to change"

    def act(self, world: World) -> None:
        estate = world.site.estate
        for name, mine in self._by_zone().items():
            zone = estate.zones[name]
            dns.switch(estate, zone, mine, secrets.resolve(zone.tsig.secret, base=paths.CONFIG))
        late = Failed(
            f"{self.vhost.domain}: the primary has the new addresses, but a secondary still answers with the old ones",
            hint="look at the secondary's transfers, then run the same command again",
        )
        wait_until(lambda: self.proof(world) is not None, timeout=60, late=late, every=0.05)

    def _by_zone(self) -> dict[str, tuple[dns.Change, ...]]:
        return {
            zone: tuple(c for c in self.changes if c.zone == zone)
            for zone in sorted({c.zone for c in self.changes})
        }


@dataclass(frozen=True, slots=True)
class Freeze:
    """The vhosts answer 503 with Retry-After to everybody, and no request that began before is still writing."""

    frozen: tuple[Vhost, ...]
    subject: str
    kind = "freeze"

    @property
    def vhosts(self) -> frozenset[str]:
        return frozenset(vhost.domain for vhost in self.frozen)

    def proof(self, world: World) -> str | None:
        frozen = all(web.in_maintenance(vhost) for vhost in self.frozen) and web.loaded()
        return f"503 since {web.frozen_at(self.frozen).isoformat()}" if frozen else None

    def act(self, world: World) -> None:
        for vhost in self.frozen:
            web.set_maintenance(vhost, on=True)
        web.reload()


@dataclass(frozen=True, slots=True)
class Save:
    """What was written until the freeze is in an archive. Later is fine; earlier is not."""

    what: Kind
    vhosts: frozenset[str]
    frozen: tuple[Vhost, ...]
    kind = "save"

    @property
    def subject(self) -> str:
        return str(self.what)

    def proof(self, world: World) -> str | None:
        found, _ = world.site.archives(world.site.host, (self.what,))
        frozen = web.frozen_at(self.frozen)
        return next((archive.name for archive in reversed(found) if archive.taken > frozen), None)

    def act(self, world: World) -> None:
        frozen = web.frozen_at(self.frozen)
        wait_until(
            lambda: now().replace(microsecond=0) > frozen,
            timeout=5,
            late=Failed("the clock stands still", hint="look at the clock"),
        )
        taken = (
            take.files_archive(world.site, now(), _quiet)
            if self.what == FILES
            else take.snapshots(world.site, now(), _quiet, Engine(self.what))
        )
        take.remember(taken)
        if all(one.error for one in taken):
            raise Failed(
                f"{world.site.host.name}: {self.what} could be saved nowhere: {taken[0].error}",
                hint="bring a backup server back, then run the same command again",
            )


@dataclass(frozen=True, slots=True)
class Schedule:
    """Whoever serves is what gets backed up: the scheduler runs there, and only there."""

    subject: str
    on: bool
    kind = "schedule"
    vhosts: frozenset[str] = frozenset()

    def proof(self, world: World) -> str | None:
        runs = attempt(["systemctl", "is-active", "--quiet", BACKUP_UNIT], timeout=30).ok
        return f"{BACKUP_UNIT} {'runs' if runs else 'is stopped'}" if runs is self.on else None

    def act(self, world: World) -> None:
        run(["systemctl", "enable" if self.on else "disable", "--now", BACKUP_UNIT], timeout=60)


def _quiet(line: str) -> None:
    """The journal says it already."""


def for_job(job: Job, estate: Estate, host: Host) -> tuple[Step, ...]:
    """What one host does, in order. Most valuable vhost first, each to its end before the next begins."""
    by_kind = {
        JobKind.ACTIVATE: _activate,
        JobKind.WITHDRAW: _withdraw,
        JobKind.RESTORE: _restore,
        JobKind.REDIRECT: _redirect,
    }
    return tuple(by_kind[job.kind](job, estate, host))


def _activate(job: Job, estate: Estate, host: Host) -> Iterator[Step]:
    for move in job.plan.moves:
        vhost = estate.vhosts[move.domain]
        yield from _bring(job, estate, move)
        yield Serve(vhost, public=True)
        yield Prove(vhost, public=True)
        yield Dns(vhost, move.changes)
        yield Ticket(vhost, "activated", str(move.loss(job.ordered)))
    yield Schedule(host.name, on=True)


def _withdraw(job: Job, estate: Estate, host: Host) -> Iterator[Step]:
    vhosts = tuple(estate.vhosts[move.domain] for move in job.plan.moves)
    domains = frozenset(vhost.domain for vhost in vhosts)
    yield Schedule(host.name, on=False)
    yield Freeze(vhosts, host.name)
    for kind in (*estate.engines_on(host), FILES):
        yield Save(kind, domains, vhosts)


def _restore(job: Job, estate: Estate, host: Host) -> Iterator[Step]:
    vhosts = tuple(estate.vhosts[move.domain] for move in job.plan.moves)
    yield Schedule(host.name, on=False)
    yield Freeze(vhosts, host.name)
    for move in job.plan.moves:
        yield from _bring(job, estate, move)
    for vhost in vhosts:
        yield Serve(vhost, public=False)
        yield Prove(vhost, public=False)
    for vhost in vhosts:
        yield Serve(vhost, public=True)
        yield Prove(vhost, public=True)
    yield Schedule(host.name, on=True)


def _redirect(job: Job, estate: Estate, host: Host) -> Iterator[Step]:
    for move in job.plan.moves:
        vhost = estate.vhosts[move.domain]
        yield Dns(vhost, move.changes)
        yield Ticket(vhost, "returned", "none: writes were frozen before the last copy")


def _bring(job: Job, estate: Estate, move: Move) -> Iterator[Step]:
    """Files, then the databases: a database server already brought proves itself at once."""
    for archive in move.archives:
        if archive.kind == FILES:
            yield Files(estate.vhosts[move.domain], archive)
        else:
            needing = {other.domain for other in job.plan.moves if archive in other.archives}
            names = {
                db.name
                for db in estate.databases.values()
                if db.engine is archive.kind and db.vhost in needing
            }
            yield Database(Engine(archive.kind), archive, frozenset(needing), frozenset(names))
