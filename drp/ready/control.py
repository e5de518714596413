"""What the control machine sees: clocks, how name servers would start again, the escrow, and the estate itself."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backups.escrow import export
from backups.escrow.export import State
from drp.ready import escrowed, names, standing_by
from drp.ready.findings import Finding, unknown
from drp.ready.names import Section
from effects.clock import now
from effects.remote import Remote
from estate.model import Control, Estate, Host, Role
from estate.problem import Failed, Missing, Problem
from supervision.asking import ask, everywhere

PROGRAM, LIMIT = "ready_state", 30.0


@dataclass(frozen=True, slots=True)
class Looked:
    """At one host."""

    ahead: float  # seconds that its clock is ahead of ours, or less: what the question took is taken off
    knot: Mapping[str, Any] | None


def seen(estate: Estate, path: Path, production: Host, twin: Host) -> tuple[Finding, ...]:
    """All that can be found from here. `path` is the estate file."""
    wanted = [twin, production, *_servers(estate, production), *_name_servers(estate, production)]
    with ThreadPoolExecutor(max_workers=1) as pool:
        escrow = pool.submit(_escrow, estate, path)
        hosts = everywhere(wanted, lambda host: _look(estate.control, host))
        found = [*names.together(estate), *standing_by.beside(estate, production)]
        found += standing_by.clocks(twin.name, {name: _ahead(one) for name, one in hosts.items()})
        for host in _name_servers(estate, production):
            found += _knot(estate, host, hosts[host.name])
        return (*found, *escrowed.locked_away("control", escrow.result()))


def _servers(estate: Estate, production: Host) -> list[Host]:
    return [estate.hosts[name] for name in production.backup.values()]


def _name_servers(estate: Estate, production: Host) -> list[Host]:
    """Those of the estate, and not those that are something else as well and are asked already."""
    known = dict.fromkeys(name for zone in estate.zones.values() for name in zone.hosts)
    return [estate.hosts[name] for name in known if estate.hosts[name].role is Role.DNS]


def _look(control: Control, host: Host) -> Looked:
    with Remote(host, control) as remote:
        remote.run(["true"], timeout=LIMIT)  # the connection is not part of the time that is measured
        before = now().timestamp()
        said = ask(remote, PROGRAM, {"dns": host.role is Role.DNS}, limit=LIMIT)
        after = now().timestamp()
    ahead, unsure = float(said["time"]) - (before + after) / 2, (after - before) / 2
    return Looked(0.0 if abs(ahead) <= unsure else ahead - (unsure if ahead > 0 else -unsure), said["knot"])


def _ahead(one: Looked | Problem) -> float | Problem:
    return one if isinstance(one, Problem) else one.ahead


def _knot(estate: Estate, host: Host, one: Looked | Problem) -> Iterator[Finding]:
    """Of a primary; a secondary gets its zones anew."""
    zones = [zone for zone in estate.zones.values() if zone.primary == host.name]
    if not zones:
        return
    if isinstance(one, Problem):
        yield unknown(host.name, "knot", one)
    elif one.knot and "fault" in one.knot:
        fault = Failed(f"{host.name}: knotc can't read its configuration: {one.knot['fault']}", hint="knotc conf-check")
        yield unknown(host.name, "knot", fault)
    elif one.knot:
        templates: Sequence[Section] = one.knot["template"]
        yield from names.forgetful(host, zones, templates, one.knot["zone"])


def _escrow(estate: Estate, path: Path) -> State | Problem | None:
    if not estate.escrow.wanted:
        return None
    try:
        return export.state(estate, path, lambda _: None)
    except OSError as fault:
        return Missing(f"the escrow can't be read: {fault}", hint="seawall backup keys verify")
    except Problem as fault:
        return fault
