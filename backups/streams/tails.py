"""The stream after the newest snapshots, for whoever plans: fetched, opened, and without a hole up to where it says."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import product

from backups import paths
from backups.site import Site
from backups.streams.frames import Position
from backups.streams.instant import noted
from backups.streams.mirror import Mirror
from estate.model import Engine, Host, Side
from estate.points import Archive, Tail, newest
from estate.problem import Problem

WITHOUT = (
    paths.CONFIG / "without-stream"
)  # the way out where a stream can't be replayed: snapshots stand for themselves


def fetched(site: Site, client: Host) -> tuple[Problem, ...]:
    """Bring what this host has of the streams up to what the sides have; why one could not be read."""
    return () if WITHOUT.exists() else Mirror.of(client).fetch(site)


def tails(
    site: Site, client: Host, archives: Sequence[Archive], fetch: Iterable[Problem] | None = None
) -> tuple[dict[str, Tail], tuple[str, ...]]:
    """By archive id, of the newest snapshot of each engine; and what is not whole, or did not answer.

    A snapshot without a place in the stream, or whose stream has a hole at once, has no tail: it stands for itself.
    `fetch`: what `fetched` said just now; without it that is done here.
    """
    if WITHOUT.exists():
        return {}, (f"the stream is left out, for {WITHOUT} is there on {site.host.name}",)
    snapshots = [one for engine in Engine if (one := newest(archives, engine))]
    if not snapshots:
        return {}, ()
    mirror = Mirror.of(client)
    said = [fault.what for fault in (mirror.fetch(site) if fetch is None else fetch)]
    found = dict[str, Tail]()
    for archive in snapshots:
        try:
            tail, faults = _tail(site, client, mirror, archive)
        except Problem as fault:
            tail, faults = None, [fault.what]
        said += faults
        if tail is not None:
            found[archive.id] = tail
    return found, tuple(dict.fromkeys(said))


def reaching(site: Site, client: Host, archives: Sequence[Archive], at: datetime) -> tuple[Archive, ...]:
    """Those from before `at`, newest last. A snapshot is of the instant at which its copy ended, where its place in the
    stream tells that; so of each engine those that begin before `at` and end after it are left out."""
    before = sorted((one for one in archives if one.taken <= at), key=lambda one: one.taken)
    ended_later = set[str]()
    for engine in Engine:
        for archive in (one for one in reversed(before) if one.kind == engine):
            note = noted(site, client, archive)
            if note is None or note.at <= at:
                break
            ended_later.add(archive.id)
    return tuple(one for one in before if one.id not in ended_later)


def ends(
    site: Site, client: Host, archives: Sequence[Archive], fetch: Iterable[Problem] | None = None
) -> tuple[dict[tuple[Engine, Side], datetime], tuple[str, ...]]:
    """How far each side alone brings each engine beyond its newest snapshot there, as its mirror on this host has it;
    and why the streams could not be read. `fetch` as for `tails`."""
    if WITHOUT.exists():
        return {}, (f"the stream is left out, for {WITHOUT} is there on {site.host.name}",)
    mirror = Mirror.of(client)
    said = tuple(fault.what for fault in (mirror.fetch(site) if fetch is None else fetch))
    found = dict[tuple[Engine, Side], datetime]()
    for engine, side in product(Engine, Side):
        archive = newest([one for one in archives if one.side is side], engine)
        with suppress(Problem):  # without its place in the stream a snapshot stands for itself
            tail, _ = _tail(site, client, mirror, archive, (side,)) if archive else (None, [])
            if tail is not None:
                found[engine, side] = tail.until
    return found, said


def _tail(
    site: Site, client: Host, mirror: Mirror, archive: Archive, sides: Iterable[Side] = Side
) -> tuple[Tail | None, list[str]]:
    note = noted(site, client, archive)
    if note is None:
        return None, []
    engine = Engine(archive.kind)
    run, faults = mirror.unseal(engine, note.chain, Position(note.position.name, 0), sides=sides)
    if run.gap:
        faults.append(f"the stream of {client.name}'s {engine} has a gap at {run.end}: nothing after it can be used")
    if run.instant is None or run.end.order < note.position.order:
        return None, faults
    return Tail(archive.id, engine, note.chain, str(run.end), run.instant), faults
