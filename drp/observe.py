"""Looking at the world from the DRP host: what could be restored, where DNS points, what does not answer."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from backups.repository import Repository
from backups.site import Site
from drp import dns
from drp import job as jobs
from drp.plan import Observed, Plan, activation, homecoming
from effects.clock import now
from estate.model import Engine, Host, Role
from estate.points import FILES, Archive, Kind, newest
from estate.problem import BadEstate, Problem, Refused

KINDS: tuple[Kind, ...] = (FILES, *Engine)
SHORTEST = 12  # digits of a seal: 48 bits, for a plan that is looked at minutes before


def pair(site: Site) -> tuple[Host, Host]:
    """Production and its twin, whichever of them this host is."""
    here, there = site.host, site.partner
    return (here, there) if here.role is Role.PRODUCTION else (there, here)


def plan_activation(site: Site, *, sizes: bool = True) -> Plan:
    """The plan to bring production up here. Without `sizes` its estimates are empty; the seal is the same."""
    production, twin = pair(site)
    archives, faults = site.archives(production, KINDS)
    measured = _sizes(site, production, archives) if sizes else {}
    changes = _changes(site, production, twin)
    seen = Observed(now(), jobs.returns(), archives, measured, changes, tuple(fault.what for fault in faults))
    return activation(site.estate, production, twin, seen)


def plan_return(site: Site) -> Plan:
    """The plan to bring everything back to production."""
    production, twin = pair(site)
    seen = Observed(now(), jobs.returns(), (), {}, _changes(site, twin, production), ())
    return homecoming(site.estate, twin, production, seen)


def require_seal(plan: Plan, seal: str) -> None:
    """Raise Refused unless `plan`, made just now, is the one that was approved; `seal` may be its first 12 digits."""
    if len(seal) < SHORTEST:
        raise BadEstate(
            f"{seal!r} is too short for a seal", hint="copy at least 12 digits of it from: seawall drp plan"
        )
    if not plan.seal.startswith(seal):
        raise Refused(
            f"the world changed since the plan {seal[:12]} was made; what would be done now is {plan.seal[:12]}",
            hint="look at it and approve it anew: seawall drp plan",
        )


def _changes(site: Site, old: Host, new: Host) -> dict[str, tuple[dns.Change, ...]]:
    look = dns.look(site.estate)
    vhosts = site.estate.vhosts_on(new)
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = pool.map(lambda vhost: dns.changes(site.estate, vhost, old, new, look), vhosts)
        return {vhost.domain: changes for vhost, changes in zip(vhosts, found, strict=True)}


def _sizes(site: Site, client: Host, archives: Iterable[Archive]) -> dict[str, tuple[int, int]]:
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
