"""One borg repository on a backup server. borg's interface is its command line, its JSON and its exit codes.

A client writes as `borg-CLIENT` (append-only); its partner reads as `borg-CLIENT-ro`, a user without the right
to write, which is why reading goes past the lock: nothing that a reader does can hinder the next archive.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from backups import paths, progress
from backups.progress import Seen
from effects import limited
from effects.follow import follow
from effects.run import Result, attempt
from estate.model import Host, Side
from estate.points import FILES, Archive, Kind, parse_archive
from estate.problem import Failed, Missing, Problem, Refused, Unreachable, Untrusted

# Ten minutes for whoever holds a lock, in many short waits: borg looks again after a tenth of what it would wait, and
# sleeps for a minute of six hundred seconds (1.4.5, locking.TimeoutTimer).
PATIENT, LOOKS = "--lock-wait=30", 20
LOCKED = 73
# They need no cache. But where there is one, borg takes its lock (1.4, cache.SecurityManager.assert_secure), which a
# backup on the same host holds for as long as it lasts; and --bypass-lock is about the repository's alone.
CACHELESS = ("list", "extract", "diff", "mount")
LOOK = 40.0  # seconds to list or measure; a disk that hangs on one side must not hide the other
HOURS = 3600
# Of borg's warnings those that a busy host always has: a file changed, was replaced, or went while it was read. Two
# kinds in one run end with 1. All others (a disk that can't be read, a right that is missing) are errors here.
HARMLESS = (100, 103, 107)
SEVERAL = 1
Start = Callable[[Sequence[str], Mapping[str, str]], Result]  # arguments and environment of borg
UNREADABLE = re.compile(r"\[Errno (?!2\b)\d+\]")
FENCED = re.compile(r"fenced: .*? serves since .*? back")  # as the gate says it (effects/onhost/fence.py)
ALREADY_THERE = 10
CLOSED = (80, 81)  # there was no connection, or no longer
# What borg (1.4, BORG_EXIT_CODES=modern) ends with, as what an operator can act on.
CODES: dict[int, tuple[type[Problem], str, str]] = {
    13: (Missing, "has no repository yet", "create it with: seawall backup init"),
    31: (Missing, "has no such archive", "show what there is with: seawall backup list"),
    52: (
        Untrusted,
        "does not open with this passphrase",
        "compare the host's passphrase with the escrowed one",
    ),
    LOCKED: (
        Refused,
        "is locked by another run",
        "wait for it to end; seawall backup status shows when it began",
    ),
    80: (Unreachable, "does not answer", "is the backup server up? the other side goes on meanwhile"),
    81: (Unreachable, "does not answer", "is the backup server up? the other side goes on meanwhile"),
    83: (Refused, "may not be used with this host's key", "put the keys in place with: seawall install"),
    87: (
        Unreachable,
        "broke the connection",
        "run the same command again: borg goes on from its last checkpoint",
    ),
}


@dataclass(frozen=True, slots=True)
class Repository:
    """Where `client` keeps one class of archives on one side."""

    client: str
    kind: Literal["files", "databases"]
    side: Side
    server: Host
    passphrase: Path
    writing: bool = True
    upload: int | None = None  # KiB a second that all transfers of this host share; None: as fast as it goes

    @property
    def user(self) -> str:
        """The account on the backup server."""
        return f"borg-{self.client}" if self.writing else f"borg-{self.client}-ro"

    @property
    def url(self) -> str:
        """As borg takes it."""
        return (
            f"ssh://{self.user}@{self.server.ipv4}:{self.server.ssh_port}{paths.REPOSITORIES}/{self.client}/{self.kind}"
        )

    @property
    def where(self) -> str:
        """As people are told of it."""
        return f"{self.server.name}: the {self.side} {self.kind} repository of {self.client}"

    def init(self, related: str | None = None) -> bool:
        """Create it with a key of its own (AES-256 in borg's `repokey`); False where it is there already.

        `related`: what `related_secrets` of its sister says.
        """
        argv = [str(paths.BORG), "init", "--encryption=repokey", "--append-only", self.url]
        if related is None:
            result = self._started(argv, timeout=120)
        else:
            result = self._started([*argv, "--import-related-secrets=-"], timeout=120, stdin=related)
        if result.code == ALREADY_THERE:
            return False
        self._judge(result, "init")
        return True

    def related_secrets(self) -> str:
        """A secret: what a sister has to be made with, so that the same content has the same chunk ids in both."""
        return self._run("key", "export-related-secrets", self.url, "-", timeout=LOOK)

    def create(
        self, archive: str, sources: Sequence[str], *, cwd: Path, options: Sequence[str] = (), seen: Seen | None = None
    ) -> dict[str, Any]:
        """Save `sources` and return borg's statistics. Complete, or an error. `seen` hears how far it is."""
        said = progress.OPTIONS if seen else ()
        argv = ("create", "--json", PATIENT, *said, *options, f"{self.url}::{archive}", *sources)
        out = self._run(*argv, timeout=12 * HOURS, cwd=cwd, seen=seen)
        stats: dict[str, Any] = json.loads(out)["archive"]
        return stats

    def archives(self) -> tuple[Archive, ...]:
        """All of them, oldest first; what is not named as ours is passed over."""
        listed = json.loads(self._run("list", "--json", *self._past_the_lock, self.url, timeout=LOOK))["archives"]
        found = (parse_archive(row["name"], row["id"], self.side) for row in listed)
        return tuple(archive for archive in found if archive is not None)

    def size(self, archive: Archive) -> tuple[int, int]:
        """Bytes and files that a restore of `archive` writes."""
        out = self._run("info", "--json", *self._past_the_lock, f"{self.url}::{archive.name}", timeout=LOOK)
        stats = json.loads(out)["archives"][0]["stats"]
        return int(stats["original_size"]), int(stats["nfiles"])

    def remove(self, archive: Archive) -> None:
        """Let go of it, and of the room it took. For a repository on this machine: backup servers have a keeper."""
        self._run("delete", f"{self.url}::{archive.name}", timeout=HOURS)
        self._run("compact", self.url, timeout=HOURS)

    def comment(self, archive: Archive) -> str:
        """What was written down about `archive` when it was taken."""
        out = self._run("info", "--json", *self._past_the_lock, f"{self.url}::{archive.name}", timeout=LOOK)
        return str(json.loads(out)["archives"][0]["comment"])

    def extract(self, archive: Archive, into: Path, members: Sequence[str] = ()) -> None:
        """Write `members` (all where none is named) below `into`, owners by name, holes as holes."""
        self._run(
            "extract",
            "--sparse",
            *self._past_the_lock,
            f"{self.url}::{archive.name}",
            *members,
            timeout=12 * HOURS,
            cwd=into,
        )

    def items(self, archive: Archive, form: str, patterns: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """What lies in `archive` where a pattern fits (all of it where there is none), with the fields of `form`.

        Always past the lock: a return ends with this, when the next backup has begun.
        """
        argv = ("list", "--json-lines", f"--format={form}", "--bypass-lock", f"{self.url}::{archive.name}", *patterns)
        for line in self._run(*argv, timeout=HOURS).splitlines():
            yield json.loads(line)

    def compared(self, before: Archive, after: Archive, patterns: Sequence[str] = ()) -> str:
        """`borg diff` of two archives that lie here, as JSON lines."""
        argv = ("diff", "--json-lines", *self._past_the_lock, f"{self.url}::{before.name}", after.name, *patterns)
        return self._run(*argv, timeout=HOURS)

    def mount(self, archive: Archive, place: str, start: Start) -> None:
        """Let `start` run borg so that it shows `archive` at `place`, and judge how that began.

        Always past the lock: it is there for hours, and hinders no backup.
        """
        options = ("--foreground", "--bypass-lock", "-o", "nosuid,nodev,noexec")
        result = start(("mount", *options, f"{self.url}::{archive.name}", place), self._environment("mount"))
        self._judge(self._explained(result), "mount")

    def read_by(self, argv: Sequence[str], *, stdin: str, timeout: float) -> str:
        """What a program of ours says that reads it through borg's own modules, and ends with borg's exit codes."""
        result = self._started(argv, timeout=timeout, cwd=Path(__file__).parents[1], stdin=stdin)
        self._judge(result, "read")
        return result.out

    @property
    def _past_the_lock(self) -> tuple[str, ...]:
        return () if self.writing else ("--bypass-lock",)

    def _run(self, *argv: str, timeout: float, cwd: Path | None = None, seen: Seen | None = None) -> str:
        result = self._attempt(*argv, timeout=timeout, cwd=cwd, seen=seen)
        self._judge(result, argv[0])
        return result.out

    def _attempt(self, *argv: str, timeout: float, cwd: Path | None = None, seen: Seen | None = None) -> Result:
        for _ in range(LOOKS if PATIENT in argv else 1):
            result = self._once(*argv, timeout=timeout, cwd=cwd, seen=seen)
            if result.code != LOCKED:
                break
        return result

    def _once(self, *argv: str, timeout: float, cwd: Path | None, seen: Seen | None) -> Result:
        call = [str(paths.BORG), *argv]
        if seen is None:
            return self._started(call, timeout=timeout, cwd=cwd)
        heard = progress.heard(seen)
        return self._explained(follow(call, timeout=timeout, env=self._environment(argv[0]), cwd=cwd, heard=heard))

    def _started(
        self, argv: Sequence[str], *, timeout: float, cwd: Path | None = None, stdin: str | None = None
    ) -> Result:
        return self._explained(attempt(argv, timeout=timeout, env=self._environment(argv[1]), cwd=cwd, stdin=stdin))

    def _explained(self, result: Result) -> Result:
        return replace(result, err=f"{self._ssh_says()}{result.err}") if result.code in CLOSED else result

    def _ssh_says(self) -> str:
        """Why ssh gives no connection: borg may leave before it has read that."""
        door = ["-p", str(self.server.ssh_port), f"{self.user}@{self.server.ipv4}", "true"]
        return attempt([*self._ssh, *door], timeout=30).err

    @property
    def _ssh(self) -> tuple[str, ...]:
        return ssh()

    @property
    def _held(self) -> tuple[str, ...]:
        """What stands before ssh and holds what goes out to the host's limit."""
        if self.upload is None or not self.writing:
            return ()
        return (sys.executable, "-I", str(limited.__file__), str(self.upload), str(paths.UPLOAD))

    def _environment(self, verb: str = "") -> dict[str, str]:
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "BORG_BASE_DIR": str(paths.BORG_HOME),
            "BORG_PASSCOMMAND": f"cat {self.passphrase}",
            "BORG_HOST_ID": f"seawall-{self.client}",  # borg's own follows the network card: a lock of before stays
            "BORG_RSH": " ".join([*self._held, *self._ssh]),
            "BORG_EXIT_CODES": "modern",
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "no",
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "no",
            **({"BORG_CACHE_DIR": str(paths.BORG_HOME / "empty")} if verb in CACHELESS else {}),
        }

    def _judge(self, result: Result, verb: str) -> None:
        if result.ok or (verb == "create" and self.kind == "files" and _harmless(result)):
            return
        where, said = self.where, _gist(result.err)
        if "No space left on device" in result.err or "Insufficient free space" in result.err:
            raise Failed(
                f"{where}: the disk of {self.server.name} is full",
                hint=f"make room below {paths.REPOSITORIES} on {self.server.name}; the other side goes on meanwhile",
            )
        if "Host key verification failed" in result.err:
            raise Untrusted(
                f"{self.server.name} ({self.server.ipv4}) shows another host key than the estate pins",
                hint="if the server was rebuilt, put its new key into the estate and run: seawall install",
            )
        if fenced := FENCED.search(result.err):
            raise Refused(f"{where}: {fenced[0]}", hint="on this host, systemctl status 'seawall-fence*' says more")
        if "Permission denied (publickey" in result.err:
            raise Untrusted(
                f"{where}: {self.server.name} does not accept this host's key",
                hint="put the keys in place with: seawall install",
            )
        kind, what, hint = CODES.get(
            result.code,
            (Failed, f"borg {verb} ended with {result.code}", "mend that, then run the same command again"),
        )
        raise kind(f"{where} {what}{': ' + said if said else ''}", hint=hint)


def ssh(key: Path = paths.SSH_KEY) -> tuple[str, ...]:
    """How this host comes to a backup server: with its own key, to pinned host keys, and never waiting for a person."""
    options = ("IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=yes",
               f"UserKnownHostsFile={paths.KNOWN_HOSTS}", "ConnectTimeout=3",
               "ServerAliveInterval=10", "ServerAliveCountMax=6")  # fmt: skip
    return ("ssh", "-i", str(key), *(part for option in options for part in ("-o", option)))


def _harmless(result: Result) -> bool:
    return result.code in HARMLESS or (result.code == SEVERAL and not UNREADABLE.search(result.err))


def _gist(err: str) -> str:
    lines = [
        line.strip() for line in err.strip().splitlines() if line.strip() and not line.startswith(("  ", "Traceback"))
    ]
    return " ".join(lines)[-300:]


def class_of(kind: Kind) -> Literal["files", "databases"]:
    """The repository that an archive of `kind` goes to. Two, so that the two-hourly run never queues behind files."""
    return "files" if kind == FILES else "databases"
