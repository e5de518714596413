"""[escrow]: what must hold in it, the Escrow everything else works with, and back."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from estate.escrow import Escrow
from inventory.draft import Draft
from inventory.faults import Fault, quoted
from inventory.raw_escrow import RawEscrow


def check_escrow(draft: Draft) -> Iterator[Fault]:
    """Every fault in who opens what."""
    raw = draft.raw.escrow
    if raw.needed > max(1, len(raw.recipients)):
        what = f"{raw.needed} people are needed, and {len(raw.recipients)} are named; nobody could open it"
        yield Fault(("escrow", "needed"), what)
    if raw.needed > 1 and raw.passphrase is not None:
        what = "would open alone what otherwise takes several people; leave it out, or set needed = 1"
        yield Fault(("escrow", "passphrase"), what)
    owners: dict[str, str] = {}
    for name, key in raw.recipients.items():
        if (owner := owners.setdefault(key, name)) != name:
            yield Fault(("escrow", "recipients", name), f"is already the key of {quoted(owner)}; each needs their own")


def escrow(raw: RawEscrow) -> Escrow:
    """Of a table in which no fault was found."""
    return Escrow(dict(raw.recipients), raw.needed, None if raw.passphrase is None else raw.passphrase.secret())


def plain_escrow(it: Escrow) -> dict[str, Any] | None:
    """In the words of the estate file; None where nobody is named."""
    if not it.wanted:
        return None
    kept = None if it.passphrase is None else {k: v for k, v in asdict(it.passphrase).items() if v is not None}
    whole = {"recipients": dict(it.recipients), "needed": it.needed, "passphrase": kept}
    return {name: value for name, value in whole.items() if value is not None}
