"""What became small on purpose, and somebody takes as it is: the next proof is compared with that, and not with before.

A proof is evidence and is never changed, so this is a record of its own: of one subject, as one proof saw it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from backups.proof import record
from backups.proof.judge import SMALLER
from backups.proof.record import Proof
from backups.tables import Evidence
from effects import files
from estate.points import STAMP
from estate.problem import Missing


@dataclass(frozen=True, slots=True)
class Accepted:
    """One subject of one proof, by whom, and why."""

    host: str
    subject: str  # a domain, or "engine.name"
    seen: datetime  # when the proof was made
    what: tuple[str, ...]  # what that proof found to be smaller
    at: datetime
    by: str
    why: str


_ACCEPTED = TypeAdapter(Accepted)


def smaller(host: str) -> tuple[Proof, Mapping[str, tuple[str, ...]]]:
    """The newest proof, and what it found to be suspiciously small, by subject. Raises Missing where there is none."""
    known = record.proofs(host)
    if not known:
        raise Missing(f"nothing of {host} was proven yet", hint="seawall backup prove")
    found: dict[str, tuple[str, ...]] = {}
    for one in (one for one in known[-1].findings if one.what.startswith(SMALLER)):
        found[one.subject] = (*found.get(one.subject, ()), one.what)
    return known[-1], found


def accept(host: str, subject: str, at: datetime, by: str, why: str) -> Accepted:
    """From now on `subject` may be as small as the newest proof saw it. Raises Missing where that found nothing so."""
    proof, found = smaller(host)
    if subject not in found:
        others = f"; it is of {', '.join(found)}" if found else ""
        raise Missing(
            f"the newest proof says of {subject} nothing about its size{others}", hint="seawall backup proofs"
        )
    made = Accepted(host, subject, proof.at, found[subject], at, by, why)
    folder = record.PROOFS / "accepted"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{subject}.{at.strftime(STAMP)}.json"
    files.write(folder / name, _ACCEPTED.dump_json(made, indent=1).decode() + "\n", mode=0o600)
    return made


def accepted(host: str) -> tuple[Accepted, ...]:
    """All that was, oldest first; what can't be read accepts nothing."""
    found = record.understood((record.PROOFS / "accepted").glob("*.json"), _ACCEPTED)
    return tuple(sorted((one for one in found if one.host == host), key=lambda one: one.at))


def baseline(host: str) -> Mapping[str, Evidence]:
    """By subject, what the next proof is held against: the last one that held, or what was accepted after that."""
    known = record.proofs(host)
    held = next((one for one in reversed(known) if one.holds), None)
    found = {} if held is None else {**held.vhosts, **held.databases}
    by_time = {one.at: one for one in known}
    for one in accepted(host):
        proof = by_time.get(one.seen)
        if proof is not None and (held is None or proof.at > held.at):
            found |= {key: seen for key, seen in {**proof.vhosts, **proof.databases}.items() if key == one.subject}
    return found
