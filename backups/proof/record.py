"""What was proven, kept on the host that proved it: /var/lib/seawall/proofs/RECOVERYPOINT.json, mode 0600.

A record is evidence, so it is never changed: the same recovery point proven again is a record of its own instant, and
the newest one counts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from backups import paths
from backups.tables import Evidence
from effects import files
from estate.points import STAMP, Archive

T = TypeVar("T")
PROOFS = paths.STATE / "proofs"
READ = 2000  # records, the newest: with twelve a day almost half a year, and reading them takes a second
LOST = "has lost the content of"  # what a finding says where a side's disk has not kept what was written


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold, and which archives it speaks against."""

    subject: str  # a domain, a database, an engine, or the host
    what: str
    archives: tuple[str, ...]  # ids


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of looking at one recovery point: the newest archive of each kind, and the instants of its parts."""

    host: str
    at: datetime  # when it was looked at
    seconds: float
    archives: tuple[Archive, ...]
    vhosts: Mapping[str, Evidence] = field(default_factory=dict)
    databases: Mapping[str, Evidence] = field(default_factory=dict)  # "engine.name"
    findings: tuple[Finding, ...] = ()
    unseen: tuple[str, ...] = ()  # ids of archives that could not be looked at, for a reason that is not theirs

    @property
    def name(self) -> str:
        """`web1.2026-11-22T03:00:00Z`: the youngest of its parts."""
        return f"{self.host}.{max(a.taken for a in self.archives).astimezone(UTC).strftime(STAMP)}"

    @property
    def holds(self) -> bool:
        """Whether all of it does."""
        return not self.findings

    @property
    def proven(self) -> frozenset[str]:
        """Ids of the archives that were looked at, and that nothing was found against."""
        return frozenset(a.id for a in self.archives) - self.failed - {*self.unseen}

    @property
    def failed(self) -> frozenset[str]:
        """Ids of the archives that something was found against."""
        return frozenset(spoken for finding in self.findings for spoken in finding.archives)

    def is_about(self, archives: Sequence[Archive]) -> bool:
        """Whether these are the archives that it looked at."""
        return {a.id for a in self.archives} == {a.id for a in archives}


_PROOF = TypeAdapter(Proof)


def keep(proof: Proof) -> None:
    """Write it, whole or not at all."""
    PROOFS.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{proof.name}.{proof.at.astimezone(UTC).strftime(STAMP)}.json"
    files.write(PROOFS / name, _PROOF.dump_json(proof, indent=1).decode() + "\n", mode=0o600)


def proofs(host: str) -> tuple[Proof, ...]:
    """The records about archives of `host`, oldest first. One that can't be read proves nothing, and is passed over."""
    found = understood(sorted(PROOFS.glob(f"{host}.*.json"))[-READ:], _PROOF)
    return tuple(sorted((one for one in found if one.host == host), key=lambda one: one.at))


def understood(records: Iterable[Path], shape: TypeAdapter[T]) -> Iterator[T]:
    """Those of the records that can be read."""
    for path in records:
        with suppress(OSError, ValidationError):
            yield shape.validate_json(path.read_bytes())


def verdicts(host: str) -> dict[str, bool]:
    """Of each archive that was ever looked at, by id: whether the newest look found nothing against it."""
    known: dict[str, bool] = {}
    for one in proofs(host):
        known |= dict.fromkeys(one.proven, True) | dict.fromkeys(one.failed, False)
    return known


def readable(host: str, archives: Sequence[Archive]) -> tuple[Archive, ...]:
    """Without those that a proof found rotten, where the other side has the same one and nobody found that of it."""
    found = [finding for one in proofs(host) for finding in one.findings if LOST in finding.what]
    rotten = {archive for finding in found for archive in finding.archives}
    sound = {archive.name for archive in archives if archive.id not in rotten}
    return tuple(archive for archive in archives if archive.id not in rotten or archive.name not in sound)


def proven(host: str) -> frozenset[str]:
    """Ids of the archives of `host` that came up whole when they were last looked at."""
    return frozenset(archive for archive, good in verdicts(host).items() if good)
