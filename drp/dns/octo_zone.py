"""A zone as octoDNS reads it: compare, note what is begun, change, look again.

No class of octoDNS has a compare-and-set, and some write an RRset by taking it out and putting it in again. So all is
read right before it is written and right after; and what is begun is noted first: where a run dies, the next one knows
that what stands half done is its own work, and ends it. Without that note anything between is somebody else's.

Only `drp.dns.octo_child` imports this: octoDNS is there only where the estate names it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from octodns.provider.plan import Plan
from octodns.record import Create, Delete, Record, Update
from octodns.record.rr import Rrset
from octodns.zone import Zone
from pydantic import TypeAdapter

from drp.change import Change, shown
from drp.dns.errand import Order
from drp.dns.rfc2136 import below_wildcard
from drp.dns.values import key
from effects import files
from estate.problem import Failed, Missing, Refused

BEGUN = TypeAdapter(tuple[Change, ...])
HINT = "put the record back where the zone is held, or make a new plan: seawall drp plan"


@dataclass(frozen=True, slots=True)
class Held:
    """What an instance of a class has just read."""

    provider: Any
    zone: Any
    class_path: str
    records: dict[tuple[str, str], Any] = field(default_factory=dict)  # by absolute name and type

    @classmethod
    def read(cls, provider: Any, name: str, class_path: str) -> "Held":
        """All of it. Raises as the class does, and Missing where there is no such zone: some would make it."""
        zone = Zone(f"{name}.", [])
        exists = provider.populate(zone, target=True, lenient=True)
        if not exists and not zone.records:
            what = f"{name}: {class_path} finds no such zone, or nothing in it"
            raise Missing(what, hint="look whether it is there, and whether the keys may see it")
        return cls(provider, zone, class_path, {(one.fqdn.lower(), one._type): one for one in zone.records})

    @property
    def name(self) -> str:
        """As the estate has it."""
        return str(self.zone.name).rstrip(".")

    def values(self, change: Change) -> frozenset[str]:
        """What stands there; always written alike."""
        record = self.records.get((change.name, change.rtype))
        return frozenset() if record is None else frozenset(_keys(record))

    def knows(self, name: str) -> bool:
        """Whether a record of any type is at that name; else a wildcard answers for it (RFC 4592)."""
        return any(at == name for at, _ in self.records)


def standing(held: Held, names: Sequence[str]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Addresses at these names, as `Answer` has them. Raises Refused where one has what would not be switched."""
    mine = {(name, kind): record for (name, kind), record in held.records.items() if name in names}
    for record in mine.values():
        _plain(held, record)
    return tuple((*at, tuple(sorted(_keys(mine[at])))) for at in sorted(mine) if at[1] in ("A", "AAAA"))


def switch(read: Callable[[], Held], order: Order) -> None:
    """Make all changes. May be run again after any failure, and after death. Raises as the class does.

    Raises Refused where a record is neither as it was nor as it shall be, nor what our own work left: nothing is done.
    """
    begun, held = Path(order.begun), read()
    if others := [change for change in order.changes if change.rtype not in held.provider.SUPPORTS]:
        kinds = ", ".join(sorted({change.rtype for change in others}))
        what = f"{held.name}: {held.class_path} can't write {kinds} records: {'; '.join(map(str, others))}"
        raise Refused(what, hint="nothing was switched; change them by hand where the zone is held")
    todo = left(held, order.changes, _noted(begun))
    if todo:
        _note(begun, todo)
        try:
            held.provider.apply(planned(held, todo))
        except Exception:
            # The answer may be lost of what was done.
            if left(read(), order.changes, todo):
                raise
        if again := left(read(), order.changes, todo):
            what = f"{held.name}: {held.class_path} was told to, and does not show it: {'; '.join(map(str, again))}"
            raise Failed(what, hint="run the same command again; else switch the zone by hand where it is held")
    begun.unlink(missing_ok=True)


def left(held: Held, changes: Sequence[Change], begun: Sequence[Change]) -> list[Change]:
    """Those that are still to be made. Raises Refused where a record stands as neither."""
    todo: list[Change] = []
    conflicts: list[str] = []
    ours = {(one.name, one.rtype, one.before, one.after) for one in begun}
    for change in changes:
        there = held.values(change)
        was, shall = (frozenset(key(change.rtype, one) for one in side) for side in (change.before, change.after))
        mine = (change.name, change.rtype, change.before, change.after) in ours and there <= was | shall
        if there == shall:
            continue
        if not there and not mine and below_wildcard(change, changes) and not held.knows(change.name):
            continue  # its wildcard answers for it, and it follows that
        if there == was or mine:
            todo.append(change)
        else:
            conflicts.append(
                f"{change.name} {change.rtype} is {shown(tuple(sorted(there)))}, not {shown(change.before)}"
            )
    if conflicts:
        what = f"{held.name}: somebody else changed DNS meanwhile: {'; '.join(conflicts)}"
        raise Refused(what, hint=HINT)
    return todo


def planned(held: Held, todo: Sequence[Change]) -> Plan:
    """These changes alone; the zone that is wished for is all that stands there, with them.

    octoDNS's own guard (30 % of the records, `raise_if_unsafe`) is not asked: it guards against a source that lost its
    records, and in a small zone the names of one host are more than that. People have signed each of these changes.
    """
    desired, made = held.zone.copy(), list[Any]()
    for change in todo:
        old = held.records.get((change.name, change.rtype))
        if old is not None:
            _plain(held, old)
        if not change.after:
            if old is not None:
                desired.remove_record(old)
                made.append(Delete(old))
            continue
        new = _record(held, change, old)
        desired.add_record(new, replace=True, lenient=True)
        made.append(Create(new) if old is None else Update(old, new))
    return Plan(held.zone, desired, made, True)


def _record(held: Held, change: Change, old: Any) -> Any:
    """With the values that are wished for. Those that stood there, and what else the record has, stay as they are."""
    rrset = Rrset(change.name, change.rtype, change.ttl, list(change.after))
    fresh = Record.from_rrset(held.zone, rrset, source=held.provider, lenient=True)
    if old is None:
        return fresh
    known = dict(zip(_keys(old), old.values, strict=True))
    values = [known.get(at, value) for at, value in zip(_keys(fresh), fresh.values, strict=True)]
    data = {word: value for word, value in old.data.items() if word not in ("value", "values")}
    data |= {"type": change.rtype, "ttl": change.ttl, "values": values}
    return Record.new(held.zone, old.name, data, source=held.provider, lenient=True)


def _keys(record: Any) -> list[str]:
    return [key(record._type, one) for one in record.to_rrset().rdatas]


def _plain(held: Held, record: Any) -> None:
    """Of one that answers by place or health nobody knows what a change of its values would do."""
    if getattr(record, "dynamic", None):
        what = f"{held.name}: {record.fqdn} {record._type} is dynamic (pools and rules): Seawall does not change it"
        raise Refused(what, hint="make it a plain record, or switch it by hand where the zone is held")


def _note(begun: Path, todo: Sequence[Change]) -> None:
    try:
        begun.parent.mkdir(parents=True, exist_ok=True)
        files.write(begun, BEGUN.dump_json(tuple(todo)).decode(), mode=0o600)
    except OSError as fault:
        what = f"{begun} can't be written, so nothing is begun: {fault.strerror}"
        raise Missing(what, hint="make room there, then run the same command again") from None


def _noted(begun: Path) -> tuple[Change, ...]:
    try:
        return BEGUN.validate_json(begun.read_bytes())
    except (FileNotFoundError, ValueError):
        return ()
