"""Which pair of backup servers a host saves to that names none itself.

Rendezvous hashing (Thaler and Ravishankar 1998; with weights: Schindelhauer and Schomaker 2005): each pair draws a
number for the host, and the highest takes it. A pair that is added draws higher for its share of the hosts alone, and
nobody else moves. What a host names itself always wins.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from effects import files
from estate.model import Role, Side
from estate.problem import BadEstate, Failed, Refused
from inventory.draft import Draft
from inventory.faults import Fault, quoted
from inventory.lines import line_of, locate
from inventory.raw import RawEstate, RawHost
from inventory.raw_placement import RawPair
from inventory.shape import shape
from inventory.source import read

SAVES = (Role.PRODUCTION, Role.DRP)
BITS = 53  # of a hash that a float holds exactly
Placed = dict[str, dict[str, str]]  # host to side to server


def chosen(host: str, pairs: Mapping[str, int]) -> str:
    """The pair that takes `host`, of pairs with their weights: the share of each is its weight's."""
    return max(sorted(pairs), key=lambda pair: _drawn(host, pair) * pairs[pair])


def _drawn(host: str, pair: str) -> float:
    """The reciprocal of an exponential variable: times the weight, the highest wins with the weight's probability."""
    digest = int.from_bytes(sha256(f"{host}\0{pair}".encode()).digest()) >> (256 - BITS)
    return -1 / math.log((digest + 0.5) / 2**BITS)


def placed(raw: RawEstate) -> tuple[RawEstate, Placed]:
    """With a pair for every host that is saved and names none; and which hosts these are."""
    pairs = {name: pair for name, pair in raw.backup.pairs.items() if pair.even and pair.odd}
    hosts = {name: host for name, host in raw.hosts.items() if pairs and host.role in SAVES and not host.backup}
    found = {name: _servers(pairs[chosen(name, _weights(pairs))]) for name in hosts}
    new = {name: _with(host, found[name]) if name in found else host for name, host in raw.hosts.items()}
    return raw.model_copy(update={"hosts": new}), {name: _plain(servers) for name, servers in found.items()}


def _weights(pairs: Mapping[str, RawPair]) -> dict[str, int]:
    return {name: pair.weight for name, pair in pairs.items()}


def _servers(pair: RawPair) -> dict[Side, str]:
    return {Side.EVEN: str(pair.even), Side.ODD: str(pair.odd)}


def _with(host: RawHost, servers: Mapping[Side, str]) -> RawHost:
    return host.model_copy(update={"backup": dict(servers)})


def _plain(servers: Mapping[Side, str]) -> dict[str, str]:
    return {str(side): server for side, server in servers.items()}


def check_pairs(draft: Draft) -> Iterator[Fault]:
    """Every fault in the pairs; a host that was placed on one has no faults of its own."""
    for name, pair in draft.raw.backup.pairs.items():
        here = ("backup", "pairs", name)
        for side, server in (("even", pair.even), ("odd", pair.odd)):
            yield from draft.refers_to_host((*here, side), server, Role.BACKUP)
        even, odd = draft.host(pair.even), draft.host(pair.odd)
        if pair.even is not None and pair.even == pair.odd:
            yield Fault(here, f"both sides are {quoted(pair.even)}; name two servers, in two datacenters")
        elif even and odd and even.datacenter is not None and even.datacenter == odd.datacenter:
            lost = quoted(even.datacenter)
            yield Fault(here, f"both sides are in {lost}, and would be lost together; use two datacenters")


def record(path: Path) -> Path:
    """Where it is remembered which hosts were placed, beside the estate file `path`."""
    return path.with_name(f"{path.stem}.placed.json")


def remembered(path: Path) -> Placed:
    """Where hosts were placed when they were last installed. Raises Failed where that was spoilt."""
    try:
        known = json.loads(record(path).read_text(encoding="utf-8"))
        return {host: {str(side): servers[side] for side in Side} for host, servers in known.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Failed(f"{record(path)} is not as it was written", hint="take it from a copy of this directory") from None


def remember(path: Path) -> None:
    """That the hosts of the estate file `path` are by now where they were placed."""
    now = placements(path)
    if now != remembered(path):
        files.write(record(path), json.dumps(now, indent=1, sort_keys=True) + "\n")


def placements(path: Path) -> Placed:
    """Hosts of a sound estate file that name no backup servers themselves, and the servers that they get."""
    source = read(path)
    return {} if source.is_json else placed(shape(source.tree)[0])[1]


def moves(now: Placed, before: Placed) -> list[str]:
    """In words: hosts that were placed, and would save elsewhere from now on."""
    return [
        f"{host} saves to {_pair(before[host])}, and would move to {_pair(now[host])}"
        for host in sorted(now)
        if before.get(host, now[host]) != now[host]
    ]


def _pair(servers: Mapping[str, str]) -> str:
    return " and ".join(servers[side] for side in Side)


def require_still(path: Path) -> None:
    """Raises Refused where a host would move: its archives would stay behind, and its first one would start anew."""
    if moving := moves(placements(path), remembered(path)):
        raise Refused(
            "\n".join(moving),
            hint=f"to leave them there: seawall estate pin-backups --estate {path}; to move one, write its backup = …",
        )


def pinned(path: Path) -> tuple[str, Placed]:
    """The estate file's text with `backup` in the table of every host that names none; and what was added.

    A host stays where it was when it was last installed. Raises BadEstate where a host has no table of its own.
    """
    text, before = path.read_text(encoding="utf-8"), remembered(path)
    wanted = {host: before.get(host, servers) for host, servers in placements(path).items()}
    lines, places = f"{text.rstrip()}\n".splitlines(keepends=True), locate(text)
    for host, at in sorted(((host, _table(host, places, lines)) for host in wanted), key=lambda row: -row[1]):
        servers = ", ".join(f'{side} = "{server}"' for side, server in wanted[host].items())
        lines.insert(at, f"backup = {{ {servers} }}\n")
    return "".join(lines), wanted


def _table(host: str, places: Mapping[tuple[str | int, ...], int], lines: list[str]) -> int:
    """After how many lines its settings begin."""
    line = line_of(("hosts", host), dict(places)) or 0
    if not re.match(rf"""\[\s*hosts\s*\.\s*["']?{re.escape(host)}["']?\s*\]""", lines[line - 1].strip()):
        raise BadEstate(f"{host} has no table [hosts.{host}] of its own", hint="write its backup = { … } by hand")
    return line
