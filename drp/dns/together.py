"""Zones on name servers of the estate, thousands of them: one conversation with each server for all of them.

What is out of the ordinary (somebody was there before, a wildcard answers) is left to `drp.dns.rfc2136.switch`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import monotonic
from typing import TypeVar

from drp.change import Change, Observed, zone_of
from drp.dns import rfc2136
from drp.dns.authorities import Authority, authorities
from drp.records import REWRITES
from effects.dns import Served, Server, signing
from effects.dns_many import Question, Update, rrsets, updates
from estate.model import Estate, Host, Vhost, Zone
from estate.problem import Problem, Unreachable

K = TypeVar("K")
V = TypeVar("V")
ByZone = Mapping[str, Sequence[Change]]
Seen = Mapping[str, bool | None]  # what the addresses of a zone's servers say
Answers = Mapping[Question, Served | Problem]
AT_ONCE = 8
SILENCE = 30  # seconds


class Silence:
    """Which addresses of servers did not answer a moment ago: who waited for one need not do so again at once."""

    def __init__(self) -> None:
        self._until: dict[Server, float] = {}

    def around(self, server: Server) -> bool:
        """Whether it is one of them."""
        return self._until.get(server, 0.0) > monotonic()

    def note(self, server: Server) -> None:
        """It did not answer."""
        self._until[server] = monotonic() + SILENCE


SILENT = Silence()


@dataclass(frozen=True, slots=True)
class Rfc2136:
    """Of an estate; `secret` gives the TSIG secret of a zone."""

    estate: Estate
    secret: Callable[[Zone], str]
    port: int = 53
    silent: Silence = SILENT

    def switch_all(self, by_zone: ByZone) -> dict[str, Problem | None]:
        """As `drp.dns.provider.Provider.switch_all`."""
        said: dict[str, bool | Problem] = {}
        batch: dict[str, Update] = {}
        for name, changes in by_zone.items():
            try:
                batch[name] = self._update(self.estate.zones[name], changes)
            except Problem as fault:
                said[name] = fault
        for primary, names in _grouped(batch, lambda name: self.estate.zones[name].primary).items():
            said |= self._told(self.estate.hosts[primary], {name: batch[name] for name in names})
        promoted = self._promoted(
            {name: batch[name] for name, answer in said.items() if isinstance(answer, Unreachable)}
        )
        said |= {name: answer for name, (_, answer) in promoted.items()}
        faults = {name: answer if isinstance(answer, Problem) else None for name, answer in said.items()}
        left = {name: by_zone[name] for name, answer in said.items() if answer is False}
        return faults | self._led({name: server for name, (server, _) in promoted.items()})._one_by_one(left)

    def _promoted(self, batch: Mapping[str, Update]) -> dict[str, tuple[str, bool]]:
        """By zone whose primary is silent: another of its servers that takes updates, as people made it the primary.

        One that they did not refuses them, or hands them on to the primary.
        """
        found: dict[str, tuple[str, bool]] = {}
        others = {name: self.estate.zones[name].servers[1:] for name in batch}
        for server in dict.fromkeys(server for mine in others.values() for server in mine):
            mine = {name: batch[name] for name in batch if name not in found and server in others[name]}
            told = self._told(self.estate.hosts[server], mine)
            found |= {name: (server, answer) for name, answer in told.items() if isinstance(answer, bool)}
        return found

    def _led(self, primaries: Mapping[str, str]) -> "Rfc2136":
        """The same where these zones have those primaries."""
        led = {
            name: replace(zone, servers=(first, *(one for one in zone.servers if one != first)))
            for name, first in primaries.items()
            for zone in [self.estate.zones[name]]
        }
        return replace(self, estate=replace(self.estate, zones={**self.estate.zones, **led}))

    def _update(self, zone: Zone, changes: Sequence[Change]) -> Update:
        """Without edits where they can't all be made at once."""
        key = rfc2136.key_of(zone, self.secret(zone))
        signing(key)
        return Update(zone.name, () if rfc2136.out_of_nothing(changes) else rfc2136.edits(changes), key)

    def _told(self, host: Host, batch: Mapping[str, Update]) -> dict[str, bool | Problem]:
        """Over the first address that answers. What is sent a second time, and had happened, is False by then."""
        answers: dict[str, bool | Problem] = dict.fromkeys(batch, False)
        left = [name for name, one in batch.items() if one.edits]
        for address in host.addresses:
            told = updates(Server(host.name, address, self.port), [batch[name] for name in left])
            answers |= dict(zip(left, told, strict=True))
            left = [name for name in left if isinstance(answers[name], Unreachable)]
        return answers

    def _one_by_one(self, by_zone: ByZone) -> dict[str, Problem | None]:
        """Those that were not as expected. Most often all of it was done before."""
        seen = self._holds({name: (mine, self._authorities(name)[:1]) for name, mine in by_zone.items()})
        left = [name for name in by_zone if True not in seen[name].values()]

        def switched(name: str) -> Problem | None:
            zone = self.estate.zones[name]
            try:
                rfc2136.switch(self.estate, zone, by_zone[name], self.secret(zone), port=self.port)
            except Problem as fault:
                return fault
            return None

        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            return dict.fromkeys(by_zone) | dict(zip(left, pool.map(switched, left), strict=True))

    def holds_all(self, by_zone: ByZone) -> dict[str, Seen]:
        """As `drp.dns.holds_all`, whoever holds them: "ns1" and, where it has a second address, "ns1 over IPv6".

        One that answers but does not speak for the zone is False: visitors who ask it do not get there.
        """
        return self._holds({name: (mine, self._authorities(name)) for name, mine in by_zone.items()})

    def _authorities(self, zone: str) -> Sequence[Authority]:
        return authorities(self.estate, self.estate.zones[zone])

    def _holds(self, wanted: Mapping[str, tuple[Sequence[Change], Sequence[Authority]]]) -> dict[str, Seen]:
        """Of those servers. One without an address is silent."""
        asked: dict[Server, list[str]] = {}
        for zone, (_, servers) in wanted.items():
            for one in servers:
                for address in one.addresses:
                    asked.setdefault(Server(one.name, address, self.port), []).append(zone)
        going = {server: zones for server, zones in asked.items() if not self.silent.around(server)}
        found = _answers({at: [(c.name, c.rtype) for z in zones for c in wanted[z][0]] for at, zones in going.items()})
        verdicts: dict[str, dict[str, bool | None]] = {
            zone: {one.name: None for one in servers if not one.addresses} for zone, (_, servers) in wanted.items()
        }
        for server, zones in asked.items():
            for zone in zones:
                there = _stands(wanted[zone][0], found.get(server, {}))
                verdicts[zone][_shown(server)] = there
                if there is None and server in going and server.name != self.estate.zones[zone].primary:
                    self.silent.note(server)
        return {**verdicts}


