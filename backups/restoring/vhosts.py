"""A vhost as it was: its directory, certificates and further paths, and its databases as they were at that instant.

The instant is the one at which its files were saved: only they are saved in steps. Its databases follow, in the stream
where it can be read, else by the snapshot next to it; the difference is said.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backups import by_hand, restore
from backups.by_hand import Loss
from backups.engines import server
from backups.restoring import dumps, exchange, source
from backups.restoring.exchange import Change, Exchange, Say
from backups.site import Site
from backups.streams import instant
from backups.streams.replay import Goal
from effects import files
from estate.model import Database, Engine, Host, Vhost
from estate.points import Archive
from estate.problem import Missing, Problem, Refused

NOTE, DATABASES = "restored.json", "_databases"


@dataclass(frozen=True, slots=True)
class Brought:
    """What lies in a directory to the side."""

    archive: str
    vhosts: tuple[str, ...]
    databases: dict[str, str]  # name: the instant it is of, ISO
    files: int = 0
    bytes: int = 0

    def write(self, into: Path) -> None:
        """The last thing that is written: without it nothing is put in place."""
        row = {"archive": self.archive, "vhosts": self.vhosts, "databases": self.databases}
        files.write(into / NOTE, json.dumps(row, indent=1) + "\n", mode=0o600)


def read(top: Path, domain: str) -> Brought:
    """What a restore has brought there. Raises Refused where that is not this vhost, or not whole."""
    try:
        row = json.loads((top / NOTE).read_text(encoding="utf-8"))
        found = Brought(row["archive"], tuple(row["vhosts"]), dict(row["databases"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise Refused(f"{top} is not what a restore has brought whole", hint="bring it again: --to DIR") from None
    if domain not in found.vhosts:
        raise Refused(f"{top} has no {domain}, but {', '.join(found.vhosts)}", hint="name the directory of this vhost")
    return found


def bring(site: Site, client: Host, vhost: Vhost, archive: Archive, into: Path, say: Say) -> Brought:
    """All of it below `into`, which is new; what is served is not touched."""
    directory, *outside = map(str, restore.parts_of(vhost))
    repository = site.repository(client, archive.kind, archive.side)
    say(f"files: {archive.name} ({archive.side})")
    counted = by_hand.bring(repository, archive, [directory], into, foreign=client is not site.host, optional=outside)
    (into / DATABASES).mkdir(mode=0o700)
    found: dict[str, str] = {}
    mine = site.estate.databases_of(vhost)
    for engine in Engine:
        if names := [database.name for database in mine if database.engine is engine]:
            at = _bring_databases(site, client, engine, archive.taken, names, into / DATABASES, say)
            found |= dict.fromkeys(names, at.astimezone(UTC).isoformat(timespec="seconds"))
    brought = Brought(archive.name, (vhost.domain,), found, *counted)
    brought.write(into)
    return brought


def _bring_databases(
    site: Site, client: Host, engine: Engine, at: datetime, names: list[str], into: Path, say: Say
) -> datetime:
    """Dumps of them at one instant, `at` where that can be; the instant."""
    if client is not site.host:
        try:
            with instant.opened(site, client, engine, Goal(at=at), say) as (scratch, _):
                for name in names:
                    dumps.to_file(scratch, name, into / name)
        except Problem as fault:
            say(f"{engine}: not from the stream: {fault.what}")
        else:
            return at
    archive = source.nearest(source.snapshots(site, client, engine), at)
    with instant.alone(site, client, archive, say) as (scratch, _):
        for name in names:
            dumps.to_file(scratch, name, into / name)
    return archive.taken


@dataclass(frozen=True, slots=True)
class Cost:
    """What putting it in place would take away."""

    files: list[Loss]
    databases: dict[str, list[Change]]

    @property
    def none(self) -> bool:
        """Whether nothing that stands there differs."""
        return all(loss.none for loss in self.files) and not any(self.databases.values())


def counted(vhost: Vhost, top: Path, found: Brought, mine: tuple[Database, ...], kept: datetime) -> Cost:
    """Everything that stands there and is not so in `top`."""
    losses = [
        by_hand.loss(path, staged)
        for path in restore.parts_of(vhost)
        if (staged := restore.staged_in(top, path)).exists()
    ]
    return Cost(losses, {one.name: only_counted(one, dump, kept) for one, dump in _in(top, found, mine)})


def only_counted(database: Database, dump: Path, kept: datetime) -> list[Change]:
    """What the dump would take away of a database that serves; it is loaded beside for that, and taken away again.

    Nothing where a run that died is already putting it in place: that was counted then.
    """
    if _going(database, dump) is not None:
        return []
    this = exchange_of(database, dump, kept)
    try:
        return exchange.load(this, dump)
    finally:
        exchange.forget(this)


def exchange_of(database: Database, dump: Path, kept: datetime) -> Exchange:
    """Raises Refused where a run that died was already putting it in place."""
    mine = server(database.engine)
    left = exchange.unfinished(mine, database.name)
    if left is not None and left[0] == exchange.GOING:
        raise Refused(
            f"a run that died was putting {left[1].dump} in the place of {database.name}",
            hint=f"seawall backup restore --database {database.name} --swap --from {left[1].dump} --yes finishes that",
        )
    return Exchange(mine, database.name, exchange.kept_name(database.name, kept), str(dump))


def put_database(database: Database, dump: Path, now: datetime) -> tuple[list[Change], str]:
    """Let the dump take its place; what it took away, and the name that is kept under. A run that died is finished."""
    if (left := _going(database, dump)) is not None:
        exchange.finish(left)
        return [], left.kept
    this = exchange_of(database, dump, now)
    try:
        changes = exchange.load(this, dump)
    except BaseException:
        exchange.forget(this)
        raise
    exchange.finish(this)
    return changes, this.kept


def _going(database: Database, dump: Path) -> Exchange | None:
    left = exchange.unfinished(server(database.engine), database.name)
    return left[1] if left is not None and left[0] == exchange.GOING and left[1].dump == str(dump) else None


def put(vhost: Vhost, top: Path, found: Brought, mine: tuple[Database, ...], kept: Path, now: datetime) -> list[str]:
    """All of it in its place; where what stood there is. Can be repeated after a crash, with the same directory.

    What has its place is no longer in the directory.
    """
    where = []
    for one, dump in _in(top, found, mine):
        where.append(put_database(one, dump, now)[1])
        dump.unlink()
    restore.put(top, vhost, kept)
    return [*where, *([str(kept)] if kept.exists() else [])]


def _in(top: Path, found: Brought, mine: tuple[Database, ...]) -> list[tuple[Database, Path]]:
    """Those that were brought and have no place yet, with their dumps."""
    dumped = [(one, top / DATABASES / one.name) for one in mine if one.name in found.databases]
    return [(one, dump) for one, dump in dumped if dump.exists()]


def vhost_of(site: Site, domain: str) -> Vhost:
    """By its domain or an alias. Raises Missing."""
    for vhost in site.estate.vhosts_on(site.host):
        if domain in vhost.names:
            return vhost
    raise Missing(
        f"{domain} is not served here",
        hint=f"one of: {', '.join(vhost.domain for vhost in site.estate.vhosts_on(site.host)) or 'none'}",
    )
