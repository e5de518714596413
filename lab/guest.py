"""One Debian host under systemd-nspawn: an overlay over the image, a network namespace, a control group of its own.

Three settings of systemd-nspawn matter. A network namespace made by others comes without CAP_NET_ADMIN, and a firewall
needs it. Only net.* is writable below /proc/sys: with more, a guest would write the machine's own settings. And /tmp is
not nspawn's tmpfs: on a fresh server it is open, and hardening must show that it closes it.
"""

import os
import secrets
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from effects import clock, files
from effects.run import Result, attempt, run
from estate.problem import Failed
from lab import record
from lab.layout import KNOWN_SERVICES
from lab.record import Record

ENVIRONMENT = (
    "HOME=/root",
    "LANG=C.UTF-8",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
)
NSPAWN = Path("/run/systemd/nspawn")  # where it forgets a directory, and when it is killed a lock
# Nobody ever sits at a host's console, and each of these takes an inotify instance.
NO_CONSOLE = ("console-getty.service", "systemd-ask-password-console.path", "systemd-ask-password-wall.path")
# What systemd says when root's processes have all the inotify instances that root may have: usually 128, of which a
# host takes about 5. The limit is the machine's, not ours to change.
NO_INOTIFY = ("Failed to allocate manager object", "Failed to create inotify object")
INOTIFY_HINT = "take another lab down, or give root more: sysctl fs.inotify.max_user_instances=1024"
DISK = 8 << 30  # bytes, sparse
BOOT_PATIENCE = 90.0  # seconds; a guest boots in 3 on an idle machine
START = """\
set -e
for group in {groups}; do echo 0 > "$group/cgroup.procs"; done
echo "$$ $(cut -d ' ' -f 22 /proc/$$/stat)" > {pid_file}.stage
mv {pid_file}.stage {pid_file}
exec env -i {environment} SYSTEMD_NSPAWN_API_VFS_WRITABLE=network SYSTEMD_NSPAWN_TMPFS_TMP=0 \\
  systemd-nspawn --quiet --settings=no --directory={root} --boot --register=no --keep-unit --machine={machine} \\
  --network-namespace-path=/run/netns/{machine} --capability=CAP_NET_ADMIN \\
  --resolv-conf=off --timezone=off --link-journal=no {devices}
"""


