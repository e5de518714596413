"""What was saved, and what it promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from estate.model import Engine, Estate, Host, Side, Vhost

FILES: Literal["files"] = "files"
Kind = Literal["files"] | Engine  # what an archive holds: files, or the databases of one engine
STAMP = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Tail:
    """The stream after a snapshot, without a hole: how far one database server can be brought beyond it."""

    archive: str  # the snapshot's id
    engine: Engine
    chain: str
    position: str  # its end, as FILE:OFFSET of the server's log
    until: datetime  # all that was committed before is in it


def kind_of(word: str) -> Kind:
    """ "files", or the engine of that name. Raises ValueError."""
    return FILES if word == FILES else Engine(word)


def kinds_of(estate: Estate, vhost: Vhost) -> tuple[Kind, ...]:
    """What a recovery point of `vhost` consists of: files, and one snapshot per engine it uses."""
    used = {database.engine for database in estate.databases_of(vhost)}
    return (FILES, *(engine for engine in Engine if engine in used))


def kinds_on(estate: Estate, host: Host) -> tuple[Kind, ...]:
    """All that is saved of `host`."""
    return (FILES, *estate.engines_on(host))


def archive_name(host: str, kind: Kind, taken: datetime) -> str:
    """`web1.files.2026-11-22T01:30:00Z`: readable at three in the morning, sorts by time."""
    return f"{host}.{kind}.{taken.astimezone(UTC).strftime(STAMP)}"


@dataclass(frozen=True, slots=True)
class Archive:
    """One borg archive. Databases are in archives too: one per engine and snapshot."""

    id: str  # borg's, 64 hex digits
    host: str
    kind: Kind
    taken: datetime  # when its copying began: what came later may be missing
    side: Side

    @property
    def name(self) -> str:
        """As borg lists it."""
        return archive_name(self.host, self.kind, self.taken)

    def loss(self, now: datetime) -> timedelta:
        """Work that would be lost if the disaster were `now`."""
        return now - self.taken


def parse_archive(name: str, id: str, side: Side) -> Archive | None:  # noqa: A002 - borg's own word
    """The archive of that name; None where the name is not one of ours."""
    parts = name.split(".")
    try:
        host, kind, stamp = ".".join(parts[:-2]), kind_of(parts[-2]), parts[-1]
        taken = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    except (IndexError, ValueError):
        return None
    return Archive(id, host, kind, taken, side)


def recovery_point(estate: Estate, vhost: Vhost, archives: Sequence[Archive]) -> tuple[Archive, ...]:
    """What `vhost` is brought back from: the newest archive of each kind; empty where one is missing."""
    found = [newest(archives, kind) for kind in kinds_of(estate, vhost)]
    there = tuple(archive for archive in found if archive is not None)
    return there if len(there) == len(found) else ()


def newest(archives: Sequence[Archive], kind: Kind) -> Archive | None:
    """The most recent one of a kind; None where there is none."""
    return max((a for a in archives if a.kind == kind), key=lambda a: a.taken, default=None)
