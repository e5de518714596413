"""Which repository's key is in escrow, and what has changed since: pure, so that an attack is judged by rules.

A key is taken over only where our passphrase opens it and it is the same key as before, whatever the passphrase was
then. Anything else is reported, and what is known to be good stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from backups.escrow.borgkey import RepositoryKey


class Verdict(StrEnum):
    """What became of one repository's key."""

    NEW = "new"
    SAME = "same"
    REWRAPPED = "another passphrase, the same key"
    UNSEEN = "its backup server does not answer"
    NONE = "no repository yet"
    GONE = "the repository is gone, or has no key"
    LOCKED = "our passphrase does not open its key"
    REPLACED = "it is another repository, or has another key"

    @property
    def good(self) -> bool:
        """Whether nothing has to be looked at by a person."""
        return self not in (Verdict.UNSEEN, Verdict.GONE, Verdict.LOCKED, Verdict.REPLACED)


@dataclass(frozen=True, slots=True)
class Held:
    """A key that is known to be good."""

    key: RepositoryKey
    material: str  # `RepositoryKey.material`


@dataclass(frozen=True, slots=True)
class Found:
    """What stands on the backup server now. `answered` is False where it could not be asked."""

    key: RepositoryKey | None
    answered: bool = True


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on one repository, and the key that is good by now; None where there is none."""

    name: str  # "web1/files@odd"
    verdict: Verdict
    held: Held | None


def name(client: str, kind: str, side: str) -> str:
    """What a repository is called here."""
    return f"{client}/{kind}@{side}"


def client_of(repository: str) -> str:
    """Whose it is."""
    return repository.partition("/")[0]


def judge(
    found: Mapping[str, Found],
    held: Mapping[str, Held],
    passphrases: Mapping[str, str],
    accepted: frozenset[str] = frozenset(),
) -> list[Judged]:
    """Every repository that there should be or was. `passphrases` are by client; `accepted` may be replaced."""
    return [
        _judged(one, found[one], held.get(one), passphrases[client_of(one)], replace=one in accepted)
        for one in sorted(found)
    ]


def _judged(one: str, found: Found, held: Held | None, passphrase: str, *, replace: bool) -> Judged:
    if found.key is None:
        absent = Verdict.GONE if held else Verdict.NONE
        return Judged(one, absent if found.answered else Verdict.UNSEEN, held)
    if held and held.key == found.key:
        return Judged(one, Verdict.SAME, held)
    material = found.key.material(passphrase)
    if material is None:
        return Judged(one, Verdict.LOCKED, held)
    verdict = _changed(material, held, replace=replace)
    return Judged(one, verdict, Held(found.key, material) if verdict.good else held)


def _changed(material: str, held: Held | None, *, replace: bool) -> Verdict:
    if held is None or (replace and held.material != material):
        return Verdict.NEW
    return Verdict.REWRAPPED if held.material == material else Verdict.REPLACED
