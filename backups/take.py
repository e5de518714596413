"""Taking archives and snapshots on the host whose data it is.

Files go to the side that the day belongs to; where that side is down, the other takes them: a day is never
lost to one server. Databases go to both sides every time.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from backups import paths
from backups.engines import server
from backups.sides import side_now
from backups.site import Site
from effects import files
from effects.clock import Stopwatch
from estate.model import Engine, Side
from estate.points import FILES, Kind, archive_name
from estate.problem import Failed, Problem, of_code

FILE_OPTIONS = ("--compression=zstd,3", "--exclude-caches")
# 48 MB instead of 183 for two hours of changes; a file archive would pay with 32 times as many chunks.
DATABASE_OPTIONS = ("--compression=lz4", "--chunker-params=buzhash,14,20,16,4095", "--files-cache=disabled")
TURN = 600.0  # seconds that a run waits for the one before it
ALWAYS = ("/etc", "/var/spool/cron", "/srv/vhosts")
NEVER = (str(paths.SECRETS), str(paths.SSH_KEY.parent), "sh:/etc/ssh/ssh_host_*_key", "sh:/srv/vhosts/.seawall*")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one archive on one side. `error` is None where it is safe there."""

    archive: str
    side: Side
    server: str
    kind: Kind
    at: datetime
    seconds: float
    bytes: int  # that this archive added to the repository
    error: str | None
    code: int = 0  # the exit code of that error


Report = Callable[[str], None]


def files_archive(site: Site, now: datetime, say: Report) -> list[Taken]:
    """Save files and configuration to the side of the day; to the other one too where that fails, or has none yet.

    A host whose first archive is on one side alone could not come back if that side went with it. Never two runs at
    once: the later waits.
    """
    with files.locked(paths.STATE / "files.lock", what="an archive of files", wait=TURN):
        return _files(site, now, say)


def _files(site: Site, now: datetime, say: Report) -> list[Taken]:
    first = side_now(now, site.estate.timezone)
    sources = [*ALWAYS, *_beyond(site)]
    present = [source.lstrip("/") for source in sources if Path(source).exists()]
    options = [*FILE_OPTIONS, *(f"--exclude={path}" for path in _relative(NEVER))]
    taken = [_take(site, FILES, first, now, present, Path("/"), options, say)]
    if taken[0].error is not None or f"{FILES}.{first.other}.good" not in recall():
        taken.append(_take(site, FILES, first.other, now, present, Path("/"), options, say))
    return taken


def _relative(patterns: Sequence[str]) -> list[str]:
    """borg matches against what it was given, which is relative to /: the same paths restore anywhere."""
    return [pattern.replace("sh:/", "sh:").lstrip("/") for pattern in patterns]


def _beyond(site: Site) -> list[str]:
    outside = (str(path) for vhost in site.estate.vhosts_on(site.host) for path in vhost.paths)
    return [path for path in outside if not path.startswith(tuple(f"{root}/" for root in ALWAYS))]


def snapshots(site: Site, now: datetime, say: Report, *only: Engine) -> list[Taken]:
    """Save every database server of this host (or `only` some) to both sides. One that fails stops no other.

    Never two runs at once, for they share the spool: the later waits.
    """
    engines = only or site.estate.engines_on(site.host)
    with files.locked(paths.STATE / "databases.lock", what="a snapshot of the databases", wait=TURN):
        return [taken for engine in engines for taken in _snapshot(site, engine, now, say)]


def _snapshot(site: Site, engine: Engine, now: datetime, say: Report) -> list[Taken]:
    spool = paths.SPOOL / engine
    say(f"{engine}: copying")
    try:
        paths.SPOOL.mkdir(mode=0o711, parents=True, exist_ok=True)
        server(engine).copy(spool)
        return [_take(site, engine, side, now, ["."], spool, DATABASE_OPTIONS, say) for side in Side]
    except Problem as fault:
        return [_failed(site, engine, side, now, fault) for side in Side]
    finally:
        shutil.rmtree(spool, ignore_errors=True)  # a copy that nobody encrypted


def _take(
    site: Site,
    kind: Kind,
    side: Side,
    now: datetime,
    sources: Sequence[str],
    cwd: Path,
    options: Sequence[str],
    say: Report,
) -> Taken:
    watch = Stopwatch()
    repository = site.repository(site.host, kind, side)
    name = archive_name(site.host.name, kind, now)
    say(f"{kind}: to {repository.server.name} ({side})")
    try:
        stats = repository.create(name, sources, cwd=cwd, options=options)
    except Problem as fault:
        say(f"{kind}: {fault.what}")
        return _failed(site, kind, side, now, fault, watch.seconds)
    return Taken(
        name,
        side,
        repository.server.name,
        kind,
        now,
        watch.seconds,
        int(stats["stats"]["deduplicated_size"]),
        None,
    )


def _failed(site: Site, kind: Kind, side: Side, now: datetime, fault: Problem, seconds: float = 0.0) -> Taken:
    return Taken(
        archive_name(site.host.name, kind, now),
        side,
        site.host.backup[side],
        kind,
        now,
        seconds,
        0,
        str(fault),
        fault.exit_code,
    )


def remember(taken: Sequence[Taken]) -> None:
    """Keep the newest outcome, and the newest success, per kind and side, for `seawall backup status`."""
    paths.STATUS.parent.mkdir(parents=True, exist_ok=True)
    with files.locked(paths.STATUS.with_suffix(".lock"), what="a look at the status", wait=30):
        known = recall()
        for one in taken:
            row = json.loads(json.dumps(asdict(one), default=str))
            known[f"{one.kind}.{one.side}.last"] = row
            if one.error is None:
                known[f"{one.kind}.{one.side}.good"] = row
        files.write(paths.STATUS, json.dumps(known, indent=1, sort_keys=True), mode=0o600)


def forget() -> None:
    """What stands here now was brought from elsewhere, so nothing of it is saved: the scheduler takes it at once."""
    with files.locked(paths.STATUS.with_suffix(".lock"), what="a look at the status", wait=30):
        paths.STATUS.unlink(missing_ok=True)


def recall() -> dict[str, Any]:
    """What `remember` kept; empty before the first run."""
    try:
        known: dict[str, Any] = json.loads(paths.STATUS.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return known


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
    kinds = {of_code(one.code) for one in bad}
    what = "\n".join(f"{one.kind} to {one.server} ({one.side}): {one.error}" for one in bad)
    raise (kinds.pop() if len(kinds) == 1 else Failed)(
        f"not everything was saved:\n{what}",
        hint="mend that, then run the same command again; what was saved stays saved",
    )
