"""What the keeper knows of one repository: every archive that was ever seen there, and what was decided. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from effects.journal import Entry
from estate.model import Side
from estate.points import Archive, Kind, parse_archive


@dataclass(frozen=True, slots=True)
class Stats:
    """How large an archive is, in bytes and files, as `borg info` says."""

    original: int
    compressed: int
    files: int
    added: float  # share of it that the repository had not before: growth since the last look / `compressed`


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of what a repository says it has."""

    name: str
    id: str  # borg's, 64 hex digits


@dataclass(frozen=True, slots=True)
class Known:
    """An archive of the catalogue."""

    name: str
    id: str
    seen: datetime  # when the keeper first saw it
    stats: Stats | None = None
    suspect: str = ""  # why older ones must stay because of it; empty: nothing speaks against it
    leaving: datetime | None = None  # since when retention lets it go
    deleting: bool = False  # begun, and its end not yet noted
    gone: datetime | None = None  # when it was deleted by us
    held: str = ""  # who holds it, and why

    @property
    def there(self) -> bool:
        """Whether the repository must have it."""
        return self.gone is None

    @property
    def archive(self) -> Archive | None:
        """By its name; None where that is none of ours. The side is the repository's, and of no use here."""
        return parse_archive(self.name, self.id, Side.EVEN)

    @property
    def kind(self) -> Kind | None:
        """Files, or an engine."""
        return self.archive.kind if self.archive else None


@dataclass(frozen=True, slots=True)
class State:
    """All that the catalogue says of one repository."""

    archives: Mapping[str, Known] = field(default_factory=dict)  # by id
    key: str = ""  # SHA-256 of the key blob
    total: int = 0  # bytes that the repository's chunks had together at the last look
    transaction: int = 0  # borg's number of the newest one at the last look
    looked: datetime | None = None
    checked: datetime | None = None
    frozen: tuple[str, ...] = ()  # why; empty: not frozen
    refused: str = ""  # the instant of the newest refusal that was told

    @property
    def there(self) -> dict[str, Known]:
        """Archives that the repository must have, by id."""
        return {known.id: known for known in self.archives.values() if known.there}


def state_of(entries: Iterable[Entry], repository: str) -> State:
    """What all entries about `repository` come to, in their order."""
    archives: dict[str, Known] = {}
    state = State(archives)
    for entry in entries:
        if entry.step == repository:
            state = _after(state, archives, entry)
    return state


def _after(state: State, archives: dict[str, Known], entry: Entry) -> State:
    """One entry later. `archives` is changed in its place: there are years of entries."""
    detail: Mapping[str, Any] = entry.detail
    if entry.event == "seen":
        stats = Stats(**detail["stats"]) if detail["stats"] else None
        archives[detail["id"]] = Known(entry.subject, detail["id"], entry.at, stats, detail["suspect"])
    elif entry.event in OF_ONE and detail["id"] in archives:
        archives[detail["id"]] = replace(archives[detail["id"]], **OF_ONE[entry.event](entry.at, detail))
    elif entry.event in OF_ALL:
        return replace(state, **OF_ALL[entry.event](entry.at, detail))
    return state


Change = Callable[[datetime, Mapping[str, Any]], dict[str, Any]]
OF_ALL: Mapping[str, Change] = {  # what an entry changes of what is known of the repository
    "looked": lambda at, it: {
        "looked": at,
        "key": it["key"],
        "total": it["total"],
        "transaction": it.get("transaction", -1),
    },
    "refused": lambda _, it: {"refused": it["until"]},
    "checked": lambda at, _: {"checked": at},
    "frozen": lambda _, it: {"frozen": tuple(it["reasons"])},
    "thawed": lambda *_: {"frozen": ()},
    "trusted": lambda _, it: {"key": it["key"]},
}
OF_ONE: Mapping[str, Change] = {  # likewise of one archive
    "fine": lambda *_: {"suspect": ""},
    "leaving": lambda at, _: {"leaving": at},
    "staying": lambda *_: {"leaving": None},
    "held": lambda _, it: {"held": f"{it['by']}: {it['why']}", "leaving": None},
    "released": lambda *_: {"held": ""},
    "deleting": lambda *_: {"deleting": True},
    "deleted": lambda at, _: {"gone": at, "deleting": False},
    "left": lambda *_: {"deleting": False},  # it was begun and not done: it is there
}
