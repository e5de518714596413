"""[drp]: what must hold in it, the Drp everything else works with, and back."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from estate.model import Drp, Tickets, Unwitnessed
from estate.people import Contact
from estate.promise import Promise
from inventory.channels_build import channel, plain_channel
from inventory.draft import Draft
from inventory.faults import Fault, did_you_mean, quoted
from inventory.raw_drp import RawDrp, RawTickets


def check_drp(draft: Draft) -> Iterator[Fault]:
    """Every fault in who decides, and in who is called."""
    raw = draft.raw.drp
    people = raw.people if raw is not None else {}
    for name, one in people.items():
        if one.alternate is not None and (one.alternate not in people or one.alternate == name):
            what = f"nobody else of that name is called; {did_you_mean(one.alternate, set(people) - {name})}"
            yield Fault(("drp", "people", name, "alternate"), what)
    if raw is None or raw.approvers is None:
        return
    if raw.approvals > len(raw.approvers):
        what = f"{raw.approvals} must sign an order, and {len(raw.approvers)} are named; nothing could be ordered"
        yield Fault(("drp", "approvals"), what)
    if raw.owner is not None and raw.owner not in raw.approvers:
        what = f"{quoted(raw.owner)} is no approver; {did_you_mean(raw.owner, raw.approvers)}"
        yield Fault(("drp", "owner"), what)
    owners: dict[str, str] = {}
    for name, key in ((name, key) for name, keys in raw.approvers.items() for key in keys):
        if (owner := owners.setdefault(key, name)) != name:
            yield Fault(("drp", "approvers", name), f"has the key of {quoted(owner)}; each signs with their own")


def drp(raw: RawDrp) -> Drp:
    """Of a table in which no fault was found."""
    assert raw.approvers is not None
    people = {name: Contact(name, str(one.role), str(one.phone), one.alternate) for name, one in raw.people.items()}
    channels = {name: channel(one) for name, one in raw.channels.items()}
    approvers = {name: tuple(keys) for name, keys in raw.approvers.items()}
    tickets = _tickets(raw.tickets)
    promised = promise(raw.rpo_minutes, raw.rto_minutes)
    return Drp(
        approvers, tickets, raw.trust, raw.approvals, raw.owner, channels, raw.unwitnessed, people, promised,
        raw.drill_at, tuple(raw.resolvers),
    )  # fmt: skip


def promise(rpo: int | None, rto: int | None) -> Promise:
    """From minutes."""
    return Promise(None if rpo is None else timedelta(minutes=rpo), None if rto is None else timedelta(minutes=rto))


def plain_promise(it: Promise) -> dict[str, int]:
    """In the words of the estate file."""
    known = {"rpo_minutes": it.rpo, "rto_minutes": it.rto}
    return {word: int(value.total_seconds()) // 60 for word, value in known.items() if value is not None}


def _tickets(raw: RawTickets | None) -> Tickets:
    if raw is None:
        return Tickets()
    return Tickets(raw.file, None if raw.command is None else tuple(raw.command))


def plain_drp(it: Drp) -> dict[str, Any]:
    """In the words of the estate file."""
    whole = {
        "approvers": {name: list(keys) for name, keys in it.approvers.items()},
        "approvals": it.approvals,
        "owner": it.owner,
        "tickets": {name: value for name, value in asdict(it.tickets).items() if value is not None} or None,
        "channels": {name: plain_channel(one) for name, one in it.channels.items()} or None,
        "people": {name: _contact(one) for name, one in it.people.items()} or None,
        "trust": it.trust,
        "unwitnessed": None if it.unwitnessed is Unwitnessed.SERVE else str(it.unwitnessed),
        "drill_at": None if it.drill_at is None else it.drill_at.strftime("%H:%M"),
        "resolvers": list(it.resolvers) or None,
        **plain_promise(it.promised),
    }
    return {name: value for name, value in whole.items() if value is not None}


def _contact(one: Contact) -> dict[str, str]:
    known = {"role": one.role, "phone": one.phone, "alternate": one.alternate}
    return {name: value for name, value in known.items() if value is not None}
