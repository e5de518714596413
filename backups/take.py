"""Taking archives and snapshots on the host whose data it is.

Files go to the side whose turn it is; where that side is down, the other takes them: a day is never lost to one
server. Databases go to both sides every time. What a side lacks is brought to it by the next archive it takes.
"""

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock

from backups import counted, manifest, memory, paths, spooled
from backups.debts import calendar
from backups.engines import server
from backups.memory import Taken
from backups.progress import Seen
from backups.site import Site
from backups.streams import notes
from effects import disk, files
from effects.clock import Stopwatch
from effects.run import cores
from estate.model import Engine, Side
from estate.points import FILES, Kind, archive_name
from estate.problem import Failed, Problem, shared

FILE_OPTIONS = ("--compression=zstd,3", "--exclude-caches")
# 48 MB instead of 183 for two hours of changes; a file archive would pay with 32 times as many chunks.
DATABASE_OPTIONS = ("--compression=lz4", "--chunker-params=buzhash,14,20,16,4095", "--files-cache=disabled")
KEEPING = Lock()  # what is kept here is one repository
TURN = 600.0  # seconds that a run waits for the one before it
ALWAYS: tuple[str, ...] = ("/etc", "/var/spool/cron", "/srv/vhosts")
NEVER = (str(paths.SECRETS), str(paths.SSH_KEY.parent), "sh:/etc/ssh/ssh_host_*_key", "sh:/srv/vhosts/.seawall*")

Report = Callable[[str], None]
Watch = Callable[[Kind, Side], Seen | None]


def unwatched(_kind: Kind, _side: Side) -> None:
    """Nobody waits for it."""


def files_archive(
    site: Site, now: datetime, say: Report, *, owed: bool = False, watch: Watch = unwatched
) -> list[Taken]:
    """Save files and configuration to the side whose turn it is, and to one that lacks an earlier turn of its own.

    Where that fails everywhere the other side takes it: a day is never lost to one server. A host whose first archive
    is on one side alone could not come back if that side went with it, so the first goes to both. With `owed`, only to
    sides that lack something by now. Never two runs at once: the later waits.
    """
    with files.locked(paths.STATE / "files.lock", what="an archive of files", wait=TURN, inherited=True):
        return _files(site, now, say, owed=owed, watch=watch)


def _files(site: Site, now: datetime, say: Report, *, owed: bool, watch: Watch) -> list[Taken]:
    when, saved = calendar(site.estate, site.host, FILES), memory.known(FILES).saved
    wanted = when.wanted(now, saved, owed=owed)
    if not wanted:
        return []
    manifest.write(site)
    present = [source.lstrip("/") for source in sources(site) if Path(source).exists()]
    options = [*FILE_OPTIONS, *(f"--exclude={path}" for path in _relative(NEVER))]
    run = _Run(site, FILES, now, present, Path("/"), options, say, watch)
    taken = run.to(wanted)
    if all(one.error for one in taken) and (when.uncovered(now, saved) or not owed):
        taken += run.to([side for side in Side if side not in wanted])
    return taken


def _relative(patterns: Sequence[str]) -> list[str]:
    """borg matches against what it was given, which is relative to /: the same paths restore anywhere."""
    return [pattern.replace("sh:/", "sh:").lstrip("/") for pattern in patterns]


def sources(site: Site) -> list[str]:
    """What an archive of files is made of, as far as it is there."""
    return [*ALWAYS, str(manifest.WHERE), *_beyond(site)]


def _beyond(site: Site) -> list[str]:
    outside = (str(path) for vhost in site.estate.vhosts_on(site.host) for path in vhost.paths)
    return [path for path in outside if not path.startswith(tuple(f"{root}/" for root in ALWAYS))]


def snapshots(
    site: Site, now: datetime, say: Report, *only: Engine, owed: bool = False, watch: Watch = unwatched
) -> list[Taken]:
    """Save every database server of this host (or `only` some) to both sides. One that fails stops no other.

    With `owed`, only to sides that lack a snapshot by now. Never two runs at once, for they share the spool: the later
    waits.
    """
    engines = only or site.estate.engines_on(site.host)
    with files.locked(paths.STATE / "databases.lock", what="a snapshot of the databases", wait=TURN, inherited=True):
        wanted = {engine: lacking(site, engine, now) if owed else tuple(Side) for engine in engines}
        due = [(engine, to) for engine, to in wanted.items() if to]
        paths.SPOOL.mkdir(mode=0o711, parents=True, exist_ok=True)
        with ThreadPoolExecutor(max_workers=_at_once(site, [engine for engine, _ in due])) as pool:
            found = pool.map(lambda one: _snapshot(site, one[0], one[1], now, say, watch), due)
            return [taken for each in found for taken in each]


