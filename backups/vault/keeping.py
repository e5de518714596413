"""One repository as the keeper has it: to look, by the reader's account; to act, by the writer's, behind the gate.

Looking must not go through an account that may write: past borg's lock it would repair what a running backup is about
to finish, and waiting for the lock would take as long as the backup.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from backups import paths
from backups.repository import HOURS, LOOK, PATIENT, Repository, ssh
from backups.vault.model import Listed
from effects import files
from effects.held import held
from effects.run import run
from estate.problem import Refused

KEY = paths.SSH_KEY.with_name("keeper_ed25519")
BORG_HOME = paths.STATE / "keeper"  # two of its own: the same repository under another account is a moved one for borg
DOOR = 660.0  # seconds to wait for running backups; the gate gives up after 600
TELL = 60.0
WRONG = 1  # how `borg check` ends where it found something


@dataclass(frozen=True, slots=True)
class Keeping(Repository):
    """What the DRP side may do with a repository of `client`; with `writing` it acts."""

    @property
    def label(self) -> str:
        """`web1.files.odd`, as the catalogue calls it."""
        return f"{self.client}.{self.kind}.{self.side}"

    @property
    def _ssh(self) -> tuple[str, ...]:
        return ssh(KEY)

    def listed(self) -> tuple[Listed, ...]:
        """Everything that the repository says it has, checkpoints too."""
        out = self._run("list", "--json", "--consider-checkpoints", *self._lock, self.url, timeout=DOOR)
        return tuple(Listed(row["name"], row["id"]) for row in json.loads(out)["archives"])

    def key_blob(self) -> str:
        """The repository's key as `borg key export` writes it; it is sealed by the passphrase.

        As the gate reads it: borg's own command reads the list of archives first, and that may be garbage.
        """
        return str(self.told()["repositories"].get(self.kind, {"key": ""})["key"])

    def import_key(self, blob: str) -> None:
        """Put a key blob back that was exported before."""
        kept = paths.STATE / "vault" / ".key-import"
        files.write(kept, blob, mode=0o600)
        try:
            self._run("key", "import", self.url, str(kept), timeout=LOOK)
        finally:
            kept.unlink()

    def stats(self, names: Sequence[str]) -> dict[str, Mapping[str, int]]:
        """borg's figures of each of these archives, by name: sizes in bytes, number of files."""
        found: dict[str, Mapping[str, int]] = {}
        for name in names:
            out = self._run("info", "--json", *self._lock, f"{self.url}::{name}", timeout=HOURS)
            found[name] = json.loads(out)["archives"][0]["stats"]
        return found

    def total(self) -> int:
        """Bytes of all chunks of all archives, each once."""
        out = self._run("info", "--json", *self._lock, self.url, timeout=HOURS)
        return int(json.loads(out)["cache"]["stats"]["unique_csize"])

    def delete(self, names: Sequence[str]) -> None:
        """By explicit name, never by a rule that an archive's own words could turn."""
        first, *others = names
        self._run("delete", PATIENT, f"{self.url}::{first}", *others, timeout=12 * HOURS)

    def compact(self) -> None:
        """Give back the space of what was deleted."""
        self._run("compact", PATIENT, self.url, timeout=12 * HOURS)

    def check(self, limit: timedelta) -> str:
        """Read on for `limit` where the last check ended; what borg found, empty where nothing is wrong."""
        seconds = max(1, int(limit.total_seconds()))
        bound = ("--repository-only", f"--max-duration={seconds}", PATIENT)
        result = self._attempt("check", *bound, self.url, timeout=seconds + HOURS)
        if result.code == WRONG:
            return " ".join(result.err.split())[-600:]
        self._judge(result, "check")
        return ""

    def name(self, archives: Sequence[str]) -> None:
        """Have these archives (ids) in the list of archives again; see `backups.vault.manifest`."""
        argv = [sys.executable, "-I", "-m", "backups.vault.manifest", self.url]
        run(argv, timeout=HOURS, env=self._environment(), stdin=json.dumps(list(archives)))

    def told(self) -> dict[str, Any]:
        """What the gate tells of this client: refusals, and the disk."""
        found: dict[str, Any] = json.loads(run([*self._door, "tell"], timeout=TELL))
        return found

    def send(self, text: str, at: int) -> None:
        """Have the gate append this to its copy of the catalogue, which has `at` bytes now."""
        run([*self._door, "append", str(at)], timeout=TELL, stdin=text)

    def copy(self) -> str:
        """The gate's copy of the catalogue."""
        return run([*self._door, "copy"], timeout=TELL)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody writes meanwhile. Raises Refused while a backup runs."""
        with held([*self._door, "hold", self.kind], timeout=DOOR, what=self.label) as said:
            if said != "held":
                raise Refused(f"{self.label}: a backup is running", hint="the keeper's next turn tries again")
            yield

    @property
    def acting(self) -> "Keeping":
        """The same, with the right to write."""
        return replace(self, writing=True)

    @property
    def _lock(self) -> tuple[str, ...]:
        return (PATIENT,) if self.writing else ("--bypass-lock",)

    @property
    def _door(self) -> tuple[str, ...]:
        return (*self._ssh, "-p", str(self.server.ssh_port), f"borg-{self.client}@{self.server.ipv4}")

    def _environment(self, verb: str = "") -> dict[str, str]:
        usual = Repository._environment(self, verb)
        home = BORG_HOME / ("act" if self.writing else "look")
        return usual | {"BORG_BASE_DIR": str(home), "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING": "NO"}


def digest(blob: str) -> str:
    """SHA-256 of a key blob, as the catalogue keeps it."""
    return hashlib.sha256(blob.encode()).hexdigest()
