"""What a repository says it has, against what the catalogue says it must have. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backups.vault.model import Listed, State
from estate.model import Side
from estate.points import FILES, Archive, parse_archive

SKEW = timedelta(minutes=5)  # that clocks may differ by
LATE = timedelta(days=3)  # that an archive may be older than the look before: snapshots wait while both sides are down
CHECKPOINT = re.compile(r"(.+)\.checkpoint(?:\.\d+)?")  # borg's own, of a run that goes on later
DEAD = timedelta(days=1)  # a run ends after 12 hours: nobody goes on from an older checkpoint


@dataclass(frozen=True, slots=True)
class Verdict:
    """Something that must not be: the repository is frozen for it until a person has looked."""

    kind: str  # vanished, replaced, returned, unknown, future, backdated, flood or key
    subject: str  # an archive's name, or an engine
    what: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}" if self.subject else self.what


def compare(
    state: State, listed: Sequence[Listed], *, client: str, files: bool, key: str, now: datetime, most: int
) -> tuple[Verdict, ...]:
    """All that is wrong; empty where everything known is there and everything new may be believed.

    `key` is the SHA-256 of the key blob now, `most` how many new archives of one kind a day are no flood.
    """
    return (*_key(state, key), *_missing(state, listed), *_strange(state, listed, client, files, now),
            *_flood(state, listed, now, most))  # fmt: skip


def new(state: State, listed: Sequence[Listed]) -> tuple[Listed, ...]:
    """Those that were never seen; a checkpoint is no archive yet."""
    return tuple(one for one in listed if one.id not in state.archives and not is_checkpoint(one.name))


def is_checkpoint(name: str) -> bool:
    """Whether borg made it on the way to an archive of ours."""
    return _begun(name) is not None


def dead(listed: Sequence[Listed], now: datetime) -> tuple[Listed, ...]:
    """Checkpoints that only take room: what their run had saved is in the next archive, and theirs never came."""
    begun = {one: _begun(one.name) for one in listed}
    return tuple(one for one, archive in begun.items() if archive and not now - DEAD <= archive.taken <= now + SKEW)


def _begun(name: str) -> Archive | None:
    found = CHECKPOINT.fullmatch(name)
    return parse_archive(found[1], "", Side.EVEN) if found else None


def _key(state: State, key: str) -> Iterator[Verdict]:
    if state.key and key != state.key:
        yield Verdict("key", "", "its key blob is another one: the passphrase may not open it any more")


def _missing(state: State, listed: Sequence[Listed]) -> Iterator[Verdict]:
    ids = {one.name: one.id for one in listed}
    for known in state.there.values():
        if ids.get(known.name) == known.id:
            continue
        if known.name in ids:
            yield Verdict("replaced", known.name, "another archive has its name")
        elif not known.deleting:
            yield Verdict("vanished", known.name, "it is gone, and nobody who may deleted it")


def _strange(state: State, listed: Sequence[Listed], client: str, files: bool, now: datetime) -> Iterator[Verdict]:
    for one in listed:
        known = state.archives.get(one.id)
        if known is not None and not known.there:
            yield Verdict("returned", one.name, "it was deleted by the keeper, and is back")
        elif known is not None and known.name != one.name:
            yield Verdict("replaced", one.name, f"this is {known.name} under another name")
        elif known is None and not is_checkpoint(one.name):
            archive = parse_archive(one.name, one.id, Side.EVEN)
            if archive is None or archive.host != client or (archive.kind == FILES) is not files:
                yield Verdict("unknown", one.name, "no archive of this repository is called so")
            else:
                yield from _untimely(state, archive, now)


def _untimely(state: State, archive: Archive, now: datetime) -> Iterator[Verdict]:
    if archive.taken > now + SKEW:
        yield Verdict("future", archive.name, "it is from the future")
    elif state.looked is not None and archive.taken < state.looked - LATE:
        yield Verdict("backdated", archive.name, "it came late: it says it is from before what was looked at long ago")


def _flood(state: State, listed: Sequence[Listed], now: datetime, most: int) -> Iterator[Verdict]:
    if state.looked is None:
        return
    days = max(1.0, (now - state.looked) / timedelta(days=1))
    found = (parse_archive(one.name, one.id, Side.EVEN) for one in new(state, listed))
    for kind, count in Counter(str(archive.kind) for archive in found if archive).items():
        if count > most * days:
            yield Verdict("flood", kind, f"more than {most} new archives a day came")
