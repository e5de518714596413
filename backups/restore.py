"""Putting saved things back. What stands in their place is moved aside, never deleted.

The order keeps every instant safe: extract beside, record which directory holds what (archive and inode), and
only then swap by rename. Whoever dies in between, the next run sees by the inode whether the swap happened.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from backups import paths
from backups.engines import Server
from backups.repository import Repository
from effects import files
from effects.run import attempt, run
from estate.model import Vhost
from estate.points import Archive
from estate.problem import Refused

RESTORED = paths.STATE / "restored"


@dataclass(frozen=True, slots=True)
class Mark:
    """Which archive stands where. The inode binds the mark to one directory, whatever was renamed since."""

    subject: str  # a vhost's domain, or an engine

    @property
    def _file(self) -> Path:
        return RESTORED / f"{self.subject}.json"

    def write(self, archive: Archive, directory: Path) -> None:
        """Say that `directory`, wherever it is moved to, holds `archive`."""
        RESTORED.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(self._file, json.dumps({"archive": archive.id, "inode": directory.stat().st_ino}), mode=0o600)

    def holds(self, archive: Archive, directory: Path) -> bool:
        """Whether `directory` is the one that `archive` was restored into."""
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
            return bool(known == {"archive": archive.id, "inode": directory.stat().st_ino})
        except (OSError, json.JSONDecodeError):
            return False


def placed(archive: Archive, vhost: Vhost) -> bool:
    """Whether `place_files` has come to its end: the content is there, uploads are mounted, nothing is left over."""
    directory = Path(vhost.directory)
    mounted = all(attempt(["mountpoint", "--quiet", path], timeout=30).ok for path in _declared(vhost))
    return Mark(vhost.domain).holds(archive, directory) and mounted and not _stage(archive, vhost).exists()


def place_files(repository: Repository, archive: Archive, vhost: Vhost, kept: Path) -> None:
    """Bring a vhost's directory, certificates and further paths back; what stood there goes to `kept`."""
    stage = _stage(archive, vhost)
    shutil.rmtree(stage, ignore_errors=True)
    if not Mark(vhost.domain).holds(archive, Path(vhost.directory)):
        _bring(repository, archive, vhost, stage, kept)
    for upload in _declared(vhost):
        if not attempt(["mountpoint", "--quiet", upload], timeout=30).ok:
            run(["mount", upload], timeout=30)
    shutil.rmtree(stage, ignore_errors=True)


def _stage(archive: Archive, vhost: Vhost) -> Path:
    return Path(vhost.directory).parent / f".seawall-{archive.id[:12]}-{vhost.domain}"


def _bring(repository: Repository, archive: Archive, vhost: Vhost, stage: Path, kept: Path) -> None:
    directory = Path(vhost.directory)
    stage.mkdir(mode=0o700, parents=True)
    wanted = [directory, *(Path(path) for path in (vhost.certificates, *vhost.paths))]
    repository.extract(archive, stage, [str(path).lstrip("/") for path in wanted])
    for path in wanted[1:]:
        _swap(stage / str(path).lstrip("/"), path, kept)
    staged = stage / str(directory).lstrip("/")
    Mark(vhost.domain).write(archive, staged)
    _unmount(vhost)
    _swap(staged, directory, kept)


def place_database(repository: Repository, archive: Archive, server: Server, kept: str) -> None:
    """Bring a database server's data back and start it; what stood there stays beside it as `.kept-…`."""
    if server.data.is_mount():
        raise Refused(
            f"{server.data} is a mount of its own, so its content can't be swapped at once",
            hint=f"mount the file system one level up, so that {server.data} is a plain directory",
        )
    stage = server.data.with_name(f"{server.data.name}.seawall-{archive.id[:12]}")
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(mode=0o700)
    repository.extract(archive, stage)
    run(["chown", "-R", f"{server.owner}:{server.owner}", str(stage)], timeout=600)
    Mark(server.engine).write(archive, stage)
    server.stop()
    _swap(stage, server.data, server.data.with_name(f"{server.data.name}.kept-{kept}"))
    server.start()


def _swap(new: Path, path: Path, kept: Path) -> None:
    """Put `new` where `path` is; what was there goes below `kept`, under its own name and a free number."""
    if path.exists() or path.is_symlink():
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = next(c for n in range(1000) if not os.path.lexists(c := kept / f"{path.name}.{n}"))
        shutil.move(path, aside)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(new, path)
    files.sync_directory(path.parent)


def _declared(vhost: Vhost) -> list[str]:
    """Upload directories that are mounts of their own."""
    return [path for path in map(str, vhost.uploads) if attempt(["findmnt", "--fstab", path], timeout=30).ok]


def _unmount(vhost: Vhost) -> None:
    """Take the mounts out of the way; they are given back after the swap."""
    for path in _declared(vhost):
        while attempt(["mountpoint", "--quiet", path], timeout=30).ok:
            run(["umount", path], timeout=60)


def kept_below(seal: str) -> Path:
    """Where the files go that a job found in its way."""
    return Path("/srv/vhosts") / f".seawall-kept-{seal[:12]}"
