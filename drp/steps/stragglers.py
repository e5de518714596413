"""Steps for who still finds a host that serves no more, because a resolver remembers: production answers them."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from drp import dns, web
from drp.step import World
from drp.steps.base import OfVhost
from effects import http
from effects.clock import wait_until
from effects.dns import Server
from estate.problem import Failed, Problem

SPARE = 60  # seconds beyond the TTL: a secondary that transfers late still hands out the old one


@dataclass(frozen=True, slots=True)
class _Ahead(OfVhost):
    """Of the vhost, and nothing waits for it: DNS least of all."""

    @property
    def vhosts(self) -> frozenset[str]:
        return frozenset()

    @property
    def after(self) -> frozenset[str]:
        """The domain that it is about."""
        return frozenset({self.vhost.domain})


@dataclass(frozen=True, slots=True)
class HandOver(_Ahead):
    """Who asks this host for the vhost gets production's answer. With this its outage ends, before DNS is touched."""

    kind = "hand-over"

    def proof(self, world: World) -> str | None:
        if not web.handed_over(self.vhost):
            return None
        here = self._answers(world, str(world.site.host.ipv4))
        return f"{world.site.host.name} answers with what {world.job.plan.target} says" if here else None

    def act(self, world: World) -> None:
        home = world.site.estate.hosts[world.job.plan.target]
        if not self._answers(world, str(home.ipv4)):
            raise Failed(
                f"{home.name} does not answer {world.site.host.name} for {self.vhost.domain} as its check says",
                hint=f"who still finds {world.site.host.name} gets 503 until the old TTL has run out; look at"
                f" {home.name}'s port 443, then run the same command again",
            )
        web.hand_over(self.vhost)
        late = Failed(
            f"{world.site.host.name} does not hand visitors of {self.vhost.domain} over to {home.name}",
            hint=f"were both hardened by this version? seawall harden; look at /var/log/vhosts/{self.vhost.domain}/"
            "error.log, then run the same command again",
        )
        wait_until(lambda: self.proof(world) is not None, timeout=10, late=late)

    def _answers(self, world: World, address: str) -> bool:
        trust, check = world.site.estate.drp.trust, self.vhost.check
        try:
            got = http.get(
                self.vhost.domain, check.path, address=address, timeout=10, trust=Path(trust) if trust else None
            )
        except Problem:
            return False
        return got.status == 200 and check.expect in got.body


@dataclass(frozen=True, slots=True)
class Drain(_Ahead):
    """It is known until when anybody may still be sent here; the guard's timer ends it then."""

    changes: tuple[dns.Change, ...]
    kind = "drain"

    def proof(self, world: World) -> str | None:
        if not web.handed_over(self.vhost):
            return "nobody is handed over"
        until = web.until(self.vhost)
        return "; ".join(filter(None, (_until(until), self._remembered(world)))) if until else None

    def act(self, world: World) -> None:
        kept = [seconds for change in self.changes for seconds in (change.ttl, change.kept or 0)]
        web.drain(self.vhost, max(kept, default=0) + SPARE)

    def _remembered(self, world: World) -> str:
        """Evidence alone: other resolvers may remember for longer than these, and none may for longer than the TTL."""
        resolvers = [Server(f"resolver {address}", address) for address in world.site.estate.drp.resolvers]
        return dns.remembering(resolvers, self.changes)


def _until(end: datetime) -> str:
    return f"visitors are handed over until {end.isoformat(timespec='seconds')}"
