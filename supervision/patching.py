"""Patching at once, ahead of the weekly day: the two ends of a pair never together, and no further after a fault.

The order of the waves is the order of the week: a twin before its production host, one name server before the next.
On each host the work is a unit of its own, so a connection that breaks does not leave a package half installed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from effects.remote import Remote
from estate.model import Estate, Host
from estate.problem import Failed, Missing, Problem, Refused
from inventory.data import WEEK, patch_day
from supervision.asking import ask, everywhere

TOOL = "/usr/local/lib/seawall/patching"
AS_A_UNIT = ("systemd-run", "--quiet", "--collect", "--wait", "--pipe", "--unit=seawall-patches-now")
LIMIT = 3600.0  # seconds for one host
NOT_THERE = (126, 127, 203)  # the shell's codes, and systemd's
Say = Callable[[str, str], None]  # host, words


@dataclass(frozen=True, slots=True)
class Upgrade:
    """One package."""

    package: str
    installed: str
    candidate: str
    origin: str


@dataclass(frozen=True, slots=True)
class Patched:
    """What was, or would be, installed on one host."""

    upgrades: tuple[Upgrade, ...]
    error: str = ""


def waves(estate: Estate, hosts: Sequence[Host]) -> list[list[Host]]:
    """Hosts that may be patched together, in the order of the week."""
    days = {day: [host for host in hosts if patch_day(estate, host) == day] for day in WEEK}
    return [found for found in days.values() if found]


def preview(estate: Estate, hosts: Sequence[Host], packages: Sequence[str]) -> dict[str, Patched]:
    """What would be installed. The package lists are fetched; nothing else changes."""

    def look(host: Host) -> Patched:
        with Remote(host, estate.control) as remote:
            return Patched(_upgrades(remote, packages))

    return {name: _told(seen) for name, seen in everywhere(hosts, look).items()}


def patch(estate: Estate, hosts: Sequence[Host], packages: Sequence[str], say: Say) -> dict[str, Patched]:
    """Wave after wave. A host that fails, or is not well afterwards, ends it: later waves are named as not touched."""
    done: dict[str, Patched] = {}
    for wave in waves(estate, hosts):
        if broken := [name for name, seen in done.items() if seen.error]:
            why = f"not touched, because of {', '.join(broken)}"
            done |= {host.name: Patched((), why) for host in wave}
            continue
        found = everywhere(wave, lambda host: _patch(estate, host, packages, say))
        done |= {name: _told(seen) for name, seen in found.items()}
    return {host.name: done[host.name] for host in hosts}


def check(done: Mapping[str, Patched]) -> None:
    """Raise Failed for every host that is not done, by name."""
    if faults := [f"\n  {name}: {seen.error}" for name, seen in done.items() if seen.error]:
        raise Failed(
            f"{len(faults)} of {len(done)} hosts are not patched:{''.join(faults)}",
            hint="mend that, then run the same command again; what is installed already is not installed twice",
        )


def _told(seen: Patched | Problem) -> Patched:
    return Patched((), seen.what) if isinstance(seen, Problem) else seen


def _patch(estate: Estate, host: Host, packages: Sequence[str], say: Say) -> Patched:
    sites = {"sites": [{"domain": vhost.domain, "path": vhost.check.path, "expect": vhost.check.expect}
                       for vhost in estate.vhosts_on(host)]}  # fmt: skip
    with Remote(host, estate.control) as remote:
        wanted = _upgrades(remote, packages)
        say(host.name, ", ".join(f"{one.package} {one.candidate}" for one in wanted) or "nothing to install")
        before = ask(remote, "health", sites)
        result = remote.attempt([*AS_A_UNIT, TOOL, "now", *packages], timeout=LIMIT)
        if not result.ok:
            raise Failed(f"patching ended with {result.code}: {result.said}", hint="look at the host")
        worse = _worse(before, ask(remote, "health", sites))
        say(host.name, worse or "done, and well")
        return Patched(wanted, worse)


def _upgrades(remote: Remote, packages: Sequence[str]) -> tuple[Upgrade, ...]:
    result = remote.attempt([TOOL, "show", *packages], timeout=300)
    if result.code in NOT_THERE:
        raise Missing(f"{remote.host.name} was never hardened", hint=f"seawall harden {remote.host.name}")
    if not result.ok:
        raise Refused(result.said, hint=f"look at {remote.host.name}")
    return tuple(Upgrade(**one) for one in json.loads(result.out.splitlines()[-1]))


def _worse(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    lost = [f"{site} answers no more" for site in before["well"] if site not in after["well"]]
    failed = [f"{unit} failed" for unit in after["failed"] if unit not in before["failed"]]
    return ", ".join([*lost, *failed])
