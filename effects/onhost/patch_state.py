"""Sent by `seawall patches status`: what this host knows about its own patches. Debian's own Python alone.

`look` answers {suite, now, stamps, held, half, restart, reboot, reboot_failed, report} and, where it was given
debsecan's data (base64), {cves: its own lines}. What can't be told is said in {unknown: [words]}, and never left out.
"""

import base64
import json
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TOOL = "/usr/local/lib/seawall/patching"
STAMPS = {"fetched": "update-stamp", "installed": "upgrade-stamp"}


def look(question: "dict[str, Any]") -> "dict[str, Any]":
    """Everything at once, or the CVEs where their data came along."""
    seen: dict[str, Any] = {"unknown": []}
    if "debsecan" in question:
        seen["cves"] = told(seen, "debsecan", lambda: cves(question["suite"], base64.b64decode(question["debsecan"])))
        return seen
    return seen | {
        "suite": suite(),
        "now": time.time(),
        "stamps": {name: stamp(file) for name, file in STAMPS.items()},
        "held": told(seen, "held packages", lambda: lines("apt-mark", "showhold")),
        "half": told(seen, "dpkg --audit", lambda: lines("dpkg", "--audit")[:1]),
        **told(seen, "restarts", lambda: json.loads("".join(lines(TOOL, "owed"))), {"restart": [], "reboot": []}),
        "reboot_failed": told(seen, "seawall-reboot.service", reboot_failed, empty=False),
        "report": told(seen, "the last run's report", report, {}),
    }


def told(seen: "dict[str, Any]", what: str, ask: Any, empty: Any = None) -> Any:
    """What `ask` says; where it fails, that goes to `unknown`."""
    try:
        return ask()
    except (OSError, ValueError, subprocess.SubprocessError) as fault:
        seen["unknown"].append(f"{what}: {str(fault)[-300:]}")
        return [] if empty is None else empty


def lines(*argv: str) -> "list[str]":
    """Lines of standard output of what must exit 0 within two minutes."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise OSError(f"{argv[0]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-200:]}")
    return done.stdout.splitlines()


def suite() -> str:
    """The code name of this Debian."""
    words = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return words.get("VERSION_CODENAME", "").strip('"')


def stamp(name: str) -> "float | None":
    """When apt's weekly run last did this part of it, in seconds of the epoch; None where it never did."""
    path = Path("/var/lib/apt/periodic") / name
    return path.stat().st_mtime if path.exists() else None


def reboot_failed() -> bool:
    """Whether the last attempt in the window was given up."""
    return lines("systemctl", "show", "-p", "ActiveState", "--value", "seawall-reboot.service") == ["failed"]


def report() -> Any:
    """What became of the last restarts."""
    path = Path("/var/lib/seawall/patches.json")
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def cves(name: str, data: bytes) -> "list[str]":
    """One line for each package and CVE: "CVE-2026-0001 nginx (fixed, remotely exploitable, high urgency)"."""
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        return lines("debsecan", "--source", f"file://{folder}", "--suite", name, "--format", "summary")
