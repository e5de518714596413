"""Zones that any other company holds, through the class that octoDNS has for it (https://github.com/octodns).

The class is not ours: it may wait for minutes, print, or raise whatever it likes. So it lives in a child, which has its
time, gets its secrets on standard input, and answers with one line.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from backups import paths
from drp.change import Change, shown, zone_of
from drp.dns.errand import ANSWER, ORDER, Answer, Order
from drp.dns.primaries import Reveal
from drp.dns.rfc2136 import look
from drp.dns.values import key
from drp.records import REWRITES
from effects.run import Late, attempt
from estate.model import Estate, Zone
from estate.problem import Failed, Problem, Refused, Unreachable, of_code
from estate.zones import Octodns

AT_ONCE = 4  # zones: each is a process, and companies count questions
LIMIT = 120.0  # seconds for one zone, which is read three times at most
BEGUN = paths.STATE / "dns"
AGAIN = "run the same command again: what is done is found, and what was left half done is ended"


@dataclass(frozen=True, slots=True)
class OctodnsZones:
    """Those of an estate."""

    estate: Estate
    secret: Reveal

    def switch_all(self, by_zone: Mapping[str, Sequence[Change]]) -> dict[str, Problem | None]:
        """As `drp.dns.provider.Provider.switch_all`."""
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            return dict(zip(by_zone, pool.map(self._switched, by_zone, by_zone.values()), strict=True))

    def _switched(self, name: str, changes: Sequence[Change]) -> Problem | None:
        if not changes:
            return None
        try:
            self._asked(self.estate.zones[name], changes=tuple(changes))
        except Problem as fault:
            return fault
        return None

    def switchable(self, zone: Zone) -> int:
        """0, for its clock does not matter, where the class is here, reads the zone, and can write what stands there.

        Changes nothing. Raises as the class says, and Refused where a switch would not be made.
        """
        everyone = (name for vhost in self.estate.vhosts.values() for name in vhost.names)
        inside = {name for name in everyone if zone_of(self.estate, name) == zone}
        names = tuple(f"{label}{name}." for name in sorted(inside) for label in ("", "*."))
        answer, seen = self._asked(zone, names=names), look(self.estate)
        missing = [f"{n} {kind}" for kind in REWRITES if kind not in answer.types for n in names if seen(n, kind)]
        if missing:
            what = f"{zone.name}: {_holder(zone).class_path} can't write what stands there: {', '.join(missing)}"
            raise Refused(what, hint="take these records out of the zone, or give it to another provider")
        # Plans are made of what visitors are told: what a proxy stands before would be passed by in silence.
        told = {(n, kind): tuple(sorted(key(kind, one) for one in seen(n, kind))) for n, kind, _ in answer.standing}
        if hidden := [(n, kind, values) for n, kind, values in answer.standing if told[n, kind] != values]:
            each = "; ".join(
                f"{n} {kind} is {shown(v)}, and visitors get {shown(told[n, kind])}" for n, kind, v in hidden
            )
            hint = (
                "switch its proxy off, or name in servers those that answer for it: a switch would not reach visitors"
            )
            raise Refused(f"{zone.name}: {each}", hint=hint)
        return 0

    def _asked(self, zone: Zone, *, changes: tuple[Change, ...] = (), names: tuple[str, ...] = ()) -> Answer:
        """What the child says. Raises what it says; Unreachable where its time is up; Failed where it dies."""
        holder = _holder(zone)
        secrets = {name: self.secret(one) for name, one in holder.secrets.items()}
        begun = str(BEGUN / f"{zone.name}.json")
        order = Order(
            zone.name, holder.class_path, holder.package, {**holder.settings, **secrets}, changes, begun, names
        )

        def of(fault: Problem) -> Problem:
            for secret in secrets.values():
                fault.what = fault.what.replace(secret, "…")
            return fault

        stdin, who = ORDER.dump_json(order).decode(), f"{zone.name}: {holder.class_path}"
        try:
            done = attempt([sys.executable, "-m", "drp.dns.octo_child"], timeout=LIMIT, stdin=stdin, env=_quiet())
        except Late as late:
            said = f"; the last it said: {late.said}" if late.said else ""
            raise of(Unreachable(f"{who} did not end within {LIMIT:g} s{said}", hint=AGAIN)) from None
        if not done.ok:
            raise of(Failed(f"{who} died with {done.code}: {done.said or 'nothing was said'}", hint=AGAIN))
        answer = ANSWER.validate_json(done.out)
        if answer.fault is not None:
            code, what, hint = answer.fault
            raise of(of_code(code)(what, hint=hint))
        return answer


def _holder(zone: Zone) -> Octodns:
    assert isinstance(zone.holder, Octodns)
    return zone.holder


def _quiet() -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "ignore"}  # of what classes use that octoDNS will take away
