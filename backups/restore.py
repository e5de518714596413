"""Putting saved things back. What stands in their place is moved aside, never deleted.

The order keeps every instant safe: hydrate beside, record which directory holds what (archive and inode), and
only then swap by rename. Whoever dies in between, the next run sees by the inode whether the swap happened.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from backups.engines import Server
from backups.mark import Beyond, Mark
from backups.proof.hydrate import Target, hydrate, hydrate_all
from backups.repository import Repository
from effects import files
from effects.onhost import uploads
from effects.run import run
from estate.model import VHOSTS, Vhost
from estate.points import Archive
from estate.problem import Failed, Refused

STAGE = ".seawall-hydrated"  # in the directory of the vhosts
COPY = 4 * 3600.0  # seconds; a limit, not an expectation


def target_of(vhost: Vhost) -> Target:
    """Where the vhost stands ready, closed to all but root: its directory, certificates and further paths.

    In the file system of the vhosts, so that each takes its place by a rename.
    """
    top = Path(vhost.directory).parent / STAGE / vhost.domain
    return Target(vhost.domain, top, tuple(str(path).lstrip("/") for path in parts_of(vhost)), seed=Path("/"))


def parts_of(vhost: Vhost) -> tuple[Path, ...]:
    """Its directory, and what belongs to it elsewhere.

    What lies within its directory comes with it; on the way there its user may have put links.
    """
    outside = [Path(path) for path in (vhost.certificates, *vhost.paths) if not path.is_relative_to(vhost.directory)]
    return (Path(vhost.directory), *outside)


def placed(archive: Archive, vhost: Vhost) -> bool:
    """Whether `place_files` has come to its end: the content is there, and uploads are mounted."""
    owed = any(uploads.state(path) == uploads.OWED for path in _declared(vhost))
    return Mark(vhost.domain).holds(archive, Path(vhost.directory)) and not owed


def place_files(repository: Repository, archive: Archive, vhost: Vhost, kept: Path) -> None:
    """Bring a vhost's directory, certificates and further paths back; what stood there goes to `kept`."""
    require_swappable(vhost)
    if not Mark(vhost.domain).holds(archive, Path(vhost.directory)):
        _bring(repository, archive, vhost, kept)
    else:
        _all(uploads.bind, _declared(vhost))


def bring_beside(repository: Repository, archive: Archive, vhost: Vhost, along: Iterable[Vhost]) -> None:
    """Where `vhost` stands ready as of an older archive, bring it up to `archive`; in the same pass all of `along`
    that do too. What goes wrong is told by `place_files` of each."""
    if _lags(archive, vhost):
        lagging = [vhost, *(one for one in along if _lags(archive, one))]
        hydrate_all(repository, archive, [target_of(one) for one in lagging])


def _lags(archive: Archive, vhost: Vhost) -> bool:
    target = target_of(vhost)
    ready = Mark(vhost.domain).holds(archive, Path(vhost.directory)) or target.holds(archive) is not None
    return target.stands and not ready


def require_swappable(vhost: Vhost) -> None:
    """Raises Refused where no rename can take its directory away."""
    if Path(vhost.directory).is_mount():
        raise Refused(
            f"{vhost.directory} is a mount of its own, so its content can't be swapped at once",
            hint=f"mount the file system at {vhost.directory.parent}, so that {vhost.directory} is a plain directory",
        )


def _bring(repository: Repository, archive: Archive, vhost: Vhost, kept: Path) -> None:
    target = target_of(vhost)
    hydrate(repository, archive, target)
    directory = parts_of(vhost)[0]
    staged = staged_in(target.top, directory)
    if not staged.is_dir():
        raise Failed(
            f"{archive.name} holds nothing of {vhost.domain}: {directory} is not in it",
            hint=f"was it there when {archive.host} was saved? show older archives with: seawall backup list",
        )
    target.leave()
    Mark(vhost.domain).write(archive, staged)
    put(target.top, vhost, kept)
    target.remove()


def put(top: Path, vhost: Vhost, kept: Path) -> None:
    """Let what lies below `top` of a vhost take its place, its directory last; what stood there goes to `kept`.

    What is no longer there has its place already: a run that died is continued.
    """
    with files.SWAPPING:
        _put(top, vhost, kept)


