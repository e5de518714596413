"""One turn of the keeper at one repository: look, compare, note, and only where nothing is wrong let anything go.

    look      list (past the lock, without the right to write) and compare with the catalogue
    freeze    where something vanished, was replaced, is unknown, untimely, too much, or has another key: nothing is
              deleted until a person has looked, and people are told
    note      what is new, with its size, and whether it looks poisoned
    mark      what retention lets go; it goes `delay` later, and until then anybody can say no
    remove    alone with the repository, after looking and comparing again: by name, then compact; with it what runs
              that never came to their end left behind, which takes room and is no archive

A turn that dies anywhere is completed by the next: what it began to delete is in the catalogue before it does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from backups.vault import retention
from backups.vault.catalogue import VAULT, Catalogue
from backups.vault.compare import Verdict, compare, dead, new
from backups.vault.keeping import Keeping, digest
from backups.vault.model import Known, Listed, State, Stats
from backups.vault.poison import suspicion
from effects import files
from estate.points import Kind
from estate.problem import Failed, Missing, Problem, Refused, Unreachable
from estate.vault import Keep, VaultPolicy

QUIET = timedelta(hours=20)  # between two notes that nothing changed
DAILY = timedelta(hours=20)
LATE = "did not end within"  # as `effects.run` says it
MOST = 20  # archives that one turn removes
Alarm = Callable[[str, str], None]  # a key, so that it is told once, and the words


@dataclass(frozen=True, slots=True)
class Rules:
    """What a turn goes by."""

    policy: VaultPolicy
    timezone: ZoneInfo
    proven: frozenset[str]
    now: datetime
    check: bool = False  # the data, whenever that was done last

    def keep(self, repository: Keeping) -> Keep:
        """How long what is in there stays."""
        return self.policy.files if repository.kind == "files" else self.policy.databases


@dataclass(frozen=True, slots=True)
class Facts:
    """What the gate tells of a repository without borg."""

    key: str  # as `borg key export` writes it
    transaction: int  # the newest one's number


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of it."""

    repository: str
    frozen: tuple[str, ...]  # why; empty: not frozen
    new: int
    leaving: int
    removed: tuple[str, ...]
    note: str  # what could not be done and will be tried again; empty where all was


def take(repository: Keeping, facts: Facts, catalogue: Catalogue, rules: Rules, alarm: Alarm) -> Turn:
    """Look after one repository. Raises Unreachable where it can't be looked at; nothing else ends a turn early."""
    label, before = repository.label, catalogue.state(repository.label)
    fresh, torn = 0, False
    if not _is_as_it_was(before, facts, rules):
        try:
            fresh, torn = _compare_and_note(repository, catalogue, before, facts, rules, alarm)
        except Unreachable:
            raise
        except Problem as fault:
            return _unreadable(catalogue, label, before, fault, alarm)
    state = catalogue.state(label)
    if state.frozen:
        return Turn(label, state.frozen, fresh, 0, (), "")
    _mark(repository, catalogue, rules)
    removed, note = _remove(repository, catalogue, rules, alarm, torn=torn)
    note = note or _check(repository, catalogue, rules, alarm)
    state = catalogue.state(label)
    return Turn(label, state.frozen, fresh, sum(k.leaving is not None for k in state.there.values()), removed, note)


def _compare_and_note(
    repository: Keeping, catalogue: Catalogue, before: State, facts: Facts, rules: Rules, alarm: Alarm
) -> tuple[int, bool]:
    """How many archives are new, and whether dead checkpoints lie there."""
    listed = repository.listed()
    verdicts = compared(repository, before, listed, facts.key, rules)
    _freeze(catalogue, repository.label, before, [str(verdict) for verdict in verdicts], alarm)
    fresh = _note_new(repository, catalogue, before, listed, verdicts, facts, rules, alarm)
    return fresh, bool(dead(listed, rules.now))


def _is_as_it_was(state: State, facts: Facts, rules: Rules) -> bool:
    """No transaction since the last look, and the same key: nothing to list. Once a day it is listed all the same."""
    recent = state.looked is not None and rules.now - state.looked < QUIET
    same = (state.transaction, state.key) == (facts.transaction, digest(facts.key))
    return recent and same and not state.frozen


