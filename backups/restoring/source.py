"""Which scratch server a database is taken from: one at an instant of the stream, or a snapshot alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from backups import looking
from backups.site import Site
from backups.streams import instant
from backups.streams.instant import Reached, Say
from backups.streams.replay import Goal
from backups.streams.scratch import Scratch
from estate.model import Engine, Host, Role
from estate.points import Archive
from estate.problem import Missing, Refused


@dataclass(frozen=True, slots=True)
class Point:
    """Of whom, and when. Without `goal` it is a snapshot alone: the one named, or the newest."""

    client: Host
    goal: Goal | None = None
    archive: str | None = None


def client_by_default(site: Site, *, streamed: bool) -> Host:
    """Production keeps its own snapshots, and reads no stream of its own; a twin is there for production."""
    return site.host if site.host.role is Role.PRODUCTION and not streamed else site.partner


@contextmanager
def opened(site: Site, engine: Engine, point: Point, say: Say) -> Iterator[tuple[Scratch, Reached]]:
    """A scratch server there. Raises Missing where there is no such snapshot, Refused for a stream of one's own."""
    if point.goal is not None:
        if point.client is site.host:
            raise Refused(
                f"{site.host.name} can't read its own stream back",
                hint=f"on {site.partner.name}, the same command with --dump FILE; bring FILE here; here: --swap --from",
            )
        with instant.opened(site, point.client, engine, point.goal, say) as found:
            yield found
        return
    archive = snapshot(snapshots(site, point.client, engine), point)
    with instant.alone(site, point.client, archive, say) as found:
        yield found


def snapshots(site: Site, client: Host, engine: Engine) -> tuple[Archive, ...]:
    """Oldest first. Raises where there are none."""
    found, faults = site.archives(client, (engine,))
    if not found:
        raise (
            faults[0] if faults else Missing(f"{client.name} has no snapshots of {engine}", hint="seawall backup list")
        )
    return found


def snapshot(found: Sequence[Archive], point: Point) -> Archive:
    """The one that was named, or the newest."""
    return found[-1] if point.archive is None else looking.named(found, point.archive)


def nearest(found: Sequence[Archive], at: datetime) -> Archive:
    """The newest from before `at`; where none is that old, the first after it."""
    before = [archive for archive in found if archive.taken <= at]
    return before[-1] if before else found[0]
