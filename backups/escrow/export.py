"""Exporting: look at every repository's key, judge it, seal what has changed, and leave a copy with every holder.

Any step may be the last one: a sealed file is whole before it has its name, numbers are never given twice, and the next
run delivers what a holder lacks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from backups.escrow import contents, holders
from backups.escrow.contents import Contents, Kept
from backups.escrow.custody import Held, Judged, client_of, judge
from backups.escrow.holders import Seen
from backups.escrow.memory import Memory, file_name, number_of
from backups.escrow.sealing import Head, Sealed, parse, seal
from effects import secrets
from effects.clock import now
from estate.model import Estate
from estate.problem import Missing, Problem
from inventory.references import references

OWN = "escrow.passphrase"  # what opens the seal is not sealed with it
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class State:
    """Where the estate's keys stand: what was seen, what it means, and what is sealed."""

    name: str | None  # the newest sealed file; None where there is none
    head: Head | None
    current: bool  # whether that holds everything as it is now
    made: bool  # whether this run made it
    judged: tuple[Judged, ...]
    unheld: Mapping[str, str]  # holders without all of them as they were sealed, and why
    answers: Mapping[str, Seen | Problem]

    @property
    def faults(self) -> list[str]:
        """Everything that a person has to look at."""
        bad = [f"{one.name}: {one.verdict}" for one in self.judged if not one.verdict.good]
        bad += [f"{one.name}: in no escrow" for one in self.judged if not self.holds(one) and one.verdict.good]
        bad += [f"{holder}: {why}" for holder, why in self.unheld.items()]
        return bad if self.current else [*bad, "the estate has changed since the newest sealed file"]

    def holds(self, one: Judged) -> bool:
        """Whether the newest sealed file has this repository's good key, or there is none to have."""
        return one.held is None or (self.head is not None and one.held.key.fingerprint in self.head.keys)


def export(estate: Estate, path: Path, say: Say, accepted: frozenset[str] = frozenset()) -> State:
    """Seal what has changed, deliver what is lacking, remember what is good. `path` is the estate file.

    Raises Missing where nobody is named in [escrow], or a secret is not there.
    """
    memory, ours = Memory(path.resolve().parent), _read(estate, path)
    with memory.locked():
        before = _looked(estate, memory, ours, say, accepted)
        if not before.current:
            before = _sealed(estate, memory, ours, before, say)
        memory.remember(_good(before.judged))
        return _delivered(estate, memory, before, say)


def state(estate: Estate, path: Path, say: Say) -> State:
    """The same without changing anything. Raises as `export` does."""
    return _looked(estate, Memory(path.resolve().parent), _read(estate, path), say, frozenset())


@dataclass(frozen=True, slots=True)
class _Ours:
    """What the control machine has. Read once: a secret may come from a command that asks somebody."""

    whole: Contents  # without keys
    own: str | None  # what opens the seal beside people

    def with_keys(self, good: Mapping[str, Held]) -> Contents:
        return replace(self.whole, keys=good)

    def fingerprint(self, good: Mapping[str, Held]) -> str:
        return self.with_keys(good).fingerprint(self.own)


def _read(estate: Estate, path: Path) -> _Ours:
    if not estate.escrow.wanted:
        raise Missing(
            "nobody is named in [escrow] of the estate: its keys are in no escrow, and a fire would take them",
            hint="each of two or three people: seawall backup keys recipient NAME; then name them in [escrow]",
        )
    path, key = path.resolve(), Path(estate.control.ssh_key or "")
    if not key.is_file():
        raise Missing(f"the control key {key} is not there", hint="look at [control] ssh_key in the estate")
    values = {at: Kept(where, secrets.resolve(where, base=path.parent)) for at, where in references(estate).items()}
    own = values.pop(OWN, None)
    whole = Contents(
        estate=estate.name,
        estate_file=path.name,
        text=path.read_text(encoding="utf-8"),
        ssh_key_file=str(key.relative_to(path.parent) if key.is_relative_to(path.parent) else key),
        ssh_key=key.read_text(encoding="utf-8"),
        secrets=values,
        keys={},
        servers=contents.servers(estate),
    )
    return _Ours(whole, None if own is None else own.value)


