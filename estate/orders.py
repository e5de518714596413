"""An order: what people sign, and whether enough of them did. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Aim = Literal["activate", "return", "cancel"]


@dataclass(frozen=True, slots=True)
class Order:
    """The decision to carry out exactly one sealed plan, with all that it was made upon."""

    estate: str
    aim: Aim
    seal: str  # of the plan
    source: str
    target: str
    points: Mapping[str, datetime | None]  # vhost: it is brought back at least up to then; None on the way home
    by: str  # who asks for it
    at: datetime
    until: datetime  # from then on it begins nothing any more
    reason: str = ""  # of breaking the glass: one approver is enough then, and everybody hears of it


class Rule(Protocol):
    """Who decides: as `estate.model.Drp` says it."""

    @property
    def approvers(self) -> Mapping[str, tuple[str, ...]]:
        """Their public keys."""

    @property
    def approvals(self) -> int:
        """How many of them it takes."""

    @property
    def owner(self) -> str | None:
        """Who must be among them."""


def lacking(drp: Rule, order: Order, signed: Collection[str]) -> str | None:
    """What it still takes, in words; None where it is enough. `signed`: approvers whose signatures are good."""
    return None if order.reason and signed else short_of(drp, signed)


def short_of(drp: Rule, signed: Collection[str]) -> str | None:
    """The same of any order whose glass nobody breaks."""
    others = [name for name in drp.approvers if name not in signed]
    missing = drp.approvals - len(set(signed))
    if drp.owner is not None and drp.owner not in signed:
        more = f", and {missing} must sign it in all, of {', '.join(others)}" if missing > 1 else ""
        return f"{drp.owner}, the data owner, has not signed it{more}"
    return f"{missing} more must sign it, of {', '.join(others)}" if missing > 0 else None