def _shown(server: Server) -> str:
    return f"{server.name} over IPv6" if ":" in server.address else server.name


def _stands(changes: Sequence[Change], found: Answers) -> bool | None:
    answers = [(change, found.get((change.name, change.rtype))) for change in changes]
    silent = [answer is None or isinstance(answer, Unreachable) for _, answer in answers]
    if any(not _right(change, answer) for (change, answer), no in zip(answers, silent, strict=True) if not no):
        return False
    return None if any(silent) else True


def _right(change: Change, answer: Served | Problem | None) -> bool:
    return isinstance(answer, Served) and answer.values == tuple(sorted(change.after))


def proven(seen: Seen) -> bool:
    """Whether it is enough what `holds_all` says of a zone: somebody has it, and nobody denies it.

    Who is silent may be in the lost datacenter. Where that is the primary, it is enough that others have it: from the
    primary, or because one of them was made the primary.
    """
    return False not in seen.values() and True in seen.values()


def looked(
    estate: Estate, vhosts: Iterable[Vhost], *, port: int = 53, ttls: dict[Question, int] | None = None
) -> Observed:
    """As `drp.dns.look`, for all that `drp.changes` asks of these vhosts: it is asked in one go, now."""
    wanted = {
        (f"{label}{name.rstrip('.')}.", rtype): zone
        for vhost in vhosts
        for name in vhost.names
        if (zone := zone_of(estate, name)) is not None
        for label in ("", "*.")
        for rtype in REWRITES
    }
    found = _first_answers(estate, wanted, port)
    if ttls is not None:
        ttls |= {one: got.ttl for one, got in found.items() if isinstance(got, Served) and got.ttl is not None}
    ask = rfc2136.look(estate, port=port, ttls=ttls)

    def observed(name: str, rtype: str) -> tuple[str, ...]:
        known = found.get((name, rtype))
        if isinstance(known, Problem):
            raise known
        return ask(name, rtype) if known is None else known.values

    return observed


def _first_answers(estate: Estate, wanted: Mapping[Question, Zone], port: int) -> dict[Question, Served | Problem]:
    """By the first address of the first server of its zone that answers."""
    places = {
        zone.name: [Server(one.name, address, port) for one in authorities(estate, zone) for address in one.addresses]
        for zone in {one.name: one for one in wanted.values()}.values()
    }
    left = {one: places[zone.name] for one, zone in wanted.items() if places[zone.name]}
    found: dict[Question, Served | Problem] = {}
    while left:
        first = {one: rest[0] for one, rest in left.items()}
        for answers in _answers(_grouped(first, first.__getitem__)).values():
            found |= answers
        left = {one: rest for one, (_, *rest) in left.items() if rest and isinstance(found[one], Unreachable)}
    return found


def _answers(asked: Mapping[Server, Sequence[Question]]) -> dict[Server, Answers]:
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return dict(zip(asked, pool.map(rrsets, asked, asked.values()), strict=True))


def _grouped(values: Iterable[V], key: Callable[[V], K]) -> dict[K, list[V]]:
    groups: dict[K, list[V]] = {}
    for value in values:
        groups.setdefault(key(value), []).append(value)
    return groups