def kept_key(label: str, blob: str) -> Path:
    """Where the key blob of that SHA-256 is kept, in case somebody changes it in the repository."""
    return VAULT / "keys" / f"{label}.{blob[:16]}"


def compared(
    repository: Keeping, state: State, listed: Sequence[Listed], blob: str, rules: Rules
) -> tuple[Verdict, ...]:
    """What the repository lists against what is known of it."""
    return compare(state, listed, client=repository.client, files=repository.kind == "files", key=digest(blob),
                   now=rules.now, most=rules.policy.most_a_day)  # fmt: skip


def _unreadable(catalogue: Catalogue, label: str, before: State, fault: Problem, alarm: Alarm) -> Turn:
    """A repository that was never there is not missed; one that was, or that can't be understood, is."""
    slow = LATE in fault.what  # a busy server is no attack
    if slow or isinstance(fault, Refused) or (isinstance(fault, Missing) and not before.there):
        return Turn(label, before.frozen, 0, 0, (), fault.what)
    _freeze(catalogue, label, before, [f"it can't be read: {fault.what}"], alarm)
    return Turn(label, catalogue.state(label).frozen, 0, 0, (), "")


def _freeze(catalogue: Catalogue, label: str, before: State, reasons: Sequence[str], alarm: Alarm) -> None:
    """Reasons add up until somebody thaws it; a person is told of each once."""
    told = (*before.frozen, *(reason for reason in reasons if reason not in before.frozen))
    if told != before.frozen:
        catalogue.note("frozen", label, reasons=told)
        alarm(
            f"frozen {label} {len(told)} {told[-1]}",
            f"{label} is frozen, nothing in it will be deleted: {'; '.join(told)}. On {catalogue.client}'s twin: "
            "seawall backup vault status; to get back to before: seawall backup vault restore-before",
        )


def _note_new(
    repository: Keeping, catalogue: Catalogue, before: State, listed: Sequence[Listed], verdicts: Sequence[Verdict],
    facts: Facts, rules: Rules, alarm: Alarm,
) -> int:  # fmt: skip
    """Note each new archive that nothing is wrong with: from now on it is missed where it vanishes."""
    against = {verdict.subject for verdict in verdicts}
    flood = any(verdict.kind == "flood" for verdict in verdicts)
    fresh = [] if flood else [one for one in new(before, listed) if one.name not in against]
    key = before.key or digest(facts.key)
    if key == digest(facts.key):
        _keep_key(repository.label, facts.key)
    total = repository.total()
    found = _measured(repository, before, fresh, total)
    for one in fresh:
        why = _suspicion(before, one, found[one.name])
        catalogue.note("seen", repository.label, one.name, id=one.id, stats=_plain(found[one.name]), suspect=why)
        if why:
            alarm(
                f"suspect {one.id}",
                f"{one.name} on the {repository.side} side is suspect: {why}. Older archives stay until somebody says: "
                f"seawall backup vault fine {one.name}",
            )
    catalogue.note("looked", repository.label, key=key, total=total, transaction=facts.transaction)
    return len(fresh)


def _keep_key(label: str, blob: str) -> None:
    path = kept_key(label, digest(blob))
    if not path.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        files.write(path, blob, mode=0o600)


def _measured(repository: Keeping, before: State, fresh: Sequence[Listed], total: int) -> dict[str, Stats]:
    raw = repository.stats([one.name for one in fresh])
    largest = max((one["compressed_size"] for one in raw.values()), default=0)
    grown = 0 if before.looked is None else max(0, total - before.total)
    added = min(1.0, grown / largest) if largest else 0.0
    return {
        name: Stats(one["original_size"], one["compressed_size"], one["nfiles"], round(added, 4))
        for name, one in raw.items()
    }


def _plain(stats: Stats) -> dict[str, int | float]:
    return {"original": stats.original, "compressed": stats.compressed, "files": stats.files, "added": stats.added}


def _suspicion(before: State, one: Listed, stats: Stats) -> str:
    known = Known(one.name, one.id, datetime.min)  # noqa: DTZ901 - of no meaning here
    past = [k for k in before.archives.values() if k.stats and not k.suspect and k.kind == known.kind]
    return suspicion([k.stats for k in sorted(past, key=lambda k: k.name) if k.stats], stats)


