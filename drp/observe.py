"""Looking at the world from the DRP host: what could be restored, where DNS points, what does not answer."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from backups.engines import server
from backups.mark import Mark
from backups.proof import record
from backups.replicas.promoting import standbys
from backups.repository import Repository
from backups.site import Site
from backups.streams.tails import fetched, reaching, tails
from drp import dns, epochs
from drp import job as jobs
from drp.asked import known, recalled
from drp.plan import PLAN, Observed, Plan, activation, homecoming
from drp.scope import EVERYTHING, Scope
from effects import files
from effects.clock import now
from estate.model import Engine, Host, Role
from estate.points import FILES, Archive, Kind, Tail, newest
from estate.problem import BadEstate, Problem, Refused

KINDS: tuple[Kind, ...] = (FILES, *Engine)
FRESH, DRAFTED = timedelta(seconds=60), "drafted.json"
Made = Mapping[str, Sequence[dns.Change]]  # by domain
SHORTEST = 12  # digits of a seal: 48 bits, for a plan that is looked at minutes before


def pair(site: Site) -> tuple[Host, Host]:
    """Production and its twin, whichever of them this host is."""
    here, there = site.host, site.partner
    return (here, there) if here.role is Role.PRODUCTION else (there, here)


@dataclass(frozen=True, slots=True)
class Saved:
    """What the backup servers have of production, and why one could not be read."""

    archives: tuple[Archive, ...]
    faults: tuple[Problem, ...]
    streams: tuple[Problem, ...]  # fetched; why one could not be


def saved(site: Site, production: Host) -> Saved:
    """Archives and streams, asked for at once: with a datacenter gone each of the two waits for it."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        streams = pool.submit(fetched, site, production)
        archives, faults = site.archives(production, KINDS)
        return Saved(archives, faults, streams.result())


def plan_activation(site: Site, scope: Scope = EVERYTHING, *, sizes: bool = True) -> Plan:
    """The plan to bring up here what `scope` asks for. Without `sizes` estimates are empty; the seal is the same."""
    production, twin = pair(site)
    with ThreadPoolExecutor(max_workers=1) as pool:
        names = pool.submit(_seen, site, production, twin)
        there = saved(site, production)
        seen = names.result()
    archives = record.readable(production.name, there.archives)
    verdicts = record.verdicts(production.name)
    if scope.proven:
        archives = tuple(archive for archive in archives if verdicts.get(archive.id))
    if scope.at is not None:
        archives = reaching(site, production, archives, scope.at)
    archives, standing = _standing(seen.served, archives)
    measured = sizes_of(site, production, archives) if sizes else {}
    after, said = tails(site, production, archives, there.streams)
    said = (*(fault.what for fault in there.faults), *said)
    after = {key: _ended(tail, scope.at, standing) for key, tail in after.items()}
    seen = replace(seen, archives=archives, sizes=measured, faults=said, verdicts=verdicts, tails=after)
    if not scope.proven and scope.at is None:  # else an older point is wanted, and the replica is the newest
        seen = replace(seen, replicas=standbys(site.estate, production, after.values()))
    return activation(site.estate, production, twin, replace(seen, standing=standing), scope)


def _standing(served: frozenset[str], archives: tuple[Archive, ...]) -> tuple[tuple[Archive, ...], frozenset[Kind]]:
    """Database servers that this host serves a part of their vhosts from: the rest is in them as well, as they were
    brought. Of their archives that one is left, and nothing newer: it would replace what was written here since."""
    earlier = [job.plan for job in jobs.known() if job.kind is jobs.JobKind.ACTIVATE]
    brought = [a for plan in earlier for move in plan.moves if move.domain in served for a in move.archives]
    last = {archive.kind: archive for archive in brought if archive.kind != FILES}
    there = {kind: one for kind, one in last.items() if Mark(kind).holds(one, server(Engine(kind)).data)}
    rest = tuple(archive for archive in archives if archive.kind not in there)
    return (*rest, *there.values()), frozenset(there)


def _ended(tail: Tail, at: datetime | None, standing: frozenset[Kind]) -> Tail:
    """Up to where it is to be used: to that instant, or to where it was."""
    beyond = Mark(tail.engine).beyond if tail.engine in standing else None
    ends = [beyond.until] if beyond is not None else [tail.until] if at is None else [tail.until, at]
    return replace(tail, until=min(ends))