def _looked(estate: Estate, memory: Memory, ours: _Ours, say: Say, accepted: frozenset[str]) -> State:
    asked = holders.holders(estate)
    say(f"looking at {', '.join(host.name for host in asked)}")
    answers = holders.each(asked, lambda host: holders.look(host, estate.control))
    found = holders.found(estate, answers)
    say(f"comparing {len(found)} keys")
    passphrases = {client_of(repository): passphrase_of(repository, ours.whole) for repository in found}
    judged = judge(found, memory.known(), passphrases, accepted)
    kept = memory.sealed()
    name = max(kept, key=number_of, default=None)
    head = None if name is None else parse(kept[name]).head
    is_now = ours.fingerprint(_good(judged))
    current = head is not None and head.contents == is_now and _same_people(head, estate)
    return State(name, head, current, False, tuple(judged), _unheld(kept, answers), answers)


def _same_people(head: Head, estate: Estate) -> bool:
    return dict(head.recipients) == dict(estate.escrow.recipients) and head.needed == estate.escrow.needed


def _good(judged: tuple[Judged, ...] | list[Judged]) -> dict[str, Held]:
    return {one.name: one.held for one in judged if one.held is not None}


def _sealed(estate: Estate, memory: Memory, ours: _Ours, before: State, say: Say) -> State:
    good = _good(before.judged)
    whole = ours.with_keys(good)
    elsewhere = [name for seen in _seen(before.answers).values() for name in seen.sealed]
    signing = whole.signing_key()
    head = Head(
        estate=estate.name,
        number=1 + max(map(number_of, [*memory.sealed(), *elsewhere]), default=0),
        made=now(),
        needed=estate.escrow.needed,
        recipients=estate.escrow.recipients,
        keys=tuple(sorted(held.key.fingerprint for held in good.values())),
        contents=ours.fingerprint(good),
        signer=signing.public_key().public_bytes_raw(),
    )
    content = seal(head, whole.document(), signing, ours.own)
    name = file_name(estate.name, head.number, content)
    memory.keep(name, content)
    say(f"sealed {name}: {len(good)} keys, for {_for_whom(head)}")
    return replace(before, name=name, head=head, current=True, made=True)


def _for_whom(head: Head) -> str:
    names = ", ".join(head.recipients)
    return f"{head.needed} of {names}" if names else "whoever knows the passphrase"


def _unheld(kept: Mapping[str, str], answers: Mapping[str, Seen | Problem]) -> dict[str, str]:
    found = {}
    for holder, answer in answers.items():
        if isinstance(answer, Problem):
            found[holder] = answer.what
            continue
        missing, wrong = holders.lacking(kept, answer.sealed)
        if missing or wrong:
            found[holder] = f"{wrong[0]} is not what was sealed" if wrong else f"lacks {', '.join(missing)}"
    return found


def _delivered(estate: Estate, memory: Memory, state: State, say: Say) -> State:
    kept, owed = memory.sealed(), dict[str, dict[str, str]]()
    for holder, seen in _seen(state.answers).items():
        missing, _ = holders.lacking(kept, seen.sealed)
        if missing:
            owed[holder] = missing
            say(f"{holder}: {len(missing)} sealed files to keep")
    done = holders.each(
        (estate.hosts[holder] for holder in owed),
        lambda host: holders.deliver(host, estate.control, owed[host.name]),
    )
    there = {
        holder: Seen(seen.keys, {**seen.sealed, **holders.digests(owed.get(holder, {}))})
        for holder, seen in _seen(state.answers).items()
    }
    failed = {holder: answer for holder, answer in done.items() if isinstance(answer, Problem)}
    return replace(state, unheld=_unheld(kept, {**state.answers, **there, **failed}))


def _seen(answers: Mapping[str, Seen | Problem]) -> dict[str, Seen]:
    return {holder: answer for holder, answer in answers.items() if isinstance(answer, Seen)}


def newest(path: Path) -> Sealed:
    """The newest sealed file beside the estate file."""
    return Memory(path.resolve().parent).newest()


def passphrase_of(repository: str, whole: Contents) -> str:
    """What opens its key."""
    return whole.secrets[f"hosts.{client_of(repository)}.passphrase"].value
