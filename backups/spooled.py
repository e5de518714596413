"""Snapshots kept on production itself while neither side takes them: encrypted, bounded, the oldest goes first.

They do not survive the host, and are no substitute for a side; they bring a database back after a mistake made during
the outage. When a side is back and has a younger snapshot, it gets the newest of them too, and they go. Whatever is
taken here, the disk of production never fills.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from backups import memory, paths
from backups.repository import Repository
from backups.site import Site
from backups.vault import unfinished
from effects import disk, files
from effects.onhost import encrypted
from estate.model import Engine, Side
from estate.points import Archive
from estate.problem import Failed, Problem, Untrusted

KEPT = paths.SPOOL / "kept"
MB = 1_000_000
TURN = 3600.0  # seconds that one run waits for another
YOUNG = timedelta(days=2)  # `backups.vault.compare.LATE`, with a day for the outage to go on
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Kept(Repository):
    """A repository of this host on its own disk."""

    @property
    def url(self) -> str:
        """Its directory."""
        return str(KEPT)

    @property
    def where(self) -> str:
        """On the host itself."""
        return f"{self.server.name}: what is kept in {KEPT}"

    def make(self) -> None:
        """Not append-only: here the oldest goes."""
        self._run("init", "--encryption=repokey", self.url, timeout=120)


def repository(site: Site, *, writing: bool = True) -> Kept:
    """With the passphrase that the host's repositories have; the side means nothing here."""
    passphrase = paths.SECRETS / f"passphrase.{site.host.name}"
    return Kept(site.host.name, "databases", Side.EVEN, site.host, passphrase, writing)


def require_room(site: Site, size: int) -> None:
    """Raise Failed where `size` more bytes would leave less of the disk free than the policy wants."""
    free, total = disk.room(paths.SPOOL)
    floor = total * site.estate.backup.keep_free_percent // 100
    if free - size < floor:
        raise Failed(
            f"{site.host.name}: {size / MB:.0f} MB more would leave {(free - size) / MB:.0f} MB of the disk of "
            f"{paths.SPOOL}, and {site.estate.backup.keep_free_percent} % of it ({floor / MB:.0f} MB) stay free",
            hint=f"make room: du -xhd2 {paths.STATE} /var /srv | sort -h; or lower [backup] keep_free_percent",
        )


def keep(site: Site, name: str, cwd: Path, options: Sequence[str], say: Say) -> None:
    """Take the copy in `cwd` into the repository here. What goes wrong is said, and hides no other error."""
    bound = site.estate.backup.spool_mb * MB
    if not bound:
        return
    mine = repository(site)
    try:
        require_room(site, disk.size(cwd))
        if not KEPT.exists() or unfinished.set_aside(KEPT):
            mine.make()
        mine.create(name, ["."], cwd=cwd, options=options)
        gone = _bounded(site, mine, bound)
    except Problem as fault:
        say(f"{name}: not kept here either: {fault.what}")
        return
    said = f"; {gone} older ones had to go" if gone else ""
    say(f"{name}: kept here, encrypted, until a side takes a younger one{said}" if kept(site) else f"{name}: too large")


def _bounded(site: Site, mine: Kept, bound: int) -> int:
    """Let the oldest go until the rest is within the bound; how many went."""
    gone = 0
    while (there := mine.archives()) and _too_much(site, bound):
        mine.remove(there[0])
        gone += 1
    return gone


def _too_much(site: Site, bound: int) -> bool:
    try:
        require_room(site, 0)
    except Failed:
        return True
    return disk.size(KEPT) > bound


def kept(site: Site) -> tuple[Archive, ...]:
    """What waits here, oldest first."""
    there = KEPT.exists() and not unfinished.unfinished(KEPT)
    return repository(site, writing=False).archives() if there else ()


def release(site: Site, now: datetime, options: Sequence[str], say: Say) -> int:
    """Let go what a side has a younger snapshot of; how many went. Nothing goes on a promise: it is there by now.

    The newest of each engine goes to the sides that are back first, and stays where that fails: it has a place in the
    stream, and no side has it.
    """
    with files.locked(paths.SPOOL.with_suffix(".lock"), what="sending what was kept", wait=TURN):
        return _release(site, now, options, say)


def _release(site: Site, now: datetime, options: Sequence[str], say: Say) -> int:
    try:
        waiting = kept(site)
    except Untrusted as fault:
        if not _outlived(site):
            raise
        place = unfinished.aside(KEPT, ".unopened")
        say(f"{fault.what}. Younger snapshots are on the sides: it is out of the way, at {place}")
        return 0
    free = [archive for archive in waiting if _sides(archive)]
    newest = {archive.kind: archive for archive in free}
    stays = {archive.id for archive in newest.values() if not _sent(site, archive, now, options, say)}
    free = [archive for archive in free if archive.id not in stays]
    if waiting and len(free) == len(waiting):
        shutil.rmtree(KEPT)
    else:
        for archive in free:
            repository(site).remove(archive)
    return len(free)


def _outlived(site: Site) -> bool:
    """Whether a side took a snapshot of every server since: then the passphrase of today is right, that one was not."""
    last = KEPT.stat().st_mtime
    saved = [memory.known(engine).saved.values() for engine in site.estate.engines_on(site.host)]
    return all(any(at is not None and at.timestamp() > last for at in sides) for sides in saved)


def _sides(archive: Archive) -> list[Side]:
    """That have a younger one."""
    known = memory.known(Engine(archive.kind)).saved
    return [side for side, at in known.items() if at is not None and at > archive.taken]


def _sent(site: Site, archive: Archive, now: datetime, options: Sequence[str], say: Say) -> bool:
    """Whether the sides that are back have it, or never will."""
    if now - archive.taken > YOUNG:
        say(f"{archive.name}: kept here only: an archive that comes so late is taken for a forged one")
        return True
    place = paths.SPOOL / "returning"
    mine = repository(site)
    try:
        require_room(site, mine.size(archive)[0])
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700, parents=True)
        encrypted.follow(str(place))
        mine.extract(archive, place)
        for side in _sides(archive):
            there = site.repository(site.host, archive.kind, side)
            if archive.name not in {one.name for one in there.archives()}:
                there.create(archive.name, ["."], cwd=place, options=[*options, f"--comment={mine.comment(archive)}"])
                say(f"{archive.name}: to {there.server.name} ({side}), late")
    except Problem as fault:
        say(f"{archive.name}: stays here: {fault.what}")
        return False
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return True
