"""Zones that OVH holds: compare, change in place, look again, publish once; then proven on its name servers.

The API has no compare-and-set. Each record is read right before it is written, and all of them once more before the
zone is published, so who edits the zone at the same moment is seen unless it is within one question of ours.

Where a run dies, the records that it staged stand there unpublished. The next one takes them for done, and publishes
the zone as long as its name servers do not give them out.
"""

from collections.abc import Callable, Sequence

from drp.dns.change import Change, shown
from drp.dns.rfc2136 import below_wildcard
from drp.dns.staged import Edit, Record, Staged, edits
from estate.problem import Problem, Refused, Unreachable

HINT = "put the record back in OVH's web interface, or make a new plan: seawall drp plan"


def switch(zone: Staged, changes: Sequence[Change], published: Callable[[], bool]) -> None:
    """Make all changes of the zone, and publish it. May be run again after any failure, and after death.

    Raises Refused where a record is neither as it was nor as it shall be: a conflict for a human. Raises as `Api.ask`.
    What was staged is put back where the zone can't be published.
    """
    todo = _left(zone, changes)
    if not todo and published():
        return
    done: list[Edit] = []
    try:
        for edit in todo:
            done.append(edit)
            _make(zone, edit)
        if again := _left(zone, changes):
            raise Refused(f"{zone.zone} was edited by somebody else meanwhile: {_shown(again)}", hint=HINT)
    except Problem as fault:
        raise _put_back(zone, done, fault) from None
    try:
        zone.refresh()
    except Unreachable:
        raise  # published or not, nobody knows: the next run looks
    except Problem as fault:
        raise _put_back(zone, done, fault) from None


def _left(zone: Staged, changes: Sequence[Change]) -> list[Edit]:
    """What is still to be done. Raises Refused where a record stands as neither."""
    todo: list[Edit] = []
    conflicts: list[str] = []
    staged: list[Change] = []
    for change in changes:
        standing = zone.rrset(change)
        if not standing and below_wildcard(change, changes) and not zone.knows(change.name):
            continue  # its wildcard answers for it, and it follows that
        found = edits(change, standing, zone.zone)
        if found is None:
            conflicts.append(f"{change.name} {change.rtype} is {_values(standing)}, not {shown(change.before)}")
        elif not found:
            staged.append(change)
        todo += found or ()
    if conflicts:
        also = (
            f"; at OVH these stand already, and are seen once the zone is refreshed: {_named(staged)}" if staged else ""
        )
        what = f"{zone.zone}: somebody else changed DNS meanwhile: {'; '.join(conflicts)}{also}"
        raise Refused(what, hint=f"nothing was switched; {HINT}")
    return todo


def _make(zone: Staged, edit: Edit) -> None:
    """Read the record, and write it where it is still what it was. Raises Refused where it is not."""
    if edit.old is None and edit.new is not None:
        if not zone.named(edit.new):
            zone.create(edit.new)
    elif edit.old is not None and edit.new is None:
        for record in zone.named(edit.old):
            zone.delete(record)
    elif edit.old is not None and edit.new is not None:
        now = zone.record(edit.old.id)
        if now not in (edit.old, edit.new):
            what = f"{zone.zone}: somebody else edits it at this moment: {_shown([edit])}, and is {_values([now])}"
            raise Refused(what, hint=HINT)
        if now == edit.old:
            zone.put(edit.new)


def _put_back(zone: Staged, done: Sequence[Edit], fault: Problem) -> Problem:
    """The fault, once all is as it was, but for what somebody else has written since; or with what is not."""
    left: list[Edit] = []
    for edit in reversed(done):
        try:
            _make(zone, edit.back)
        except Refused:
            continue  # it is theirs now
        except Problem:
            left.append(edit)
    if left:
        fault.what += f"; and this could not be put back, and is seen once the zone is refreshed: {_shown(left)}"
    return fault


def _shown(todo: Sequence[Edit]) -> str:
    return ", ".join(f"{_values([edit.old])} becomes {_values([edit.new])}" for edit in todo)


def _values(records: Sequence[Record | None]) -> str:
    return ", ".join(f"{one.sub or '@'} {one.kind} {one.target}" for one in records if one) or "nothing"


def _named(changes: Sequence[Change]) -> str:
    return ", ".join(f"{change.name} {change.rtype}" for change in changes)
