"""What the checks look at: the typed tables, and which names the file declares even where their table is faulty."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from estate.model import Role
from inventory.faults import Fault, Place, did_you_mean, quoted
from inventory.raw import RawEstate, RawHost

NOUNS = {"datacenters": "datacenter", "hosts": "host", "vhosts": "vhost"}


@dataclass(frozen=True, slots=True)
class Draft:
    """An estate whose tables are sound by themselves, and not yet checked against each other."""

    raw: RawEstate
    tree: dict[str, Any]

    def declared(self, table: str) -> set[str]:
        """Names in a table of the file, faulty entries among them."""
        entries = self.tree.get(table)
        return set(entries) if isinstance(entries, dict) else set()

    def host(self, name: str | None) -> RawHost | None:
        """The host of that name; None where it is absent or faulty."""
        return self.raw.hosts.get(name) if name is not None else None

    def refers(self, place: Place, table: str, name: str | None) -> Iterator[Fault]:
        """`name`, at `place`, must be declared in `table`."""
        known = self.declared(table)
        if name is not None and name not in known:
            yield Fault(place, f"no {NOUNS[table]} {quoted(name)}; {did_you_mean(name, known)}")

    def refers_to_host(self, place: Place, name: str | None, role: Role) -> Iterator[Fault]:
        """`name`, at `place`, must be a host of that role."""
        yield from self.refers(place, "hosts", name)
        host = self.host(name)
        if name is not None and host is not None and host.role not in (None, role):
            fit = [other for other, entry in self.raw.hosts.items() if entry.role is role]
            yield Fault(place, f"{quoted(name)} has the role {host.role}, not {role}; {did_you_mean(name, fit)}")


def doubles(claims: list[tuple[Place, str]], noun: str) -> Iterator[Fault]:
    """Every claim on a value that an earlier place has already claimed. `noun` names the remedy."""
    first: dict[str, Place] = {}
    for place, value in claims:
        owner = first.setdefault(value, place)
        if owner != place:
            yield Fault(place, f"{quoted(value)} is already {noun} of {quoted(str(owner[1]))}; each needs its own")
