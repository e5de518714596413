"""A switch of a thousand zones, and its proof, against what the servers need for it themselves. As root:

PYTHONPATH=.:tests:tests/lab python -m benchmarks.many_zones FOLDER [ZONES] [ROUNDS]

Knot with BIND behind it, then BIND with Knot behind it, each with unsigned zones and with as many signed ones. The
floor is messages that were made before, sent over as many connections by a loop that only counts what comes back.
"""

import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from threading import Thread
from time import monotonic, time

import name_servers
from dns_estate import estate_of, vhost

from benchmarks.zones_many import RECORDS, SECRET, configured, edits
from drp import dns
from drp.dns import Change
from drp.dns.together import Rfc2136, Silence
from effects import dns_wire
from effects.clock import wait_until
from effects.dns import Edit, Key, Server, signing
from effects.dns_exchange import LINES
from estate.model import Estate, Zone
from estate.problem import Failed

KEY = Key("seawall.", "hmac-sha256", SECRET)
GOAL = 2.0


def fired(server: Server, messages: Sequence[bytes]) -> float:
    """Seconds until each of `messages`, made before, has its answer."""
    start = monotonic()
    lines = [Thread(target=_fire, args=(server, messages[number::LINES])) for number in range(LINES)]
    for line in lines:
        line.start()
    for line in lines:
        line.join()
    return monotonic() - start


def _fire(server: Server, messages: Sequence[bytes]) -> None:
    with socket.create_connection((server.address, server.port), timeout=600) as line:
        stream = b"".join(len(message).to_bytes(2) + message for message in messages)
        Thread(target=line.sendall, args=(stream,)).start()
        got, left = bytearray(), len(messages)
        while left:
            came = line.recv(65536)
            assert came, f"{left} answers are missing"
            got += came
            while len(got) >= 2 and len(got) >= (end := 2 + int.from_bytes(got[:2])):
                del got[:end]
                left -= 1


def timed(act: Callable[[], object]) -> float:
    start = monotonic()
    act()
    return monotonic() - start


def estate(primary: Server, secondary: Server, zones: Sequence[str]) -> Estate:
    """One that has them, each with a vhost of its own, on the ports of the benchmark."""
    made = estate_of({one.name: one.address for one in (primary, secondary)})
    tsig = made.zones["shop.example"].tsig
    return replace(
        made,
        zones={name: Zone(name, (primary.name, secondary.name), tsig, 60) for name in zones},
        vhosts={name: vhost(name, f"www.{name}", f"shop.{name}") for name in zones},
    )


def at(servers: Estate, port: int) -> Rfc2136:
    return Rfc2136(servers, lambda _: SECRET, port, Silence())


def switched(provider: Rfc2136, plan: Mapping[str, Sequence[Change]]) -> None:
    faults = [fault for fault in provider.switch_all(plan).values() if fault]
    assert not faults, faults[:3]


def standing(provider: Rfc2136, server: str, plan: Mapping[str, Sequence[Change]]) -> bool:
    alone = {name: replace(zone, servers=(server,)) for name, zone in provider.estate.zones.items()}
    there = replace(provider, estate=replace(provider.estate, zones=alone))
    return all(seen[server] for seen in there.holds_all(plan).values())


def measure(kind: str, primary: Server, secondary: Server, zones: Sequence[str], rounds: int) -> None:
    """`rounds` switches there and back, alternately by hand-made messages and by Seawall."""
    servers = estate(primary, secondary, zones)
    there = {zone: tuple(_change(zone, edit) for edit in edits(zone)) for zone in zones}
    again = {zone: tuple(replace(c, before=c.after, after=c.before) for c in mine) for zone, mine in there.items()}
    asked = [dns_wire.question(c.name, c.rtype, n & 0xFFFF) for n, c in enumerate(c for m in again.values() for c in m)]
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        signer = signing(KEY)
        made = [dns_wire.update(zone, edits(zone), signer, int(time()))[0] for zone in zones]
        floor = fired(primary, made)
        follows(at(servers, secondary.port), secondary.name, there)
        both = (timed(partial(switched, at(servers, primary.port), again)), floor)
        found.setdefault("switch", []).append(both)
        follows(at(servers, secondary.port), secondary.name, again)
        for name, server in (("primary", primary), ("secondary", secondary)):
            floor = fired(server, asked)
            both = (timed(partial(standing, at(servers, server.port), server.name, again)), floor)
            found.setdefault(f"proof on the {name}", []).append(both)
    for what, pairs in found.items():
        say(f"{kind}, {what}", median(mine for mine, _ in pairs), median(floor for _, floor in pairs))
    seconds = timed(partial(planned, servers, primary.port))
    print(f"{kind}, what would have to change for {len(zones)} vhosts: {seconds:.2f} s", flush=True)


def back(edit: Edit) -> Edit:
    return replace(edit, before=edit.after, after=edit.before)


def _change(zone: str, edit: Edit) -> Change:
    return Change(zone, edit.name, edit.rtype, edit.before, edit.after, edit.ttl)


def planned(servers: Estate, port: int) -> None:
    vhosts, hosts = list(servers.vhosts.values()), servers.hosts
    look = dns.looked(servers, vhosts, port=port)
    found = [dns.changes(servers, one, hosts["web1"], hosts["twin1"], look) for one in vhosts]
    assert {len(mine) for mine in found} == {RECORDS}


def follows(provider: Rfc2136, server: str, plan: Mapping[str, Sequence[Change]]) -> None:
    late = Failed(f"{server} does not follow", hint="look at its log")
    wait_until(lambda: standing(provider, server, plan), timeout=300, late=late, every=1)


def say(what: str, seconds: float, floor: float) -> None:
    ratio = seconds / floor
    verdict = "reached" if ratio <= GOAL else "missed"
    print(f"{what}: {seconds:.2f} s, floor {floor:.2f} s, ratio {ratio:.2f}, goal {GOAL:g} {verdict}", flush=True)


def main(folder: Path, count: int, rounds: int) -> None:
    print(f"{count} zones, {RECORDS} records in each are changed; medians of {rounds}", flush=True)
    for disk in (folder / "disk", folder / "shared"):
        disk.mkdir(parents=True)
    with name_servers.tree(folder / "disk", folder / "shared") as root:
        for first in ("Knot", "BIND"):
            place = folder / "shared" / first.lower()
            place.mkdir()
            knot, bind, names = configured(place, count, first)
            pids = [name_servers.knotd(root, place), name_servers.named(root, place)]
            try:
                primary, secondary = (knot, bind) if first == "Knot" else (bind, knot)
                for kind, zones in names.items():
                    old = {zone: tuple(_change(zone, back(edit)) for edit in edits(zone)) for zone in zones}
                    follows(at(estate(primary, secondary, zones), secondary.port), secondary.name, old)
                    measure(f"{first}, {kind}", primary, secondary, zones, rounds)
            finally:
                name_servers.end(*pids)


if __name__ == "__main__":
    more = [int(one) for one in sys.argv[2:4]]
    main(Path(sys.argv[1]), *(more + [1000, 3][len(more) :]))
