"""Could we come back now, from what, and how old is it?"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from backups import fencing
from backups.replicas.promoting import standbys
from backups.replicas.standby import Standby
from backups.site import Site
from backups.streams.tails import tails
from drp import dns, gate, observe, tickets
from drp import job as jobs
from drp.halfway import halfway
from drp.observe import Saved
from drp.outbox.look import untold
from drp.reversion import reverted
from effects.clock import now
from estate.model import Host, Vhost
from estate.points import Archive, Tail, kinds_of, newest
from estate.problem import Problem


def status(site: Site, saved: Saved) -> dict[str, Any]:
    """JSON types and datetimes only. Per vhost: newest recovery point per kind, its age, where DNS points."""
    production, twin = observe.pair(site)
    archives, half = saved.archives, halfway()
    after, said = tails(site, production, archives, saved.streams)
    until = _until(after, standbys(site.estate, production, after.values()))
    look = dns.looked(site.estate, site.estate.vhosts_on(production))
    served = [(vhost, _points_at(look, vhost, (production, twin))) for vhost in site.estate.vhosts_on(production)]
    vhosts = [_vhost(site, vhost, archives, until) | {"dns": where} for vhost, where in served]
    return {
        "at": now(),
        "production": production.name,
        "twin": twin.name,
        "vhosts": vhosts,
        "faults": [*(fault.what for fault in saved.faults), *said],
        "reverted": [{"zone": one.zone, "said": list(one.said), "what": str(one)} for one in reverted(site)],
        "untold": untold(tickets.outbox(), site.estate.drp.ways),
        "fence": _fence(site, production),
        "halfway": None if half is None else {**asdict(half), "said": half.said},
        "jobs": [{"job": job.id, "by": job.by, "ordered": job.ordered, "state": _state(job)} for job in jobs.known()],
    }


def _fence(site: Site, production: Host) -> dict[str, Any]:
    """Who holds the highest epoch, and what each witness says of it."""
    words = fencing.all_words(site, production)
    top = max((word.held for word in words), key=lambda held: held.epoch)
    agree = sum(word.held.epoch == top.epoch for word in words if not word.silent)
    return {
        "epoch": top.epoch,
        "holder": top.holder or production.name,
        "agree": agree,
        "witnesses": len(words),
        "said": [word.said for word in words],
    }


def _until(after: Mapping[str, Tail], replicas: tuple[Standby, ...]) -> dict[str, datetime]:
    """By snapshot, how far an activation gets beyond it: to the end of its stream, or to where its replica is."""
    followed = {one.engine: one.until for one in replicas if one.until}
    return {key: max(tail.until, followed.get(tail.engine, tail.until)) for key, tail in after.items()}


def _vhost(site: Site, vhost: Vhost, archives: tuple[Archive, ...], until: Mapping[str, datetime]) -> dict[str, Any]:
    points = {str(kind): newest(archives, kind) for kind in kinds_of(site.estate, vhost)}
    ages = {kind: (now() - until.get(point.id, point.taken)).total_seconds() for kind, point in points.items() if point}
    return {
        "domain": vhost.domain,
        "points": {kind: point.name if point else None for kind, point in points.items()},
        "sides": {kind: str(point.side) if point else None for kind, point in points.items()},
        "loss_seconds": max(ages.values()) if len(ages) == len(points) else None,  # None: could not come back
        "losses": ages,
    }


def _points_at(look: dns.Observed, vhost: Vhost, hosts: tuple[Host, Host]) -> str:
    try:
        addresses = look(f"{vhost.domain}.", "A")
    except Problem as fault:
        return f"unknown: {fault.what}"
    return " and ".join(host.name for host in hosts if str(host.ipv4) in addresses) or "elsewhere"


def _state(job: jobs.Job) -> str:
    entries = job.journal.entries()
    if not entries:
        return "ordered"
    if entries[-1].event != "closed":
        return "begun"
    if gate.closed(job.directory):
        return "cancelled"
    return "done" if jobs.closed_well(job.journal) else "failed"
