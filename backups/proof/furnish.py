"""Making the proof room: what it shows of this host, what it hides, and what stands in the place of the live data.

Run inside, where all mounts are the unit's own and end with it. What is written there goes to memory.
"""

import os
import shutil
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from backups.proof.orders import Order, Program, Shown, Started
from effects.run import attempt, run
from estate.web import WEB_SERVERS

ROOM = Path("/run/seawall-room")
LOGS, FILES = ROOM / "log", ROOM / "files"  # shown by the unit: the live ones, read-only
HIDDEN = ("/etc/seawall/secrets", "/etc/seawall/ssh", "/etc/ssh", "/var/lib/seawall")
WRITTEN = ("/etc", "/var/lib/nginx", "/var/lib/apache2", "/var/lib/php")
MOUNT = 30.0  # seconds
_NUMBERS = count()


def furnish(order: Order) -> None:
    """All that the daemons need."""
    for path in filter(os.path.isdir, WRITTEN):
        _covered(Path(path), Path(path))
    for path in filter(os.path.isdir, HIDDEN):
        run(["mount", "-t", "tmpfs", "-o", "mode=700,ro", "tmpfs", path], timeout=MOUNT)
    _same_directories(LOGS, Path("/var/log"))
    for engine in order.engines:
        _data(engine)
    for vhost in order.vhosts:
        _vhost(vhost)
    sites = WEB_SERVERS[order.web]
    shutil.rmtree("/etc/seawall/maintenance", ignore_errors=True)
    for vhost in order.vhosts:
        link = Path(sites.enabled(vhost.domain))
        # Without its certificate the web server would start for none of them.
        if (
            (vhost.certificates / "fullchain.pem").exists()
            and Path(sites.available(vhost.domain)).exists()
            and not link.exists()
        ):
            link.symlink_to(sites.available(vhost.domain))


def _covered(lower: Path, at: Path) -> None:
    """Show `lower` at `at`; writing there changes memory alone. Read-only where this kernel has no overlay."""
    number = next(_NUMBERS)
    upper, work = ROOM / f"upper{number}", ROOM / f"work{number}"
    for folder in (upper, work):
        folder.mkdir(parents=True)
    shutil.copystat(lower, upper)
    os.chown(upper, lower.stat().st_uid, lower.stat().st_gid)
    how = f"lowerdir={lower},upperdir={upper},workdir={work}"
    if not attempt(["mount", "-t", "overlay", "-o", how, "overlay", str(at)], timeout=MOUNT).ok:
        run(["mount", "--bind", str(lower), str(at)], timeout=MOUNT)
        run(["mount", "-o", "remount,bind,ro", str(at)], timeout=MOUNT)


def _same_directories(shown: Path, to: Path) -> None:
    """Daemons want the directories of their logs, with their owners; not the logs."""
    for at, folders, _ in os.walk(shown):
        for name in folders:
            source = Path(at, name)
            place = to / source.relative_to(shown)
            place.mkdir(exist_ok=True)
            shutil.copystat(source, place)
            os.chown(place, source.stat().st_uid, source.stat().st_gid)


def _data(engine: Started) -> None:
    run(["mount", "--bind", str(engine.copy), str(engine.data)], timeout=MOUNT)
    runtime = {"mysql": "mysqld", "postgres": "postgresql"}[engine.owner]
    directory(runtime, engine.owner)


def directory(runtime: str, owner: str) -> None:
    """A daemon's own below /run."""
    place = Path("/run", runtime)
    place.mkdir(parents=True, exist_ok=True)
    shutil.chown(place, owner, owner)
    place.chmod(0o755)


def _vhost(vhost: Shown) -> None:
    """Its directory writable, for applications write; all else as a copy in its place."""
    home, *others = vhost.places
    if not (staged := vhost.files / str(home).lstrip("/")).is_dir():
        return  # the room finds nobody at home, and says so
    home.mkdir(parents=True)
    _covered(staged, home)
    for place in others:
        _copied(vhost.files / str(place).lstrip("/"), place)


def _copied(source: Path, place: Path) -> None:
    if not os.path.lexists(source):
        return
    if not place.is_relative_to("/etc") and not os.access(place.parent, os.W_OK) and place.parent.is_dir():
        _covered(place.parent, place.parent)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    run(["cp", "--archive", "--no-target-directory", "--remove-destination", str(source), str(place)], timeout=600)


def php(program: Program) -> None:
    """Start a vhost's own PHP, as its own user."""
    directory(program.runtime, program.user)
    started(program.argv, user=program.user)


def started(argv: Sequence[str], *, user: str | None = None) -> None:
    """Start a daemon in the background; it ends with the room."""
    who = ["--chuid", user] if user else []
    name = Path(argv[0]).name
    log = ROOM / f"{name}-{user or 'root'}.log"
    log.touch()
    if user:
        shutil.chown(log, user)
    run(
        ["start-stop-daemon", "--start", "--background", "--pidfile", f"/run/none-{user}-{name}", "--output", str(log),
         *who, "--startas", argv[0], "--", *argv[1:]],
        timeout=MOUNT,
    )  # fmt: skip
