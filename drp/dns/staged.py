"""A zone as OVH's API keeps it: records that are edited one by one, and seen by nobody before the zone is refreshed.

SPF, DMARC and DKIM are types of their own there, and TXT to the rest of the world. The type of a record can't be
changed, so each is written as what it is. Lists are filtered by patterns ("like"), so what comes is looked at again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from drp.change import Change
from drp.dns.values import key
from effects.ovh import Api, Gone
from effects.rest import Later
from estate.problem import Failed

T = TypeVar("T")

TEXTS = ("TXT", "SPF", "DMARC", "DKIM")


@dataclass(frozen=True, slots=True)
class Record:
    """One value of an RRset."""

    id: int
    kind: str  # OVH's type
    sub: str  # the name below the zone's; "" is the zone's own
    target: str  # as somebody wrote it
    ttl: int  # seconds; 0: as the zone's

    @property
    def key(self) -> str:
        """The same for the same value, however it is written."""
        return key("TXT" if self.kind in TEXTS else self.kind, self.target)


@dataclass(frozen=True, slots=True)
class Staged:
    """The zone at the API. Everything raises as `Api.ask`."""

    api: Api
    zone: str

    def rrset(self, change: Change) -> tuple[Record, ...]:
        """What stands there, published or not."""
        sub = _below(change.name, self.zone)
        kinds = TEXTS if change.rtype == "TXT" else (change.rtype,)
        return tuple(record for kind in kinds for record in self._records(sub, kind))

    def knows(self, name: str) -> bool:
        """Whether a record of any type is at that name; else a wildcard answers for it (RFC 4592)."""
        return any(True for _ in self._records(_below(name, self.zone)))

    def _records(self, sub: str, kind: str = "") -> Iterator[Record]:
        asked = urlencode({"subDomain": sub} | ({"fieldType": kind} if kind else {}))
        for number in self._read(f"{self._path}/record?{asked}", lambda said: [int(one) for one in said]):
            found = self.record(number)
            if found is not None and (found.kind, found.sub) == (kind or found.kind, sub):
                yield found

    def record(self, number: int) -> Record | None:
        """None where it is there no more."""
        try:
            return self._read(f"{self._path}/record/{number}", _record)
        except Gone:
            return None

    def _read(self, path: str, made: Callable[[Any], T]) -> T:
        try:
            return made(self.api.ask("GET", path).json)
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            what = f"{self.zone}: OVH's answer to GET {path} is not what it was: {type(fault).__name__}: {fault}"
            raise Failed(
                what, hint="switch the zone by hand in OVH's web interface, and look for a newer Seawall"
            ) from None

    def put(self, record: Record) -> None:
        """Write target and TTL of a record that is there."""
        self.api.ask("PUT", f"{self._path}/record/{record.id}", _body(record))

    def create(self, record: Record) -> None:
        """Add it, once, whatever number it gets. Asked again where nobody knows whether it was heard."""
        body = _body(record) | {"fieldType": record.kind}
        try:
            self.api.ask("POST", f"{self._path}/record", body, again=False)
        except Later:
            if not self.named(record):
                self.api.ask("POST", f"{self._path}/record", body, again=False)

    def named(self, record: Record) -> tuple[Record, ...]:
        """Those with its name, type and value."""
        return tuple(one for one in self._records(record.sub, record.kind) if one.key == record.key)

    def delete(self, record: Record) -> None:
        """May have happened before."""
        try:
            self.api.ask("DELETE", f"{self._path}/record/{record.id}")
        except Gone:
            return

    def refresh(self) -> None:
        """Publish all that is staged. Done twice it is the same."""
        self.api.ask("POST", f"{self._path}/refresh")

    @property
    def _path(self) -> str:
        return f"/domain/zone/{quote(self.zone)}"


def _record(said: Any) -> Record:
    return Record(
        int(said["id"]), str(said["fieldType"]), said.get("subDomain") or "", str(said["target"]), said.get("ttl") or 0
    )


def _body(record: Record) -> dict[str, Any]:
    return {"subDomain": record.sub, "target": record.target, "ttl": record.ttl}


def _below(name: str, zone: str) -> str:
    return name.rstrip(".").removesuffix(zone.rstrip(".")).rstrip(".")


def written_as(record: Record, value: str) -> Record:
    """The record with another value (in presentation format), with or without quotes as it was before."""
    plain = record.kind in TEXTS and not record.target.startswith('"')
    return replace(record, target=key("TXT", value) if plain else value)


def fresh(change: Change, value: str, zone: str) -> Record:
    """A record that is not there yet."""
    return Record(0, change.rtype, _below(change.name, zone), value, change.ttl)


@dataclass(frozen=True, slots=True)
class Edit:
    """One record becomes another: `None` is no record."""

    old: Record | None
    new: Record | None

    @property
    def back(self) -> "Edit":
        """What undoes it."""
        return Edit(self.new, self.old)


def edits(change: Change, standing: Sequence[Record], zone: str) -> tuple[Edit, ...] | None:
    """What is left to be done so that the RRset stands as `change.after`. None: it stands as somebody else wants it.

    A run that died may have done a part of it: each old value is there, or the new one that takes its place.
    """
    was, shall = ({key(change.rtype, value): value for value in values} for values in (change.before, change.after))
    out, come = sorted(was.keys() - shall.keys()), sorted(shall.keys() - was.keys())
    instead = dict(zip(out, come, strict=False))
    there = {record.key for record in standing}
    if not was.keys() & shall.keys() <= there <= was.keys() | shall.keys():
        return None
    if any((old in there) is (new in there) for old, new in instead.items()):
        return None
    found = [Edit(record, _becomes(record, change, shall, instead)) for record in standing]
    found += [Edit(None, fresh(change, shall[one], zone)) for one in come[len(out) :] if one not in there]
    return tuple(edit for edit in found if edit.old != edit.new)


def _becomes(record: Record, change: Change, shall: dict[str, str], instead: dict[str, str]) -> Record | None:
    kept = replace(record, ttl=change.ttl)
    if record.key in shall:
        return kept
    return written_as(kept, shall[instead[record.key]]) if record.key in instead else None
