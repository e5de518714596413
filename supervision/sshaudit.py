"""ssh-audit, run here, over the network, as anybody sees the host.

Two judgements. `ssh`: every algorithm it is offered, one point for each that ssh-audit neither warns of nor fails; all
of them won is its exit code 0. `ssh-policy`: its own hardening policy for that Debian, one point. They exclude each
other: the policy asks for curve25519, of which the first warns since it is not post-quantum. So the estate's set of
cryptography decides which one counts (see exclusions.toml).

The connection rate test of ssh-audit is left out: it is a small flood, and every server here has a firewall that would
answer it.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from effects.clock import Stopwatch
from effects.run import Result, attempt
from estate.problem import Failed, Missing, Unreachable
from supervision.findings import Finding, Scan, Scanner

TIMEOUT = 90.0  # seconds
COMMAND = (sys.executable, "-m", "ssh_audit", "--json", "--skip-rate-test", "--timeout=8")
POLICIES = {"12": "Hardened Debian 12 (version 3)", "13": "Hardened Debian 13 (version 1)"}
JUDGED = ("kex", "key", "enc", "mac")
FINE = (0, 2, 3)  # exit codes: good, warnings, failures; others mean that there is no result
HINT = "install the toolkit with what a control machine needs: pip install 'seawall[control]'"


def scan(address: str, port: int) -> Scan:
    """Every algorithm. Raises Unreachable where the server does not answer, Missing without ssh-audit."""
    watch = Stopwatch()
    said = _run("-p", str(port), address)
    document = json.loads(said)
    return Scan(Scanner.SSH, _version(), tuple(_algorithms(document)), watch.seconds)


def policy(address: str, port: int, debian: str) -> Scan:
    """The policy for Debian `debian`, "12" or "13"."""
    watch = Stopwatch()
    said = json.loads(_run("-P", POLICIES[debian], "-p", str(port), address))
    wrong = "; ".join(
        f"{error['mismatched_field']}: {', '.join(error['actual'])};"
        f" expected: {', '.join(filter(None, error['expected_required']))}"
        for error in said["errors"]
    )
    finding = Finding("policy", POLICIES[debian], wrong, int(bool(said["passed"])), 1)
    return Scan(Scanner.SSH_POLICY, _version(), (finding,), watch.seconds)


def _run(*arguments: str) -> str:
    result = attempt([*COMMAND, *arguments], timeout=TIMEOUT)
    if "No module named ssh_audit" in result.err:
        raise Missing("ssh-audit is not installed here", hint=HINT)
    if result.code not in FINE or not result.out.startswith("{"):
        raise _silent(result)
    return result.out


def _silent(result: Result) -> Failed | Unreachable:
    said = (result.out + result.err).strip()[-300:] or f"ended with {result.code}"
    return Unreachable(f"ssh-audit: {said}", hint="is the host up, and this machine in control.addresses?")


def _algorithms(document: Any) -> Iterator[Finding]:
    for kind in JUDGED:
        for entry in document[kind]:
            notes = [note for level in ("fail", "warn") for note in entry.get("notes", {}).get(level, [])]
            size = f" ({entry['keysize']} bits)" if "keysize" in entry else ""
            title = f"{kind} {entry['algorithm']}{size}"
            yield Finding(f"{kind}:{entry['algorithm']}", title, "; ".join(notes), int(not notes), 1)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - only a control machine has it

    try:
        return version("ssh-audit")
    except PackageNotFoundError:
        return ""