def _put(top: Path, vhost: Vhost, kept: Path) -> None:
    directory, *outside = parts_of(vhost)
    for path in outside:
        if os.path.lexists(new := staged_in(top, path)):
            swap(new, path, kept)
    if staged_in(top, directory).is_dir():
        _unmount(vhost)
        swap(staged_in(top, directory), directory, kept)
    _all(uploads.bind, _declared(vhost))


def staged_in(top: Path, path: Path) -> Path:
    """Where `path` lies in a tree below `top`."""
    return top / str(path).lstrip("/")


def data_of(server: Server) -> Target:
    """Where the data of a database server stands ready, beside what it serves from."""
    beside = server.data.with_name(f"{server.data.name}.seawall-hydrated")
    return Target(server.engine, beside, seed=server.data, owner=server.owner)


def place_database(
    repository: Repository, archive: Archive, server: Server, kept: str, forward: Callable[[Path], Beyond] | None = None
) -> None:
    """Bring a database server's data back and start it; what stood there stays beside it as `.kept-…`.

    `forward` brings the data on beyond the archive, before it takes its place, and says how far; `kept` names the
    order that wants it.
    """
    require_renamable(server)
    target = data_of(server)
    hydrate(repository, archive, target)
    target.leave()
    stage = target.top
    beyond = forward(stage) if forward is not None else None
    Mark(server.engine).write(archive, stage, beyond, kept)
    take_place(stage, server, kept)


def require_renamable(server: Server) -> None:
    """Raises Refused where its data can't be replaced by a rename."""
    if server.data.is_mount():
        raise Refused(
            f"{server.data} is a mount of its own, so its content can't be swapped at once",
            hint=f"mount the file system one level up, so that {server.data} is a plain directory",
        )


def take_place(stage: Path, server: Server, kept: str) -> None:
    """Let the server serve `stage`, which was marked; what it served from stays beside it as `.kept-…`."""
    server.stop()
    swap(stage, server.data, kept_beside(server, kept))
    server.start()


def swap(new: Path, path: Path, kept: Path) -> None:
    """Put `new` where `path` is; what was there goes below `kept`, under its own name and a free number."""
    if path.exists() or path.is_symlink():
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = next(c for n in range(1000) if not os.path.lexists(c := kept / f"{path.name}.{n}"))
        _move(path, aside)
    path.parent.mkdir(parents=True, exist_ok=True)
    _move(new, path)
    files.sync_directory(path.parent)


def _move(old: Path, new: Path) -> None:
    """By rename; across file systems by a copy beside `new` with owners, modes and attributes, and then a rename."""
    try:
        old.rename(new)
    except OSError as fault:  # an overlay has one device number and still can't rename what its lower layer holds
        if fault.errno != errno.EXDEV:
            raise
        _copied(old, new)


def _copied(old: Path, new: Path) -> None:
    near = new.with_name(f".{new.name}.seawall")
    _remove(near)
    run(["cp", "--archive", "--no-target-directory", "--", str(old), str(near)], timeout=COPY)
    run(["sync", "--file-system", str(near)], timeout=COPY)
    near.rename(new)
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _declared(vhost: Vhost) -> list[str]:
    """Upload directories that hardening mounts. Raises Refused where one is a disk of an administrator's own.

    Where a client has put nothing, or a link, there is nothing to mount: the next `seawall harden` says so.
    """
    mine = set(map(str, vhost.uploads))
    if own := sorted(mine & uploads.awaited()):
        raise Refused(
            f"{own[0]} is a file system of its own, which would hide what is brought back",
            hint="move its content into the vhost's directory, take its line out of fstab, run: seawall harden",
        )
    return sorted(mine & {*uploads.listed()})


def _unmount(vhost: Vhost) -> None:
    """Take mounts out of the way, also those moved with their parents; they are given back after the swap."""
    _declared(vhost)
    disks = uploads.awaited()
    _all(uploads.unmount, [place for place in uploads.below(str(vhost.directory)) if place not in disks])


def _all(act: Callable[[str], None], paths: Sequence[str]) -> None:
    if uploads.attend(act, paths):
        raise Failed(
            f"the kernel refuses to mount or unmount one of {', '.join(paths)}",
            hint="look at `findmnt` and at `dmesg` on this host, then run the same command again",
        )


def kept_beside(server: Server, kept: str) -> Path:
    """Where the data goes that a database server served from."""
    return server.data.with_name(f"{server.data.name}.kept-{kept}")


def kept_below(seal: str) -> Path:
    """Where the files go that a job found in its way."""
    return Path(VHOSTS) / f".seawall-kept-{seal[:12]}"