def _at_once(site: Site, engines: Sequence[Engine]) -> int:
    """How many copies may be made side by side: as many as there are cores, if the disk has room for all of them."""
    try:
        spooled.require_room(site, sum(disk.size(server(engine).data) for engine in engines))
    except Problem:
        return 1  # each of them says itself what it lacks
    return max(1, min(cores(), len(engines)))


def lacking(site: Site, kind: Kind, now: datetime) -> tuple[Side, ...]:
    """Sides that have not got what was due on them."""
    debts = calendar(site.estate, site.host, kind).debts(now, memory.known(kind).saved)
    return tuple(debt.side for debt in debts)


def _snapshot(site: Site, engine: Engine, to: Sequence[Side], now: datetime, say: Report, watch: Watch) -> list[Taken]:
    spool = paths.SPOOL / engine
    run = _Run(site, engine, now, ["."], spool, DATABASE_OPTIONS, say, watch)
    say(f"{engine}: copying")
    try:
        shutil.rmtree(spool, ignore_errors=True)  # of a run that was killed: it takes the room that this one needs
        mine = server(engine)
        spooled.require_room(site, disk.size(mine.data))
        mine.copy(spool)
        note = notes.write(mine, spool)
        counted.write(site, mine, spool, run.name)
        run = replace(run, options=[*DATABASE_OPTIONS, f"--comment={note}"])
        taken = run.to(to)
        if all(one.error for one in taken):
            with KEEPING:
                spooled.keep(site, run.name, spool, run.options, say)
    except Problem as fault:
        return [run.failed(side, fault) for side in to]
    except OSError as fault:  # a full disk, most of the time, and the other server's copy may still have room
        hint = f"look at the room and the rights of {spool} on {site.host.name}"
        return [run.failed(side, Failed(f"{engine}: {fault}", hint=hint)) for side in to]
    finally:
        shutil.rmtree(spool, ignore_errors=True)  # a copy that nobody encrypted
    return taken


@dataclass(frozen=True, slots=True)
class _Run:
    """One archive on its way to a side or both."""

    site: Site
    kind: Kind
    now: datetime
    sources: Sequence[str]
    cwd: Path
    options: Sequence[str]
    say: Report
    watch: Watch = unwatched

    @property
    def name(self) -> str:
        return archive_name(self.site.host.name, self.kind, self.now)

    def to(self, sides: Sequence[Side]) -> list[Taken]:
        """To all of them at once: a side that hangs holds up no other, and borg uses one core."""
        with ThreadPoolExecutor(max_workers=len(Side)) as pool:
            return list(pool.map(self._take, sides))

    def _take(self, side: Side) -> Taken:
        watch = Stopwatch()
        repository = self.site.repository(self.site.host, self.kind, side)
        self.say(f"{self.kind}: to {repository.server.name} ({side})")
        try:
            stats = repository.create(
                self.name,
                self.sources,
                cwd=self.cwd,
                options=self.options,
                seen=self.watch(self.kind, side),
            )["stats"]
        except Problem as fault:
            self.say(f"{self.kind}: {fault.what}")
            return self.failed(side, fault, watch.seconds)
        added, size = int(stats["deduplicated_size"]), int(stats["original_size"])
        server = repository.server.name
        return Taken(self.name, side, server, self.kind, self.now, watch.seconds, added, None, size=size)

    def failed(self, side: Side, fault: Problem, seconds: float = 0.0) -> Taken:
        server, said, code = self.site.host.backup[side], str(fault), fault.exit_code
        return Taken(self.name, side, server, self.kind, self.now, seconds, 0, said, code)


def require_safe(taken: Sequence[Taken]) -> None:
    """Raise unless everything is safe where the policy wants it: files on one side, databases on both.

    The error is of the kind that all of them share, or Failed.
    """
    bad = [
        one
        for one in taken
        if one.error and not (one.kind == FILES and any(o.kind == FILES and not o.error for o in taken))
    ]
    if not bad:
        return
    what = "\n".join(f"{one.kind} to {one.server} ({one.side}): {one.error}" for one in bad)
    raise shared(one.code for one in bad)(
        f"not everything was saved:\n{what}",
        hint="mend that, then run the same command again; what was saved stays saved",
    )
