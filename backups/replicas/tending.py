"""Tending the replicas of a twin: seeded from a snapshot, they follow production; what can't go on is seeded anew.

One look of each, again and again. All is derived from what is there, so that whoever dies in between is no matter.
"""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from types import ModuleType

from backups import restore
from backups.fencing import taken_over
from backups.proof.hydrate import Target, hydrate
from backups.replicas import mariadb, postgresql, state
from backups.replicas.look import Act, Look, Situation, judge, lacks
from backups.replicas.place import LOG, REPLICAS, Replica
from backups.replicas.state import State
from backups.site import Site
from backups.streams import chains
from backups.streams.frames import Position
from backups.streams.instant import noted
from backups.streams.mirror import MIRROR, Mirror
from backups.streams.notes import Note
from backups.streams.replay import Log
from effects import files
from effects.clock import now
from effects.run import attempt
from estate.model import Engine, Host
from estate.points import Archive
from estate.problem import Problem

Say = Callable[[str], None]
ENGINES: dict[Engine, ModuleType] = {Engine.MARIADB: mariadb, Engine.POSTGRESQL: postgresql}
BUSY = ("seawall-drp@*.service", "seawall-backup.service")  # a job of the plan runs; this host serves
STARTS = 5  # of one that does not come to follow in between, before it counts as broken
AGAIN = timedelta(minutes=5)  # before it is seeded once more from the same snapshot
RESTED = REPLICAS / "rested"  # touched as long as this host serves
WAIT = 600.0  # seconds, for somebody else who has it


def locked(engine: Engine) -> AbstractContextManager[None]:
    """One at a time: who tends it, and an activation."""
    REPLICAS.mkdir(mode=0o711, parents=True, exist_ok=True)
    return files.locked(REPLICAS / f"{engine}.lock", what=f"who tends the replica of {engine}", wait=WAIT)


def away(client: Host) -> bool:
    """Whether this host does what production does, or is about to: then production's log is not followed."""
    return taken_over(client) or attempt(["systemctl", "is-active", "--quiet", *BUSY], timeout=30).ok


def look(replica: Replica) -> Look:
    """How far it is."""
    if not replica.runs():
        return Look(None, None, "it does not run")
    try:
        found: Look = ENGINES[replica.engine].look(replica)
    except Problem as fault:
        return Look(None, None, fault.what)
    return found


def tend(site: Site, client: Host, engine: Engine, starts: dict[Engine, int], say: Say, *, search: bool) -> None:
    """One look, and what follows from it; with `search` also for a snapshot, which asks both sides. `starts` counts
    them since it last followed. Raises Problem."""
    with locked(engine):
        replica = Replica.of(engine)
        known, at = state.known(replica), now()
        seen = look(replica) if known else Look(None, None, "it was never seeded", broken=True)
        if starts.get(engine, 0) > STARTS:
            seen = replace(seen, broken=True, why=seen.why or "it does not stay up")
        same = known is not None and chain_of(client, engine) in ("", known.chain)
        frozen = known is not None and known.frozen is not None
        wanted = search and (frozen or seen.broken or not same) and not away(client)
        newest = _newest(site, client, engine) if wanted else None
        it = Situation(
            away=away(client),
            frozen=frozen,
            here=known is not None,
            same=same,
            runs=replica.runs(),
            broken=seen.broken,
            fresh=newest is not None and (known is None or newest[0].id != known.archive),
            waited=newest is not None and (known is None or now() - known.seeded > AGAIN),
        )
        act = judge(it)
        if it.away and attempt(["systemctl", "is-active", "--quiet", BUSY[1]], timeout=30).ok:
            RESTED.touch()
        if act is Act.REST and it.runs:
            replica.connect(on=False)
            replica.stop()
        elif act is Act.START:
            starts[engine] = starts.get(engine, 0) + 1
            replica.connect(on=True)
            ENGINES[engine].start(replica)
        elif act is Act.SEED and newest is not None:
            say(f"{engine}: seeded from {newest[0].name}: {seen.why or 'production has begun anew'}")
            starts[engine] = 0
            seed(site, client, replica, *newest)
        elif seen.follows:
            starts[engine] = 0
            if known is not None and act is Act.NOTHING and not frozen and seen.behind is not None:
                known.followed(engine, at - timedelta(seconds=lacks(engine, seen.behind)))
        elif known is not None and act is Act.NOTHING and not frozen and not seen.follows:
            replica.connect(on=True)  # whoever cut it, in an activation that came to nothing


def chain_of(client: Host, engine: Engine) -> str:
    """The newest chain that either side has; empty where none has one."""
    found = (MIRROR / client.name).glob(f"*/{engine}/*")
    return max((path.name for path in found if chains.NAME.fullmatch(path.name)), default="")


def _newest(site: Site, client: Host, engine: Engine) -> tuple[Archive, Note] | None:
    """The newest snapshot of the log that production writes now; None where there is none yet.

    Of before this host served last there is none: production's log of then does not go on.
    """
    since = RESTED.stat().st_mtime if RESTED.exists() else 0.0
    archives, _ = site.archives(client, (engine,))
    chain = chain_of(client, engine)
    for archive in reversed(archives):
        note = noted(site, client, archive)
        if note is not None and note.chain == chain and note.at.timestamp() > since:
            return archive, note
    return None


def seed(site: Site, client: Host, replica: Replica, archive: Archive, note: Note) -> None:
    """Bring it to that snapshot, whatever it was, and let it follow from there. Only what differs is moved."""
    engine = replica.engine
    state.forget(engine)
    replica.stop()
    beside = restore.data_of(replica.server).top
    near = beside if beside.is_dir() else replica.server.data
    target = Target(f"{engine}+replica", replica.data, seed=near, owner=replica.server.owner)
    hydrate(site.repository(client, archive.kind, archive.side), archive, target)
    target.mark.clear()  # from now on it changes
    replica.furnish()
    if engine is Engine.POSTGRESQL:
        _log(client, replica, note)
        postgresql.prepare(replica)
    State(archive.id, note.chain, note.position, files.identity(replica.data), now()).save(engine)
    replica.connect(on=True)
    (mariadb.begin if engine is Engine.MARIADB else postgresql.start)(replica)


def _log(client: Host, replica: Replica, note: Note) -> None:
    """The WAL after the snapshot, for production may have dropped it."""
    into = replica.room / LOG
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(mode=0o700)
    run, _ = Mirror.of(client).unseal(replica.engine, note.chain, Position(note.position.name, 0), into)
    log = Log(replica.engine, into, run, note)
    log.fill_up()
    for path in (into, *into.iterdir()):
        shutil.chown(path, replica.server.owner, replica.server.owner)