@dataclass(frozen=True, slots=True)
class Guest:
    """Where a host's files are, and the name of its namespace, machine and control group."""

    name: str
    machine: str
    directory: Path
    record: Record

    @property
    def root(self) -> Path:
        """The mounted root file system."""
        return self.directory / "root"

    @property
    def upper(self) -> Path:
        """What this host has changed against the image."""
        return self.directory / "upper"

    @property
    def disk(self) -> Path:
        """The image that holds its root, where it has a disk of its own: an overlay can't do all that a disk can."""
        return self.directory / "disk.img"

    @property
    def log(self) -> Path:
        """What the host's console said."""
        return self.directory / "console.log"

    @property
    def pid_file(self) -> Path:
        """Pid and start time of its systemd-nspawn."""
        return self.directory / "nspawn.pid"

    def mount(self, lowers: Sequence[Path]) -> None:
        """Put its root together; the first of `lowers` is the topmost."""
        work = self.directory / "work"
        for directory in (self.root, self.upper, work):
            directory.mkdir(parents=True, exist_ok=True)
        self.record.add("mount", self.root)
        layers = f"lowerdir={':'.join(map(str, lowers))},upperdir={self.upper},workdir={work}"
        run(["mount", "-t", "overlay", "overlay", "-o", layers, str(self.root)], timeout=30)

    def move_to_disk(self) -> None:
        """Give a root that is put together a disk of its own: ext4 on a loop device, which the host sees as well.

        5 s for 1.4 GB in 40,000 files. Without `-O encrypt`, as Debian's installer makes it.
        """
        with self.disk.open("wb") as image:
            image.truncate(DISK)
        run(["mkfs.ext4", "-q", "-b", "4096", "-d", str(self.root), str(self.disk)], timeout=300)
        run(["umount", str(self.root)], timeout=30)
        self.record.add("loop", self.disk)
        run(["losetup", "--find", str(self.disk)], timeout=30)
        self._share_directory()  # now: the loop device holds the file, and must not hold this mount
        self._mount_disk()

    def _share_directory(self) -> None:
        """So that an unmount reaches all copies of the mount: the systemd-nspawn of each host that is started meanwhile
        has one (mount_namespaces(7)), and as long as one is left the kernel forgets no key of the file system."""
        self.record.add("mount", self.directory)
        self.record.add("mount", self.root)  # again: the newest goes first
        run(["mount", "--bind", "--make-shared", str(self.directory), str(self.directory)], timeout=30)

    def _mount_disk(self) -> None:
        if not record.mounted(str(self.root)):
            run(["mount", *record.loops(str(self.disk)), str(self.root)], timeout=30)

    def boot(self) -> None:
        """Start it and return at once; nothing happens where it runs already."""
        if record.alive(self.pid_file):
            return
        if self.disk.exists():
            self._mount_disk()
        groups = _cgroups(self.machine)
        for group in groups:
            self.record.add("cgroup", group)
            group.mkdir(exist_ok=True)
        self.record.add("directory", NSPAWN / "propagate" / self.machine)
        self.record.add("file", NSPAWN / "locks" / "inode-{0.st_dev}:{0.st_ino}".format(self.root.stat()))
        self.record.add("process", self.pid_file)
        start = self.directory / "start.sh"
        groups_quoted = " ".join(shlex.quote(str(group)) for group in groups)
        files.write(
            start,
            START.format(
                groups=groups_quoted,
                pid_file=self.pid_file,
                environment=" ".join(ENVIRONMENT),
                root=self.root,
                machine=self.machine,
                devices=" ".join(f"--bind={device}" for device in self._devices()),
            ),
        )
        self.pid_file.unlink(missing_ok=True)
        run(
            ["sh", "-c", 'exec setsid --fork sh "$0" < /dev/null >> "$1" 2>&1', str(start), str(self.log)],
            timeout=30,
        )

    def leader(self) -> int | None:
        """The pid, on this machine, of the host's systemd; None while it is down."""
        nspawn = record.alive(self.pid_file)
        return record.leader(nspawn) if nspawn else None

    def argv(self, command: Sequence[str]) -> list[str]:
        """What runs `command` as root inside: not through the network, so no firewall is in its way.

        Raises Failed where the host is down.
        """
        leader = self.leader()
        if leader is None:
            raise Failed(f"{self.name} is not running", hint=f"see the end of {self.log}")
        return _entering(leader, command)

    def attempt(self, command: str | Sequence[str], *, timeout: float = 60, stdin: str | None = None) -> Result:
        """Run in the host, whatever the exit code; a string goes to `sh -c`. Ends it inside when the time is up."""
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        limited = ["timeout", "--kill-after=5", str(timeout), *words]
        return attempt(self.argv(limited), timeout=timeout + 15, stdin=stdin)

    def run(self, command: str | Sequence[str], *, timeout: float = 60, stdin: str | None = None) -> str:
        """The standard output of what must exit 0. Raises Failed with the end of what it said."""
        result = self.attempt(command, timeout=timeout, stdin=stdin)
        if not result.ok:
            said = result.said or f"ended with {result.code}"
            raise Failed(f"{self.name}: {command}: {said}", hint="mend that, then run the same command again")
        return result.out

    def serves(self, services: Sequence[str]) -> bool:
        """Whether it is up and every one of these units is active."""
        if (leader := self.leader()) is None:
            return False
        result = attempt(_entering(leader, ["systemctl", "is-active", *services]), timeout=20)
        return result.out.split() == ["active"] * len(services)

    def wait_for(self, services: Sequence[str]) -> None:
        """Raises Failed where a unit isn't active after BOOT_PATIENCE seconds, or the host went down again."""
        late = Failed(f"{self.name}: not all of {', '.join(services)} came up", hint=f"see the end of {self.log}")
        try:
            clock.wait_until(lambda: self._came_up(services), timeout=BOOT_PATIENCE, late=late, every=0.2)
        except Failed as failed:
            raise Failed(failed.what, hint=self._hint() or failed.hint) from None

    def _came_up(self, services: Sequence[str]) -> bool:
        if self.pid_file.exists() and not record.alive(self.pid_file):
            said = self.log.read_text(encoding="utf-8", errors="replace").strip()[-600:]
            raise Failed(f"{self.name} went down while it booted: {said}", hint=f"see all of {self.log}")
        return self.serves(services)

    def _hint(self) -> str:
        """What to do where its console tells why; empty where it does not."""
        said = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return INOTIFY_HINT if any(words in said for words in NO_INOTIFY) else ""

    def _devices(self) -> list[Path]:
        disk = record.loops(str(self.disk)) if self.disk.exists() else []
        return [device for device in map(Path, ("/dev/fuse", *disk)) if device.exists()]

    def halt(self) -> None:
        """Power off, waiting until it is down; nothing of a disk is left in this machine's memory."""
        record.end([self.pid_file])
        if self.disk.exists():
            record.unmount(str(self.root))

    def put(self, path: str, content: str, *, mode: int = 0o644, owner: str = "root") -> None:
        """Write a file of a host that isn't booted; `owner` is one of its users. Never follows a link out of it."""
        target = self.root / path.lstrip("/")
        if not target.parent.resolve().is_relative_to(self.root):
            raise Failed(f"{self.name}: {path} leads out of the host", hint="build the image again: seawall lab build")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(content, encoding="utf-8")
        os.chown(target, *self._ids(owner))
        target.chmod(mode)

    def _ids(self, user: str) -> tuple[int, int]:
        lines = (self.root / "etc/passwd").read_text(encoding="utf-8").splitlines()
        found = next(line.split(":") for line in lines if line.startswith(f"{user}:"))
        return int(found[2]), int(found[3])

    def keep_only(self, services: Sequence[str]) -> None:
        """Disable every known service but these, in a host that isn't booted."""
        for link in self._wanted(set(KNOWN_SERVICES) - set(services)):
            link.unlink()

    def enabled(self, services: Collection[str]) -> list[str]:
        """The units of those services that start at boot."""
        return sorted({link.name for link in self._wanted(services)})

    def _wanted(self, services: Collection[str]) -> list[Path]:
        """The links that start those services at boot."""
        patterns = [_pattern(service) for service in services]
        # Not glob: it follows the link to learn whether it is there, and this machine has no such unit.
        links = [link for wants in (self.root / "etc/systemd/system").glob("*.wants") for link in wants.iterdir()]
        return [link for link in links if any(fnmatch(link.name, pattern) for pattern in patterns)]

    def new_identity(self, host_key: str) -> None:
        """What no two hosts may share."""
        self.put("/etc/machine-id", secrets.token_hex(16) + "\n", mode=0o444)
        self.put("/etc/hostname", self.name + "\n")
        self.put("/etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n::1 localhost ip6-localhost\n")
        for old in (self.root / "etc/ssh").glob("ssh_host_*"):
            old.unlink()
        self.put("/etc/ssh/ssh_host_ed25519_key", host_key, mode=0o600)
        for unit in NO_CONSOLE:
            mask = self.root / "etc/systemd/system" / unit
            mask.unlink(missing_ok=True)
            mask.symlink_to("/dev/null")


def _entering(leader: int, command: Sequence[str]) -> list[str]:
    spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--wd"]
    return ["nsenter", "--target", str(leader), *spaces, "--", "env", "-i", *ENVIRONMENT, *command]


def _pattern(service: str) -> str:
    """Unit files of a service; php-fpm's name carries the version."""
    return "php*-fpm.service" if service == "php-fpm" else f"{service}.service"


def _cgroups(machine: str) -> list[Path]:
    """A group in each hierarchy systemd uses: cgroup2, and on older layouts also name=systemd.

    Guests that shared one would each take the other's processes for their own.
    """
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(left.split()[4]) / machine)
    return found
