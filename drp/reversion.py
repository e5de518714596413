"""Whether what an activation switched in DNS still stands on every server, for as long as the twin serves.

A primary that is started again with an old zone file, a person, an old primary that comes back: each can take a switch
back. Nothing is changed here: people are told what stands there now, and decide.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backups.site import Site
from drp import dns
from drp import job as jobs
from drp.change import Change, shown
from drp.job import JobKind
from drp.revealed import revealed
from effects.dns import Served, Server
from effects.dns_many import rrsets
from estate.model import Estate

SAID = 4  # records that are named; of the others, how many


@dataclass(frozen=True, slots=True)
class Reverted:
    """A zone in which what was switched does not stand on every server that answers."""

    zone: str
    incident: str  # the id of the activation
    seal: str
    said: tuple[str, ...]  # "ns1: shop.example. A is 10.83.1.10, not 10.83.3.10"

    def __str__(self) -> str:
        more = f", and {len(self.said) - SAID} more" if len(self.said) > SAID else ""
        return (
            f"the switch of {self.zone} was taken back: {'; '.join(self.said[:SAID])}{more}. Ask those who look after"
            " these servers and edit the zone; a primary that came back becomes a secondary first (docs/dns.md); then,"
            f" to switch it again: seawall drp activate --seal {self.seal[:12]}"
        )


def reverted(site: Site, *, port: int = 53) -> tuple[Reverted, ...]:
    """Those now. Who is silent takes nothing back."""
    return tuple(found for job, domains in _switched().items() for found in _of(site.estate, job, domains, port))


def _switched() -> dict[str, frozenset[str]]:
    """By activation, the domains that it sent here, and that no return has begun to send back."""
    last: dict[str, str] = {}
    for job in jobs.known():
        if job.kind in {JobKind.ACTIVATE, JobKind.REDIRECT}:
            entries = [entry for entry in job.journal.entries() if entry.step == "dns"]
            if job.kind is JobKind.ACTIVATE:
                last |= {entry.subject: job.id for entry in entries if entry.event in {"done", "held"}}
            else:
                last = {name: id_ for name, id_ in last.items() if name not in {entry.subject for entry in entries}}
    return {id_: frozenset(name for name, at in last.items() if at == id_) for id_ in dict.fromkeys(last.values())}


def _of(estate: Estate, job_id: str, domains: frozenset[str], port: int) -> Iterator[Reverted]:
    job = jobs.load(job_id)
    by_zone: dict[str, list[Change]] = {}
    for change in (change for move in job.plan.moves if move.domain in domains for change in move.changes):
        if change.zone in estate.zones:
            by_zone.setdefault(change.zone, []).append(change)
    for zone, seen in dns.holds_all(estate, by_zone, revealed, port=port).items():
        astray = [name for name, there in seen.items() if there is False]
        if said := tuple(one for name in astray for one in _differences(estate, name, by_zone[zone], port)):
            yield Reverted(zone, jobs.incident_of(job), job.seal, said)


def _differences(estate: Estate, place: str, changes: Sequence[Change], port: int) -> Iterator[str]:
    """What one address of a server gives out otherwise."""
    name, _, six = place.partition(" ")
    if name not in estate.hosts:
        yield f"{name} gives out something else"
        return
    address = estate.hosts[name].addresses[-1 if six else 0]
    found = rrsets(Server(name, address, port), [(c.name, c.rtype) for c in changes])
    for change in changes:
        answer = found[change.name, change.rtype]
        if not isinstance(answer, Served):
            yield f"{place}: {answer.what}"
        elif answer.values != tuple(sorted(change.after)):
            yield f"{place}: {change.name} {change.rtype} is {shown(answer.values)}, not {shown(change.after)}"
