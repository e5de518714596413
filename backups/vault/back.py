"""The way back to before: what was hidden is listed again, a changed key is put back. A plan first; then the act."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backups.vault.catalogue import Catalogue
from backups.vault.compare import Verdict, new
from backups.vault.keeping import Keeping, digest
from backups.vault.model import Known, Listed
from backups.vault.turn import Rules, compared, kept_key
from estate.model import Side
from estate.points import parse_archive
from estate.problem import Missing, Problem, Refused, Unreachable


@dataclass(frozen=True, slots=True)
class Back:
    """What would be done to one repository."""

    repository: Keeping
    key: Path | None  # the key blob that would be put back
    hidden: tuple[Known, ...]  # archives that would be listed again
    left: tuple[Verdict, ...]  # what only a person can judge: archives that should not be there

    @property
    def steps(self) -> tuple[str, ...]:
        """In words."""
        found = [f"put the key back that was there: {self.key}"] if self.key else []
        found += [f"list again: {known.name} ({known.id[:12]})" for known in self.hidden]
        return (*found, *(f"left to you: {verdict}" for verdict in self.left))

    def act(self, catalogue: Catalogue) -> None:
        """Do it. Safe to repeat; nothing of what is there is removed."""
        acting = self.repository.acting
        with acting.alone():
            if self.key:
                acting.import_key(self.key.read_text(encoding="utf-8"))
            there = {one.id for one in _listed(acting)}  # with its key back, it may have them all
            hidden = [known for known in self.hidden if known.id not in there or not self.key]
            if hidden:
                acting.name([known.id for known in hidden])
        for known in hidden:
            catalogue.note("relisted", acting.label, known.name, id=known.id)


def plan(repository: Keeping, catalogue: Catalogue, rules: Rules) -> Back:
    """What would bring the repository back to what the catalogue says."""
    state, blob = catalogue.state(repository.label), repository.key_blob()
    key = kept_key(repository.label, state.key) if state.key and digest(blob) != state.key else None
    if key and not key.exists():
        raise Missing(
            f"the key of {repository.label} was changed, and no earlier one is kept here",
            hint="take it from the escrow: seawall backup keys",
        )
    verdicts = compared(repository, state, _listed(repository), blob, rules)
    lost = {verdict.subject for verdict in verdicts if verdict.kind in ("vanished", "replaced")}
    hidden = tuple(known for known in state.there.values() if known.name in lost)
    return Back(repository, key, hidden, tuple(v for v in verdicts if v.kind not in ("vanished", "replaced", "key")))


def _listed(repository: Keeping) -> Sequence[Listed]:
    """Where the list can't be read, all of them are hidden. Raises Unreachable."""
    try:
        return repository.listed()
    except Unreachable:
        raise
    except Problem:
        return ()


def thaw(repository: Keeping, catalogue: Catalogue, rules: Rules, *, by: str, why: str) -> tuple[Verdict, ...]:
    """Go on. Archives that should not be there are known from now on, and suspect; what is gone is gone.

    Raises Refused where something can still be got back.
    """
    found = plan(repository, catalogue, rules)
    if found.key or found.hidden:
        raise Refused(
            f"{repository.label}: {len(found.steps)} things can be got back",
            hint="do that first: seawall backup vault restore-before --yes",
        )
    state = catalogue.state(repository.label)
    for one in new(state, repository.listed()):
        if _is_blamed(one, found.left):
            reason = f"it should not be there, said {by}: {why}"
            catalogue.note("seen", repository.label, one.name, id=one.id, stats=None, suspect=reason)
    catalogue.note("thawed", repository.label, by=by, why=why)
    return found.left


def _is_blamed(one: Listed, verdicts: Sequence[Verdict]) -> bool:
    """By its name, or as one of a flood, which is blamed by its kind."""
    archive = parse_archive(one.name, one.id, Side.EVEN)
    kind = str(archive.kind) if archive else None
    return any(verdict.subject == (kind if verdict.kind == "flood" else one.name) for verdict in verdicts)
