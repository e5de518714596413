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
from estate.problem import Failed, Missing, Problem, Refused, Unreachable
from inventory.data import WEEK, patch_day
from supervision.asking import ask, everywhere

TOOL = "/usr/local/lib/seawall/patching"
UNIT = "seawall-patches-now"
# It says what it has to say to the journal: at a pipe of ours it would die with our connection, in the middle of dpkg.
AS_A_UNIT = ("systemd-run", "--quiet", "--collect", "--wait", f"--unit={UNIT}")
AT_WORK = ("apt-daily-upgrade.service", "seawall-patched.service", "seawall-reboot.service", f"{UNIT}.service")
LIMIT = 3600.0  # seconds for one host
STARTING = 60  # seconds that an application may take until its site answers
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
    sites = [{"domain": vhost.domain, "path": vhost.check.path, "expect": vhost.check.expect}
             for vhost in estate.vhosts_on(host)]  # fmt: skip
    with Remote(host, estate.control) as remote:
        wanted = _upgrades(remote, packages)
        say(host.name, ", ".join(f"{one.package} {one.candidate}" for one in wanted) or "nothing to install")
        before = ask(remote, "health", {"sites": sites, "patience": 0})
        if unwell := [site["domain"] for site in sites if site["domain"] not in before["well"]]:
            say(host.name, f"not well before, so not asked afterwards: {', '.join(unwell)}")
        _not_with_its_partner(estate, host, say)
        _install(remote, packages)
        well = [site for site in sites if site["domain"] in before["well"]]
        after = ask(remote, "health", {"sites": well, "patience": STARTING})
        if after["unknown"]:
            say(host.name, f"there was no time to ask: {', '.join(after['unknown'])}")
        lost = worse(before, after)
        say(host.name, lost or "done, and well")
        return Patched(wanted, lost)


def _install(remote: Remote, packages: Sequence[str]) -> None:
    result = remote.attempt([*AS_A_UNIT, TOOL, "now", *packages], timeout=LIMIT)
    if not result.ok:
        said = (
            result.said or remote.attempt(["journalctl", "-qu", UNIT, "-n", "9", "-o", "cat"], timeout=30).out.strip()
        )
        raise Failed(f"patching ended with {result.code}: {said}", hint=f"look at the host: journalctl -u {UNIT}")


def _not_with_its_partner(estate: Estate, host: Host, say: Say) -> None:
    """Raise Refused while the other end of the pair is patched or about to reboot, by its week or by a colleague."""
    look = ["systemctl", "list-units", "--plain", "--no-legend", "--state=active,activating,reloading", *AT_WORK]
    for partner in estate.partners(host):
        try:
            with Remote(partner, estate.control) as remote:
                busy = [line.split()[0] for line in remote.run(look, timeout=30).splitlines() if line.strip()]
        except Unreachable:  # which must not keep what still serves from its patches
            say(host.name, f"{partner.name} does not answer: whether it is being patched is not known")
            continue
        if busy:
            raise Refused(
                f"{partner.name}, the other end of its pair, is at it: {', '.join(busy)}",
                hint="wait until that has ended, then run the same command again",
            )


def _upgrades(remote: Remote, packages: Sequence[str]) -> tuple[Upgrade, ...]:
    result = remote.attempt([TOOL, "show", *packages], timeout=300)
    if result.code in NOT_THERE:
        raise Missing(f"{remote.host.name} was never hardened", hint=f"seawall harden {remote.host.name}")
    if not result.ok:
        raise Refused(result.said, hint=f"look at {remote.host.name}")
    return tuple(Upgrade(**one) for one in json.loads(result.out.splitlines()[-1]))


def worse(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What was well before and is not now, by two answers of `effects.onhost.health`."""
    known = [site for site in before["well"] if site not in after["unknown"]]
    lost = [f"{site} answers no more" for site in known if site not in after["well"]]
    failed = [f"{unit} failed" for unit in after["failed"] if unit not in before["failed"]]
    return ", ".join([*lost, *failed])
