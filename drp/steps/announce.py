"""Steps by which the world hears of it: tickets for people, DNS for visitors."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from drp import dns, tickets
from drp.job import incident_of
from drp.revealed import revealed
from drp.step import Each, World
from drp.steps.base import OfVhost, Together
from effects.clock import now, wait_until
from estate.problem import Failed, Problem, Refused

FOLLOW = 60.0  # seconds that secondaries have to follow


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
            topic=tickets.topic(plan.source, plan.target),
            domain=self.vhost.domain,
            source=plan.source,
            target=plan.target,
            seal=world.job.seal,
            by=world.job.by,
            loss=self.loss,
            at=now().isoformat(timespec="seconds"),
        )


@dataclass(frozen=True, slots=True)
class Dns(Together):
    """Every authoritative server that answers gives the new addresses, over IPv4 and IPv6, the primary among them."""

    changes: tuple[dns.Change, ...]
    kind = "dns"
    abreast = 4  # a secondary that is slow keeps those that wait for it, and not who comes after

    def gathered(self, steps: Sequence["Dns"]) -> "Redirecting":
        return Redirecting(steps)

    @property
    def zones(self) -> tuple[str, ...]:
        """Those in which something changes."""
        return tuple(sorted({change.zone for change in self.changes}))

    def drained(self, world: World) -> datetime | None:
        """When no resolver has what stood before, as all servers have what stands now; None: nothing was changed."""
        kept = [change.ttl if change.kept is None else change.kept for change in self.changes]
        return now() + timedelta(seconds=max(kept)) if kept else None

    @property
    def late(self) -> Problem:
        """What is wrong where it was switched and not every server follows."""
        return Failed(
            f"{self.vhost.domain}: the new addresses were taken, but a name server still answers with the old ones",
            hint="look which one: seawall drp look; then at its transfers, or wait where a company serves the zone;"
            " then run the same command again",
        )


@dataclass(frozen=True, slots=True)
class Redirecting:
    """The zones of several vhosts: a message each, and one look at each server."""

    steps: Sequence[Dns]

    def proofs(self, world: World) -> list[str | Problem | None]:
        estate = world.site.estate
        seen = dns.holds_all(estate, self._by_zone(), revealed)
        return [_evidence({zone: seen[zone] for zone in step.zones}) for step in self.steps]

    def act(self, world: World) -> list[Problem | None]:
        faults = self._switched(world)
        left = [step for step, fault in zip(self.steps, faults, strict=True) if fault is None]

        def followed() -> bool:
            left[:] = [one for one, said in zip(left, Redirecting(left).proofs(world), strict=True) if said is None]
            return not left

        with suppress(Failed):
            wait_until(followed, timeout=FOLLOW, late=Failed("too late", hint="-"), every=0.05)
        return [fault or (step.late if step in left else None) for step, fault in zip(self.steps, faults, strict=True)]

    def _switched(self, world: World) -> list[Problem | None]:
        found = dns.switch_all(world.site.estate, self._by_zone(), revealed)
        faults = [next((fault for zone in step.zones if (fault := found[zone])), None) for step in self.steps]
        return [self._again(step, fault, world) for step, fault in zip(self.steps, faults, strict=True)]

    def _again(self, step: Dns, fault: Problem | None, world: World) -> Problem | None:
        """What stands in one vhost's way does not keep another from it whose names are in the same zone."""
        shared = any(set(step.zones) & set(other.zones) for other in self.steps if other is not step)
        return Redirecting([step])._switched(world)[0] if shared and isinstance(fault, Refused) else fault

    def _by_zone(self) -> dict[str, tuple[dns.Change, ...]]:
        every = [change for step in self.steps for change in step.changes]
        return {zone: tuple(c for c in every if c.zone == zone) for zone in sorted({c.zone for c in every})}


def _evidence(seen: Mapping[str, Mapping[str, bool | None]]) -> str | None:
    if not all(map(dns.proven, seen.values())):
        return None
    said = {
        name: "holds" if there else "did not answer" for answers in seen.values() for name, there in answers.items()
    }
    return ", ".join(f"{name} {word}" for name, word in said.items()) or "nothing to change"
