"""Zones that OVH holds: compare, change in place, look again, publish once; then proven on its name servers.

The API has no compare-and-set. Each record is read right before it is written, and all of them once more before the
zone is published, so who edits the zone at the same moment is seen unless it is within one question of ours.

Where a run dies, the records that it staged stand there unpublished. The next one takes them for done, and publishes
the zone as long as its name servers do not give them out.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from drp.change import Change, shown
from drp.dns.primaries import Reveal
from drp.dns.rfc2136 import below_wildcard
from drp.dns.staged import Edit, Record, Staged, edits
from effects.clock import now
from effects.ovh import ENDPOINTS, REMEDIES, Api, Keys, Line
from effects.rest import Service
from estate.model import Estate, Zone
from estate.problem import Problem, Refused, Unreachable, Untrusted
from estate.zones import Ovh

AT_ONCE = 4  # zones: the API counts questions
LATEST = timedelta(days=7)  # a key that is over so soon is a fault
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


@dataclass(frozen=True, slots=True)
class OvhZones:
    """Those of an estate. `standing` says whether changes of a zone are what its name servers give out."""

    estate: Estate
    secret: Reveal
    standing: Callable[[str, Sequence[Change]], bool]
    line: Callable[[str, Path | None], Line] = lambda url, trust: Service("OVH", url, {}, trust)

    def switch_all(self, by_zone: Mapping[str, Sequence[Change]]) -> dict[str, Problem | None]:
        """As `drp.dns.provider.Provider.switch_all`."""
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            return dict(zip(by_zone, pool.map(self._switched, by_zone, by_zone.values()), strict=True))

    def _switched(self, name: str, changes: Sequence[Change]) -> Problem | None:
        holder = self.estate.zones[name].holder
        assert isinstance(holder, Ovh)
        try:
            switch(Staged(self._api(holder), name), changes, lambda: self.standing(name, changes))
        except Problem as fault:
            return fault
        return None

    def switchable(self, zone: Zone, holder: Ovh) -> int:
        """0, for its clock does not matter, where the keys may do all that a switch needs, for a while to come.

        Changes nothing. Raises as `Api.ask`.
        """
        said = self._api(holder).ask("GET", "/auth/currentCredential").json
        over = datetime.fromisoformat(said["expiration"]).astimezone(UTC) if said.get("expiration") else None
        if over is not None and over < now() + LATEST:
            raise Untrusted(f"{zone.name}: OVH's consumer key is over at {over}", hint=REMEDIES["INVALID_CREDENTIAL"])
        rules = [(rule["method"], rule["path"]) for rule in said.get("rules") or ()]
        if missing := [f"{method} {path}" for method, path in _needed(zone.name) if not _granted(rules, method, path)]:
            what = f"{zone.name}: OVH's consumer key does not grant {', '.join(missing)}"
            raise Untrusted(what, hint=REMEDIES["NOT_GRANTED_CALL"])
        return 0

    def _api(self, holder: Ovh) -> Api:
        refs = (holder.application_key, holder.application_secret, holder.consumer_key)
        trust = None if self.estate.drp.trust is None else Path(self.estate.drp.trust)
        return Api(self.line(ENDPOINTS[holder.endpoint], trust), Keys(*(self.secret(ref) for ref in refs)))


def _needed(zone: str) -> list[tuple[str, str]]:
    base = f"/domain/zone/{zone}"
    records = [(method, f"{base}/record/1") for method in ("GET", "PUT", "DELETE")]
    return [("GET", f"{base}/record"), *records, ("POST", f"{base}/record"), ("POST", f"{base}/refresh")]


def _granted(rules: Sequence[tuple[str, str]], method: str, path: str) -> bool:
    return any(method == by and fnmatchcase(path, pattern) for by, pattern in rules)
