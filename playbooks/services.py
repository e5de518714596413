"""Walls around the services that listen: what a broken-into server process may still do (systemd.exec(5)).

Only what holds for every configuration: `ProtectSystem=full` and not `strict`, for a database's tablespaces and dumps
may lie anywhere below /var, /srv or /mnt, and no `ReadWritePaths`, for an absent one takes the service down at the next
boot. cron has no walls: its jobs are not ours, and one that mounts or sends mail must go on doing so.
Exposure by `systemd-analyze security` (252): mariadb 8.6 → 1.5, postgresql 9.6 → 1.5, knot 4.6 → 2.0, named 9.6 → 1.9,
fail2ban 9.6 → 2.4.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation

from playbooks.mounts import GROUP
from playbooks.operations import LOADED, File, differs, entered, files, look, notice, systemd_and_files
from templates import render

NETWORK = "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6"
NO_NEW_CODE = "MemoryDenyWriteExecute=yes"  # never for postgresql: it compiles queries


class Walls(NamedTuple):
    """The lines of a unit's drop-in, beyond those that all have."""

    lines: tuple[str, ...]
    common: bool = True


UNITS = {
    "mariadb.service": Walls((NETWORK, NO_NEW_CODE, "CapabilityBoundingSet=CAP_IPC_LOCK")),
    # Debian starts this and named as root, which only becomes another user: they can as well begin so.
    "postgresql@.service": Walls(
        (f"{NETWORK} AF_NETLINK", "User=postgres", "Group=postgres", "CapabilityBoundingSet=", "UMask=0077")
    ),
    "named.service": Walls(
        (
            *(f"{NETWORK} AF_NETLINK", NO_NEW_CODE, "User=bind", "Group=bind", "UMask=0027"),
            *("CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE"),
            "SystemCallFilter=@setuid capset @chown",
        )
    ),
    "knot.service": Walls((f"{NETWORK} AF_NETLINK", "SystemCallFilter=capset @chown", "UMask=0027")),
    # iptables is its tool, so it keeps the right to change the network, and root's.
    "fail2ban.service": Walls(
        (
            f"{NETWORK} AF_NETLINK",
            "CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_DAC_READ_SEARCH CAP_AUDIT_READ",
            "UMask=0027",
        )
    ),
    "systemd-logind.service": Walls((f"SupplementaryGroups={GROUP}",), common=False),
}


def drop_in(unit: str) -> str:
    """Where the walls of `unit` stand."""
    return f"/etc/systemd/system/{unit}.d/seawall-walls.conf"


@operation()
def walled(units: list[str]) -> Generator[StringCommand]:
    """Units that run have been started with their walls. One that cannot runs on without, and its walls are refused."""
    for unit, instance in _older(units):
        yield StringCommand(_restart(drop_in(unit), instance))


def _older(units: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each unit with those of its running instances that were started before its drop-in was written.

    The marker tells what happened within the second that systemd's time of a start is exact to.
    """
    states, _ = systemd_and_files([unit.replace("@.", "@*.") for unit in units], ())
    runs = {now["Id"]: entered(now) for now in states if now.get("ActiveState") == "active"}
    of = {instance: re.sub("@.*", "@.service", instance) for instance in runs}
    _, changed = systemd_and_files((), [*map(drop_in, of.values()), *map(_marker, runs)])
    for instance, since in runs.items():
        if changed.get(drop_in(of[instance]), 0.0) > max(since, changed.get(_marker(instance), 0.0)):
            yield of[instance], instance


def _marker(unit: str) -> str:
    return f"{LOADED}/walls-{unit}"


def _restart(path: str, unit: str) -> str:
    """Restart within its walls, or without. What was refused is kept beside, and not tried again: see `_wanted`."""
    return f"""
up() {{ for n in 1 2 3 4 5; do systemctl -q is-active {unit} || return 1; sleep 0.1; done; }}
mkdir -p {LOADED} && touch {LOADED}/.walls-{unit} && systemctl daemon-reload
if systemctl restart {unit} && up; then mv -f {LOADED}/.walls-{unit} {LOADED}/walls-{unit}; exit 0; fi
journalctl -qn 8 --no-pager -u {unit} >&2
mv {path} {path}.refused; systemctl daemon-reload; systemctl reset-failed {unit}
systemctl restart {unit} && up && how=runs || how='does not run either'
echo "{unit} does not start with {path}, and $how without: see {path}.refused, then remove it and run this again" >&2
exit 1"""


def _wanted() -> dict[str, File]:
    """Drop-ins, but for those that took their unit down before: each try is an outage."""
    wanted = {unit: File(render("sandbox.conf.j2", walls=it.common, lines=it.lines)) for unit, it in UNITS.items()}
    seen = look([f"{drop_in(unit)}.refused" for unit in wanted])
    refused = [unit for unit, file in wanted.items() if not differs(seen.get(f"{drop_in(unit)}.refused"), file)]
    for unit in refused:
        notice(f"{unit} has no walls, it did not start within: mend it, then remove {drop_in(unit)}.refused")
    return {drop_in(unit): file for unit, file in wanted.items() if unit not in refused}


@deploy("Services")
def services() -> None:
    """Drop-ins for all of them, so that one that is installed later starts within its walls."""
    files(name="services: walls", wanted=_wanted)
    walled(name="services: run within their walls", units=list(UNITS))