def plan_with_seal(site: Site, seal: str) -> Plan:
    """The plan that was approved, made anew of what was asked for then. Raises as `require_seal`."""
    plan = plan_activation(site, recalled(seal), sizes=False)
    require_seal(plan, seal)
    return plan


def draft(site: Site, seal: str) -> Plan:
    """As `plan_with_seal`, and remembered for as long as nobody would call it old."""
    plan = plan_with_seal(site, seal)
    jobs.DIRECTORY.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(jobs.DIRECTORY / DRAFTED, PLAN.dump_json(plan).decode(), mode=0o600)
    return plan


def drafted(seal: str, at: datetime) -> Plan | None:
    """The plan with that seal, where it was drafted within FRESH before `at`, and nothing was begun since.

    To look twice within one command would cost seconds of everybody's outage, and see the same.
    """
    with suppress(OSError, ValueError):
        plan = PLAN.validate_json((jobs.DIRECTORY / DRAFTED).read_text(encoding="utf-8"))
        recent = timedelta(0) <= at - plan.made < FRESH
        alone = all(job.ordered < plan.made for job in jobs.known())
        if recent and alone and plan.seal.startswith(seal) and len(seal) >= SHORTEST:
            return plan
    return None


def plan_return(site: Site) -> Plan:
    """The plan to bring everything back to production: what visitors find here, and what was given to this host.

    Of the latter DNS may have been switched back by somebody, or not have been reached at all. Production is fenced, so
    nobody serves it then, and what was written here is nowhere else. Raises as `homecoming`.
    """
    production, twin = pair(site)
    made = jobs.switched()
    seen = _seen(site, twin, production, made)
    return homecoming(site.estate, twin, production, replace(seen, served=seen.served - made.keys()))


def _seen(site: Site, old: Host, new: Host, made: Made = MappingProxyType({})) -> Observed:
    """DNS, and how many orders there were; archives are looked for where they are needed. `made` is to be undone."""
    changes, served = _dns(site, old, new, made)
    return Observed(now(), epochs.next_plan(pair(site)[0]), (), {}, changes, served, ())


def require_seal(plan: Plan, seal: str) -> None:
    """Raise Refused unless `plan`, made just now, is the one that was approved; `seal` may be its first 12 digits."""
    if len(seal) < SHORTEST:
        raise BadEstate(
            f"{seal!r} is too short for a seal", hint="copy at least 12 digits of it from: seawall drp plan"
        )
    if plan.seal.startswith(seal):
        return
    if not known(seal):
        raise Refused(f"no plan with the seal {seal[:12]} was looked at here", hint="copy it from: seawall drp plan")
    raise Refused(
        f"the world changed since the plan {seal[:12]} was made; what would be done now is {plan.seal[:12]}",
        hint="look at it and approve it anew: seawall drp plan",
    )


def _dns(site: Site, old: Host, new: Host, made: Made) -> tuple[dict[str, tuple[dns.Change, ...]], frozenset[str]]:
    """What would have to change for each vhost, and which vhosts visitors find at `new` already."""
    estate, ttls = site.left, dict[tuple[str, str], int]()
    vhosts = estate.vhosts_on(new)
    look = dns.looked(estate, vhosts, ttls=ttls)
    changes = {
        one.domain: dns.changes(estate, one, old, new, look, ttls=ttls, made=made.get(one.domain, ())) for one in vhosts
    }
    return changes, frozenset(one.domain for one in vhosts if str(new.ipv4) in look(f"{one.domain}.", "A"))


def sizes_of(site: Site, client: Host, archives: Iterable[Archive]) -> dict[str, tuple[int, int]]:
    """Bytes and files of the newest archive of each kind, by its id."""
    candidates = [found for kind in KINDS if (found := newest(tuple(archives), kind))]
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(
            zip(
                (a.id for a in candidates),
                pool.map(lambda a: _size(site.repository(client, a.kind, a.side), a), candidates),
                strict=True,
            )
        )


def _size(repository: Repository, archive: Archive) -> tuple[int, int]:
    try:
        return repository.size(archive)
    except Problem:
        return (0, 0)  # an estimate is a help, not a condition
