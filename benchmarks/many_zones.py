"""A switch of a thousand zones, and its proof, against what the servers need for it themselves. As root:

PYTHONPATH=.:tests:tests/lab python -m benchmarks.many_zones FOLDER [ZONES] [ROUNDS]

Knot with BIND behind it, then BIND with Knot behind it, each with unsigned zones and with as many signed ones. The
floor is messages that were made before, sent over as many connections by a loop that only counts what comes back.
"""

import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from threading import Thread
from time import monotonic, time

import name_servers

from benchmarks.zones_many import RECORDS, SECRET, configured, edits
from effects import dns_wire
from effects.clock import wait_until
from effects.dns import Edit, Key, Server, signing
from effects.dns_exchange import LINES
from effects.dns_many import Update, rrsets, updates
from estate.problem import Failed, Problem

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
    with socket.create_connection((server.address, server.port), timeout=30) as line:
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


def switched(server: Server, batch: Sequence[Update]) -> None:
    answers = updates(server, batch)
    assert all(answer is True for answer in answers), [a for a in answers if a is not True][:3]


def standing(server: Server, wanted: Sequence[Edit]) -> bool:
    found = rrsets(server, [(edit.name, edit.rtype) for edit in wanted])
    return all(
        not isinstance(one := found[edit.name, edit.rtype], Problem) and one.values == edit.after for edit in wanted
    )


def back(edit: Edit) -> Edit:
    return replace(edit, before=edit.after, after=edit.before)


def measure(kind: str, primary: Server, secondary: Server, zones: Sequence[str], rounds: int) -> None:
    """`rounds` switches there and back, alternately by hand-made messages and by Seawall."""
    there = [Update(zone, edits(zone), KEY) for zone in zones]
    again = [replace(one, edits=tuple(map(back, one.edits))) for one in there]
    wanted = [edit for one in again for edit in one.edits]
    asked = [dns_wire.question(e.name, e.rtype, n & 0xFFFF) for n, e in enumerate(wanted)]
    figures: dict[str, list[float]] = {"floor": [], "switch": [], "late": []}
    proofs = {f"{name} {what}": list[float]() for name in ("primary", "secondary") for what in ("floor", "proof")}
    for _ in range(rounds):
        signer = signing(KEY)
        made = [dns_wire.update(one.zone, one.edits, signer, int(time()))[0] for one in there]
        figures["floor"].append(fired(primary, made))
        follows(secondary, [edit for one in there for edit in one.edits])
        figures["switch"].append(timed(partial(switched, primary, again)))
        figures["late"].append(timed(partial(follows, secondary, wanted)))
        for name, server in (("primary", primary), ("secondary", secondary)):
            proofs[f"{name} floor"].append(fired(server, asked))
            proofs[f"{name} proof"].append(timed(partial(standing, server, wanted)))
    say(f"{kind}, switch", median(figures["switch"]), median(figures["floor"]))
    for name in ("primary", "secondary"):
        say(f"{kind}, proof on the {name}", median(proofs[f"{name} proof"]), median(proofs[f"{name} floor"]))
    print(f"{kind}: the secondary had all of it {median(figures['late']):.2f} s later", flush=True)


def follows(server: Server, wanted: Sequence[Edit]) -> None:
    late = Failed(f"{server} does not follow", hint="look at its log")
    wait_until(lambda: standing(server, wanted), timeout=180, late=late)


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
                    follows(secondary, [back(edit) for zone in zones for edit in edits(zone)])
                    measure(f"{first}, {kind}", primary, secondary, zones, rounds)
            finally:
                name_servers.end(*pids)


if __name__ == "__main__":
    more = [int(one) for one in sys.argv[2:4]]
    main(Path(sys.argv[1]), *(more + [1000, 3][len(more) :]))
