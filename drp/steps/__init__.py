"""The steps of every job, in order; where vhosts flow, the most valuable first."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

from drp.engine import Act
from drp.flow import Flow
from drp.job import Job, JobKind
from drp.plan import Move
from drp.step import Step
from drp.steps.announce import Dns, Ticket
from drp.steps.cut import Cut
from drp.steps.data import Database, Files, Save, Stream
from drp.steps.fence import Admit, Fence, Give
from drp.steps.service import SCHEDULER, Freeze, Prove, Schedule, Serve
from drp.steps.stragglers import Drain, HandOver
from drp.steps.warm import WarmDatabase, WarmFiles
from estate.model import Engine, Estate, Host
from estate.points import FILES


def for_job(job: Job, estate: Estate, host: Host) -> tuple[Act, ...]:
    """What one host does for a job."""
    by_kind = {
        JobKind.ACTIVATE: _activate,
        JobKind.AHEAD: _ahead,
        JobKind.WARM: _warm,
        JobKind.WITHDRAW: _withdraw,
        JobKind.RESTORE: _restore,
        JobKind.REDIRECT: _redirect,
        JobKind.CANCEL: _cancel,
        JobKind.RESUME: _resume,
    }
    return tuple(by_kind[job.kind](job, estate, host))


def _activate(job: Job, estate: Estate, host: Host) -> Iterator[Act]:
    domains = frozenset(move.domain for move in job.plan.moves)
    yield Fence(estate.hosts[job.plan.source], host.name, domains)
    if estate.hosts[job.plan.source].provider is not None:
        yield Cut(estate.hosts[job.plan.source], domains)
    yield _flow(job, lambda move: _activated(job, estate, move))
    # Whoever is open is saved, though no name server could be told of it: visitors may come by an answer that was lost.
    yield Schedule(host.name, on=True, opened=domains)


def _ahead(job: Job, estate: Estate, host: Host) -> Iterator[Act]:
    domains = frozenset(move.domain for move in job.plan.moves)
    for kind in reversed(job.plan.kinds(estate)):
        yield Save(kind, domains)


def _warm(job: Job, estate: Estate, host: Host) -> Iterator[Act]:
    yield _flow(job, lambda move: _beside(job, estate, move))


def _beside(job: Job, estate: Estate, move: Move) -> Iterator[Step]:
    for archive in move.archives:
        if archive.kind == FILES:
            yield WarmFiles(estate.vhosts[move.domain], archive)
        else:
            needing = frozenset(other.domain for other in job.plan.moves if archive in other.archives)
            yield WarmDatabase(Engine(archive.kind), archive, needing)


def _withdraw(job: Job, estate: Estate, host: Host) -> Iterator[Act]:
    vhosts = tuple(estate.vhosts[move.domain] for move in job.plan.moves)
    domains = frozenset(vhost.domain for vhost in vhosts)
    yield Schedule(f"{host.name} saves", on=False, units=(SCHEDULER,))  # an archive of its own would be waited for
    yield Freeze(vhosts, host.name)
    streams = [Stream(engine, Save(engine, domains, vhosts)) for engine in job.plan.engines(estate)]
    yield Flow(((Save(FILES, domains, vhosts),), *((stream,) for stream in streams)))  # nobody writes any more
    yield Schedule(host.name, on=False)
    yield Fence(estate.hosts[job.plan.target], job.plan.target, domains)


def _restore(job: Job, estate: Estate, host: Host) -> Iterator[Act]:
    vhosts = tuple(estate.vhosts[move.domain] for move in job.plan.moves)
    yield Admit(vhosts, host.name)
    yield Schedule(host.name, on=False)
    yield Freeze(vhosts, host.name)
    yield _flow(job, lambda move: (*_bring(job, estate, move), *_served(estate, move, public=False)))
    yield Give(host.name, frozenset(vhost.domain for vhost in vhosts))
    yield _flow(job, lambda move: _served(estate, move, public=True))
    yield Schedule(host.name, on=True)


def _redirect(job: Job, estate: Estate, host: Host) -> Iterator[Act]:
    yield _flow(job, lambda move: _redirected(estate, move))


def _cancel(job: Job, estate: Estate, host: Host) -> Iterator[Act]:
    vhosts = tuple(estate.vhosts[move.domain] for move in job.plan.moves)
    yield Freeze(vhosts, host.name)
    yield Schedule(host.name, on=False)
    yield Fence(estate.hosts[job.plan.target], job.plan.target, frozenset(vhost.domain for vhost in vhosts))
    lost = "nothing: no name was switched, and production goes on with what it has"
    yield _flow(job, lambda move: [Ticket(estate.vhosts[move.domain], "cancelled", lost)])


def _resume(job: Job, estate: Estate, host: Host) -> Iterator[Act]:
    yield Give(host.name, frozenset(move.domain for move in job.plan.moves))
    yield _flow(job, lambda move: [Prove(estate.vhosts[move.domain], public=True)])


def _flow(job: Job, way: Callable[[Move], Iterable[Step]]) -> Flow:
    return Flow(tuple(tuple(way(move)) for move in job.plan.moves))


def _activated(job: Job, estate: Estate, move: Move) -> Iterator[Step]:
    yield from _bring(job, estate, move)
    yield from _served(estate, move, public=True)
    loss = replace(move, replicas=()).loss(job.ordered)  # one may not be had
    yield Ticket(estate.vhosts[move.domain], "activated", _words(loss))
    yield Dns(estate.vhosts[move.domain], move.changes)


def _served(estate: Estate, move: Move, *, public: bool) -> Iterator[Step]:
    yield Serve(estate.vhosts[move.domain], public=public)
    yield Prove(estate.vhosts[move.domain], public=public)


def _redirected(estate: Estate, move: Move) -> Iterator[Step]:
    vhost = estate.vhosts[move.domain]
    yield HandOver(vhost)
    yield Ticket(vhost, "returned", "nothing: writes were frozen before the last copy")
    yield Dns(vhost, move.changes)
    yield Drain(vhost, move.changes)


def _bring(job: Job, estate: Estate, move: Move) -> Iterator[Step]:
    """Files, then the databases: a database server already brought proves itself at once."""
    for archive in move.archives:
        if archive.kind == FILES:
            along = (estate.vhosts[one.domain] for one in job.plan.moves if archive in one.archives and one != move)
            yield Files(estate.vhosts[move.domain], archive, tuple(along))
        else:
            needing = {other.domain for other in job.plan.moves if archive in other.archives}
            names = {db.name for db in estate.databases.values() if db.engine is archive.kind and db.vhost in needing}
            tail = next((one for one in move.tails if one.archive == archive.id), None)
            replica = any(one.engine == archive.kind for one in job.plan.replicas)
            yield Database(
                Engine(archive.kind), archive, frozenset(needing), frozenset(names), tail, replica, job.plan.at,
                archive.kind in move.standing,
            )  # fmt: skip


def _words(loss: timedelta) -> str:
    return f"what was written in the last {timedelta(seconds=round(loss.total_seconds()))} (h:mm:ss) before the order"