def fates(state: State, keep: Keep, rules: Rules) -> Mapping[str, retention.Reasons]:
    """Why each archive stays, by id, empty where it may go; each kind by itself."""
    kinds: dict[Kind | None, list[retention.Candidate]] = {}
    for known in state.there.values():
        if (archive := known.archive) is not None:
            one = retention.Candidate(known.id, archive.taken, known.seen, known.held, known.suspect)
            kinds.setdefault(known.kind, []).append(one)
    found: dict[str, retention.Reasons] = {}
    for candidates in kinds.values():
        found |= retention.reasons(candidates, keep, proven=rules.proven, now=rules.now, timezone=rules.timezone)
    return found


def _mark(repository: Keeping, catalogue: Catalogue, rules: Rules) -> None:
    state = catalogue.state(repository.label)
    for id_, why in fates(state, rules.keep(repository), rules).items():
        known = state.archives[id_]
        if why and known.leaving:
            catalogue.note("staying", repository.label, known.name, id=id_, why="; ".join(why))
        elif not why and not known.leaving:
            catalogue.note("leaving", repository.label, known.name, id=id_)


def _remove(
    repository: Keeping, catalogue: Catalogue, rules: Rules, alarm: Alarm, *, torn: bool
) -> tuple[tuple[str, ...], str]:
    """What was marked `delay` ago, what a turn that died had begun with, and dead checkpoints."""
    due = _due(catalogue.state(repository.label), rules)
    if not due and not torn:
        return (), ""
    acting = repository.acting
    try:
        with acting.alone():
            return _removed(acting, catalogue, rules, due, alarm), ""
    except (Refused, Failed, Unreachable) as fault:
        return (), fault.what


def _due(state: State, rules: Rules) -> list[Known]:
    def late(known: Known) -> bool:
        return known.leaving is not None and rules.now - known.leaving >= rules.policy.delay

    marked = [known for known in state.there.values() if known.deleting or late(known)]
    return sorted(marked, key=lambda known: (not known.deleting, known.name))[:MOST]


def _removed(
    acting: Keeping, catalogue: Catalogue, rules: Rules, due: Sequence[Known], alarm: Alarm
) -> tuple[str, ...]:
    """Nobody writes now. Look once more: what is deleted is deleted after a comparison, not after an older one."""
    state, listed = catalogue.state(acting.label), acting.listed()
    verdicts = compared(acting, state, listed, acting.key_blob(), rules)
    if verdicts:
        _freeze(catalogue, acting.label, state, [str(verdict) for verdict in verdicts], alarm)
        return ()
    there = {one.id for one in listed}
    for known in (known for known in due if known.id in there and known.leaving is None):
        catalogue.note("left", acting.label, known.name, id=known.id)  # it was begun with, and then somebody said no
    due = [known for known in due if known.id not in there or known.leaving is not None]
    go = [known for known in due if known.id in there]
    for known in go:
        catalogue.note("deleting", acting.label, known.name, id=known.id)
    torn = [one.name for one in dead(listed, rules.now)][:MOST]
    if go or torn:
        acting.delete([*(known.name for known in go), *torn])
    acting.compact()
    for known in due:
        catalogue.note("deleted", acting.label, known.name, id=known.id)
    catalogue.note("looked", acting.label, key=state.key, total=acting.total(), transaction=-1)  # to be listed again
    return (*(known.name for known in due), *torn)


def _check(repository: Keeping, catalogue: Catalogue, rules: Rules, alarm: Alarm) -> str:
    state = catalogue.state(repository.label)
    recent = state.checked is not None and rules.now - state.checked < DAILY
    if not state.there or (recent and not rules.check):
        return ""
    try:
        wrong = repository.acting.check(rules.policy.check)
    except (Refused, Failed, Unreachable) as fault:
        return fault.what
    catalogue.note("checked", repository.label, wrong=wrong)
    if wrong:
        _freeze(catalogue, repository.label, state, [f"its data is damaged: {wrong}"], alarm)
    return ""
