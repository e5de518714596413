"""Orders: drafted from a plan, signed by people wherever their keys are, and checked on the host that carries them out.

What is checked there needs no network and no control machine: names and public keys are in the host's slice of the
estate. A signature covers seal, scope, recovery points and an end, so it fits no other plan and no later night.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from drp.plan import Move, Plan
from effects import signatures
from estate.model import Drp, Estate
from estate.orders import Aim, Order, lacking
from estate.problem import BadEstate, Refused, Untrusted

NAMESPACE = "order@seawall"  # a signature made for anything else is none here
LONGEST = timedelta(hours=24)
AHEAD = timedelta(minutes=5)  # that the clock of whoever drafted it may be before ours
NEW: Mapping[Aim, str] = {
    "activate": "look at what would be done now, and order that: seawall drp plan",
    "return": "order what would be done now: seawall drp order --return",
    "cancel": "order what would be done now: seawall drp order --cancel",
}
_ORDER = TypeAdapter(Order)


@dataclass(frozen=True, slots=True)
class Signed:
    """An order to the byte as it was signed, and what each approver made of it."""

    text: str
    signatures: Mapping[str, str] = field(default_factory=dict)  # approver: armoured signature

    @property
    def order(self) -> Order:
        """What it says. Raises BadEstate where it is none."""
        return read(self.text)

    def with_signature(self, name: str, signature: str) -> "Signed":
        """The same order, signed by one more."""
        return replace(self, signatures={**self.signatures, name: signature})


SIGNED = TypeAdapter(Signed)


def read(text: str) -> Order:
    """An order out of its text. Raises BadEstate where it is none."""
    try:
        return _ORDER.validate_json(text)
    except ValidationError:
        raise BadEstate("this is no order", hint="make one with: seawall drp order --seal SEAL --by NAME") from None


def draft(estate: Estate, plan: Plan, by: str, at: datetime, *, valid: timedelta, reason: str = "") -> str:
    """The text that is signed: JSON that a person can read. Raises BadEstate where it would be valid for too long."""
    if not timedelta(0) < valid <= LONGEST:
        raise BadEstate("an order is valid for 24 hours at most", hint="give fewer with --hours")
    points = {move.domain: _point(move) for move in plan.moves}
    order = Order(estate.name, plan.aim, plan.seal, plan.source, plan.target, points, by, at, at + valid, reason)
    return _ORDER.dump_json(order, indent=1).decode() + "\n"


def _point(move: Move) -> datetime | None:
    """What is certain: the end of its stream, which a replica may be ahead of."""
    return min(replace(move, replicas=()).points().values(), default=None)


def signers(drp: Drp, signed: Signed) -> tuple[str, ...]:
    """Approvers who signed it. Raises Untrusted for a signature that is not theirs, or of something else."""
    for name, signature in signed.signatures.items():
        keys = drp.approvers.get(name, ())
        if not keys or not signatures.valid(signed.text, signature, keys, NAMESPACE):
            raise Untrusted(
                f"the signature of {name} is not one of theirs on this order",
                hint="nothing was begun; was the file changed after it was signed? compare it with whoever wrote it,"
                " and only then: seawall drp sign FILE --by NAME",
            )
    return tuple(signed.signatures)


def sufficient(estate: Estate, signed: Signed | None, plan: Plan, at: datetime) -> Signed:
    """The order, where it is one for exactly that plan, now. Raises as `require`, and Refused where there is none."""
    if signed is None:
        raise Refused(
            f"nobody ordered the plan {plan.seal[:12]}",
            hint="order it: seawall drp order --seal SEAL --by NAME",
        )
    require(estate, signed, plan, at)
    return signed


def require(estate: Estate, signed: Signed, plan: Plan, at: datetime) -> None:
    """Raise Refused or Untrusted unless that order, with those signatures, is for exactly that plan, now."""
    order = signed.order
    _require_for(estate, order, plan.aim, plan.seal)
    if not order.at - AHEAD <= at < order.until or order.until - order.at > LONGEST:
        raise Refused(
            f"the order is valid from {order.at:%Y-%m-%d %H:%M} to {order.until:%Y-%m-%d %H:%M}, "
            f"and here it is {at:%Y-%m-%d %H:%M} (UTC)",
            hint="order it anew: seawall drp order --seal SEAL --by NAME; and look at the clocks",
        )
    _require_no_more_loss(order, plan.moves)
    _require_enough(estate, signed)


def require_decided(estate: Estate, signed: Signed, aim: Aim, seal: str) -> None:
    """Raise as `require` unless enough people ordered that; when, and upon which loss, was looked at when it began."""
    _require_for(estate, signed.order, aim, seal)
    _require_enough(estate, signed)


def _require_for(estate: Estate, order: Order, aim: Aim, seal: str) -> None:
    if (order.estate, order.aim, order.seal) != (estate.name, aim, seal):
        raise Refused(
            f"the order is for the plan {order.seal[:12]} to {order.aim} in {order.estate}, not for {seal[:12]}",
            hint=NEW[aim],
        )


def _require_enough(estate: Estate, signed: Signed) -> None:
    order = signed.order
    if missing := lacking(estate.drp, order, signers(estate.drp, signed)):
        aim = "" if order.aim == "activate" else f" --{order.aim}"
        raise Refused(
            f"the order of {order.by} is not enough: {missing}",
            hint=f"seawall drp order{aim} writes it to a file; each signs that with: seawall drp sign FILE --by NAME",
        )


def _require_no_more_loss(order: Order, moves: Sequence[Move]) -> None:
    """The seal leaves the end of a stream open; a source that was lost since must not cost more than was approved."""
    for move in moves:
        approved, now = order.points.get(move.domain), _point(move)
        if approved is not None and (now is None or now < approved):
            raise Refused(
                f"{move.domain} comes back as of {now and now.isoformat(timespec='seconds')} only, "
                f"and {approved.isoformat(timespec='seconds')} was approved",
                hint="a source was lost since; look at the loss and order it anew: seawall drp plan",
            )
