"""Runs deploys on hosts from here, and counts the hosts: pyinfra alone calls it a success when none was reached."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from effects.reach import detour, first_open, known_hosts_line
from effects.stream import lines
from estate.problem import BadEstate, Failed, Problem, Unreachable, Untrusted
from inventory.data import HostData, known_ports

TIMEOUT = 1800.0  # seconds, for all hosts together
PROBES = 32  # hosts that are knocked at at once
Event = Mapping[str, Any]
KINDS: Mapping[str, tuple[type[Problem], str]] = {
    "unreachable": (
        Unreachable,
        "is the host up, this machine in control.addresses, and ssh on another port (--port)? then run it again",
    ),
    "untrusted": (Untrusted, "look at the host's pinned key in the estate, and at [control] ssh_key"),
    "failed": (Failed, "mend that, then run the same command again; what is done already is not done twice"),
    "partly": (Failed, "everything else is done; mend what is named, then run the same command again"),
}
WORST_FIRST = ("untrusted", "failed", "unreachable", "partly")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one host. With a dry run, `changes` is what would change."""

    host: str
    ok: bool
    operations: int
    changes: int
    seconds: float
    error: str
    kind: str  # one of KINDS where it is not ok
    notices: Sequence[str] = ()  # what the operator should know, though nothing failed


def drive(
    hosts: Sequence[HostData],
    deploys: Sequence[str],
    *,
    dry_run: bool = False,
    timeout: float = TIMEOUT,
    on_event: Callable[[Event], None] = lambda _: None,
) -> dict[str, Outcome]:
    """Run `deploys` (names of modules of playbooks) on `hosts`; one outcome for each asked host, in that order.

    A host that is down does not keep the others waiting. `on_event` gets the runner's events as they happen.
    Nothing is raised for a host: look at the outcomes, or let `check` judge them. Raises BadEstate for no hosts.
    Where the runner itself does not end well, it is said of each host that was not done by then.
    """
    if not hosts:
        raise BadEstate("no host was asked for", hint="name one, or add hosts to the estate")
    outcomes: dict[str, Outcome] = {}
    said = "the run ended without a word about it"

    def see(event: Event) -> None:
        if event["event"] == "host":
            outcomes[event["host"]] = Outcome(**{key: value for key, value in event.items() if key != "event"})
        on_event(event)

    with TemporaryDirectory(prefix="seawall-") as folder:
        known_hosts = Path(folder) / "known_hosts"
        known_hosts.write_text("".join(map(_known, hosts)), encoding="utf-8")
        reached = _knock(hosts, known_hosts)
        for silent in (data for data in hosts if data["name"] not in reached):
            see(_silent(silent))
        if reached:
            job = json.dumps({"hosts": list(reached.values()), "deploys": list(deploys), "dry_run": dry_run})
            try:
                for line in lines([sys.executable, "-m", "playbooks.runner"], stdin=job, timeout=timeout):
                    see(json.loads(line))
            except Failed as failed:
                said = failed.what
    return {data["name"]: outcomes.get(data["name"]) or _lost(data["name"], said) for data in hosts}


def check(outcomes: Mapping[str, Outcome]) -> None:
    """Raise the worst of what went wrong, naming every host it is about; exit code 0 means all hosts."""
    bad = [outcome for outcome in outcomes.values() if not outcome.ok]
    if not bad:
        return
    kind = next(kind for kind in WORST_FIRST if any(outcome.kind == kind for outcome in bad))
    problem, hint = KINDS[kind]
    said = "".join(f"\n  {outcome.host}: {outcome.error}" for outcome in bad)
    raise problem(f"{len(bad)} of {len(outcomes)} hosts are not done:{said}", hint=hint)


def _known(data: HostData) -> str:
    return "".join(known_hosts_line(data["ssh_hostname"], port, data["host_key"]) for port in known_ports(data))


def _knock(hosts: Sequence[HostData], known_hosts: Path) -> dict[str, HostData]:
    """Hosts whose ssh answers, with the port where it does, ready for the runner."""
    with ThreadPoolExecutor(PROBES) as pool:
        ports = pool.map(lambda data: first_open(data["ssh_hostname"], known_ports(data)), hosts)
        return {
            data["name"]: _connectable(data, port, known_hosts) for data, port in zip(hosts, ports, strict=True) if port
        }


def _connectable(data: HostData, port: int, known_hosts: Path) -> HostData:
    config = known_hosts.with_name(f"{data['name']}.config")
    aside = None
    with suppress(OSError):  # what has just answered and does not any more is the runner's to report
        aside = detour(data["ssh_hostname"], port, key=data["ssh_key"], known_hosts=known_hosts)
    config.write_text(f"ProxyCommand {aside}\n" if aside else "", encoding="utf-8")
    pinned = {
        "ssh_strict_host_key_checking": "yes",
        "ssh_known_hosts_file": str(known_hosts),
        "ssh_config_file": str(config),
    }
    return data | {"ssh_port": port} | pinned  # type: ignore[return-value]  # pyinfra's own keys on top


def _silent(data: HostData) -> Event:
    ports = " nor ".join(str(port) for port in known_ports(data))
    return {
        "event": "host",
        "host": data["name"],
        "ok": False,
        "operations": 0,
        "changes": 0,
        "seconds": 0.0,
        "error": f"{data['ssh_hostname']} answers on neither port {ports}",
        "kind": "unreachable",
    }


def _lost(name: str, said: str) -> Outcome:
    return Outcome(
        name,
        ok=False,
        operations=0,
        changes=0,
        seconds=0.0,
        error=said,
        kind="failed",
    )
