"""Steps by which the world hears of it: tickets for people, DNS for visitors."""

from collections.abc import Sequence
from dataclasses import dataclass

from backups import paths
from drp import dns, tickets
from drp.job import incident_of
from drp.step import Each, World
from drp.steps.base import OfVhost
from effects import secrets
from effects.clock import now, wait_until
from estate.problem import Failed


@dataclass(frozen=True, slots=True)
class Ticket(OfVhost):
    """People are told, once: it is in the outbox. Nobody waits for who reads it, and no vhost for the outbox."""

    word: str  # activated, returned
    loss: str
    kind = "ticket"
    abreast = 1  # the first of an incident opens it, and the others refer to that
    vhosts: frozenset[str] = frozenset()

    @property
    def after(self) -> frozenset[str]:
        return frozenset({self.vhost.domain})

    def gathered(self, steps: Sequence["Ticket"]) -> Each:
        return Each(steps)

    def _key(self, world: World) -> str:
        return f"{world.job.id}.{self.vhost.domain}"

    def proof(self, world: World) -> str | None:
        return tickets.sent(tickets.outbox(), self._key(world))

    def act(self, world: World) -> None:
        plan = world.job.plan
        tickets.send(
            tickets.outbox(),
            world.site.estate,
            world.site.host.name,
            self.word,
            self._key(world),
            thread=incident_of(world.job),
            topic=f"Disaster recovery of {' and '.join(sorted({plan.source, plan.target}))}",
            domain=self.vhost.domain,
            source=plan.source,
            target=plan.target,
            seal=world.job.seal,
            by=world.job.by,
            loss=self.loss,
            at=now().isoformat(timespec="seconds"),
        )


@dataclass(frozen=True, slots=True)
class Dns(OfVhost):
    """Every authoritative server that answers gives the new addresses, the primary among them."""

    changes: tuple[dns.Change, ...]
    kind = "dns"

    def proof(self, world: World) -> str | None:
        estate = world.site.estate
        seen = {zone: dns.holds(estate, estate.zones[zone], mine) for zone, mine in self._by_zone().items()}
        for zone, answers in seen.items():
            if not answers[estate.zones[zone].primary] or False in answers.values():
                return None
        said = {
            name: "holds" if there else "did not answer" for answers in seen.values() for name, there in answers.items()
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
            zone: tuple(c for c in self.changes if c.zone == zone) for zone in sorted({c.zone for c in self.changes})
        }
