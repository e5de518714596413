"""Steps about who serves: enabled, answering, frozen, backed up."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backups import memory
from drp import web
from drp.incident import taken_up
from drp.step import World, tried
from drp.steps.base import OfVhost, Together
from effects import http
from effects.clock import wait_until
from effects.run import attempt, run
from estate.model import Vhost
from estate.problem import Failed, Problem
from estate.web import WEB_SERVERS, WebServer

SCHEDULER = "seawall-backup.service"
UNITS = (SCHEDULER, "seawall-stream.service")
OK = 200


def server_of(world: World) -> WebServer:
    """The web server of this host."""
    return WEB_SERVERS[world.site.host.web]


@dataclass(frozen=True, slots=True)
class Serve(Together):
    """The web server answers for the vhost: enabled, and not in maintenance where `public`."""

    public: bool
    kind = "serve"

    def gathered(self, steps: Sequence["Serve"]) -> "Serving":
        return Serving(steps)

    @property
    def said(self) -> str:
        """Where it holds."""
        return "enabled" + (" and open" if self.public else "")

    def switched(self, world: World) -> bool:
        """Whether the next reload serves it."""
        return web.enabled(server_of(world), self.vhost) and not (self.public and web.in_maintenance(self.vhost))

    def switch(self, world: World) -> None:
        """Have the next reload serve it."""
        web.enable(server_of(world), self.vhost)
        if self.public:
            web.set_maintenance(self.vhost, on=False)


@dataclass(frozen=True, slots=True)
class Serving:
    """Vhosts that one reload serves. One whose site is not there keeps no other from it."""

    steps: Sequence[Serve]

    def proofs(self, world: World) -> list[str | Problem | None]:
        switched = [step.vhost for step in self.steps if step.switched(world)]
        there = web.those_loaded(server_of(world), switched)
        return [step.said if step.vhost.domain in there else None for step in self.steps]

    def act(self, world: World) -> list[Problem | None]:
        faults = [tried(step.switch, world) for step in self.steps]
        web.reload(server_of(world), *(step.vhost for step, fault in zip(self.steps, faults, strict=True) if not fault))
        return faults


@dataclass(frozen=True, slots=True)
class Seen:
    """What a vhost answered."""

    said: str  # in words
    healthy: bool


@dataclass(frozen=True, slots=True)
class Prove(OfVhost):
    """The vhost answers over HTTPS on this host as the estate says it must.

    From this host's own address where the public may come, from loopback where it is in maintenance.
    """

    public: bool
    kind = "prove"

    def proof(self, world: World) -> str | None:
        seen = self._look(world)
        return seen.said if seen.healthy else None

    def instead(self, world: World) -> str:
        """What visitors get now."""
        return self._look(world).said

    def act(self, world: World) -> None:
        late = Failed(
            f"{world.site.host.name}: {self.vhost.domain} does not answer as its check says",
            hint=f"look at /var/log/vhosts/{self.vhost.domain}/error.log there, then run the same command again",
        )
        try:
            wait_until(lambda: self.proof(world) is not None, timeout=20, late=late)
        except Failed:
            late.what += f": {self.instead(world)}"
            raise

    def _look(self, world: World) -> Seen:
        address = str(world.site.host.ipv4) if self.public else "127.0.0.1"
        trust = world.site.estate.drp.trust
        check = self.vhost.check
        try:
            got = http.get(
                self.vhost.domain, check.path, address=address, timeout=10, trust=Path(trust) if trust else None
            )
        except Problem as fault:
            return Seen(fault.what, healthy=False)
        has = "with" if check.expect in got.body else "without"
        said = f"{got.status} at {address} {has} “{check.expect}” in {got.seconds:.2f} s"
        return Seen(said, healthy=got.status == OK and check.expect in got.body)


@dataclass(frozen=True, slots=True)
class Freeze:
    """The vhosts answer 503 with Retry-After to everybody, and no request that began before is still writing."""

    frozen: tuple[Vhost, ...]
    subject: str
    kind = "freeze"
    lane = None

    @property
    def vhosts(self) -> frozenset[str]:
        return frozenset(vhost.domain for vhost in self.frozen)

    def proof(self, world: World) -> str | None:
        frozen = all(web.in_maintenance(vhost) for vhost in self.frozen) and web.loaded(server_of(world))
        return f"503 since {web.frozen_at(self.frozen).isoformat()}" if frozen else None

    def act(self, world: World) -> None:
        for vhost in self.frozen:
            web.set_maintenance(vhost, on=True)
        web.reload(server_of(world), *self.frozen)


def _let_in(world: World) -> set[str]:
    """Domains that are served since the job was taken up last."""
    entries = taken_up(world.job.journal.entries())
    return {entry.subject for entry in entries if entry.step == Serve.kind and entry.event in ("done", "held")}


@dataclass(frozen=True, slots=True)
class Schedule:
    """Whoever serves is what gets backed up: the scheduler and the stream shipper run there, and only there.

    It starts with nothing saved, for what stands there was just brought: a disaster of the next hour finds it saved.
    """

    subject: str
    on: bool
    kind = "schedule"
    lane = None
    opened: frozenset[str] = frozenset()  # only where this job let visitors in to one of these, if any is named
    units: tuple[str, ...] = UNITS
    vhosts = frozenset[str]()  # nobody waits for it

    def proof(self, world: World) -> str | None:
        if self.opened and not self.opened & _let_in(world):
            return "nobody was let in"
        runs = [attempt(["systemctl", "is-active", "--quiet", unit], timeout=30).ok for unit in self.units]
        if not self.on:  # one that only waits would begin by itself, at a boot or when it is held no more
            runs += [attempt(["systemctl", "is-enabled", "--quiet", unit], timeout=30).ok for unit in self.units]
        return f"{', '.join(self.units)}: {'run' if self.on else 'stopped'}" if set(runs) == {self.on} else None

    def act(self, world: World) -> None:
        if self.on:
            memory.forget()
        run(["systemctl", "enable" if self.on else "disable", "--now", *self.units], timeout=60)
