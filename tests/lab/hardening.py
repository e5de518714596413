"""What the tests of hardening look at hosts with: runs of the command, doors, ways in, programs that are tried."""

import json
import os
import re
import shutil
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lab as labs
from effects.reach import answers
from effects.run import Result, attempt
from lab import Lab
from lab.image import own_suite

SUITE = os.environ.get("SEAWALL_TEST_SUITE") or own_suite()
SEAWALL = str(Path(sys.executable).with_name("seawall"))
HOSTS = ("web1", "vault-even", "vault-odd", "ns1", "bastion", "twin1", "ns2")
SITES = ("shop.example", "ledger.example", "docs.example")
PORTS = (22, 53, 80, 443, 2222, 3306, 5432)
EXPECTED = {host: set[int]() for host in HOSTS} | {"web1": {80, 443}, "twin1": {80, 443}, "ns1": {53}, "ns2": {53}}
TMP = "/tmp"  # noqa: S108  this is what must not be executable
ANY_KEY = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
NEIGHBOUR = "/srv/vhosts/ledger.example/public/index.php"
UPLOADS = "/srv/vhosts/shop.example/wp-content/uploads"

KNOCK = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def knock(door):
    try:
        socket.create_connection(door, 2).close()
        return True
    except OSError:
        return False
doors = [tuple(door) for door in json.load(sys.stdin)]
with ThreadPoolExecutor(64) as pool:
    print(json.dumps([door for door, open in zip(doors, pool.map(knock, doors)) if open]))
"""


def harden(lab: Lab, *arguments: str, estate: Path | None = None) -> Result:
    return attempt([SEAWALL, "harden", *arguments, "--estate", str(estate or lab.estate_file)], timeout=300)


def counted(lab: Lab, *arguments: str, estate: Path | None = None) -> dict[str, Any]:
    """The JSON document of a run that must succeed."""
    result = harden(lab, "--json", *arguments, estate=estate)
    assert result.ok, result.err
    document: dict[str, Any] = json.loads(result.out)
    return document


def changes(document: dict[str, Any]) -> dict[str, int]:
    return {name: host["changes"] for name, host in document["hosts"].items()}


def open_from_outside(lab: Lab) -> dict[str, set[int]]:
    """Ports that the probe can connect to, over IPv4 or IPv6."""
    addresses = {address: host for host in HOSTS for address in lab.plan.addresses(host)}
    doors = json.dumps([(address, port) for address in addresses for port in PORTS])
    found: dict[str, set[int]] = {host: set() for host in HOSTS}
    result = lab.run("probe", ["python3", "-c", KNOCK], stdin=doors)
    for address, port in json.loads(result.out):
        found[addresses[address]].add(port)
    return found


def ways_in(lab: Lab, host: str, port: int) -> str:
    """How sshd says one may log in, to somebody without a key."""
    known = [
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "PreferredAuthentications=none",
    ]
    said = attempt(["ssh", "-p", str(port), *known, f"root@{lab.address(host)}", "true"], timeout=20).err
    found = re.search(r"Permission denied \((.*)\)", said)
    return found[1] if found else said


def executes(lab: Lab, host: str, folder: str) -> bool:
    """Whether a program put into `folder` runs."""
    return lab.run(host, f"cp /bin/true {folder}/try && {folder}/try; code=$?; rm -f {folder}/try; exit $code").ok


def status(lab: Lab, url: str) -> str:
    """The HTTP status that the probe gets."""
    return lab.run("probe", f"curl -so /dev/null -w '%{{http_code}}' {url}").out


def ssh_port_answers(lab: Lab, host: str, port: int = 2222) -> bool:
    return answers(lab.address(host), port, timeout=1)


def lets_in(lab: Lab, host: str) -> bool:
    """Whether control's key opens it, over a new connection."""
    argv = ["ssh", *ANY_KEY.split(), "-o", "ConnectTimeout=3", "-o", "LogLevel=ERROR", "-i", str(lab.ssh_key), "-p"]
    return attempt([*argv, "2222", f"root@{lab.address(host)}", "true"], timeout=30).ok


def copied_estate(lab: Lab, folder: Path) -> Path:
    """A copy of the estate that a test may spoil."""
    shutil.copytree(lab.directory / "secrets", folder / "secrets")
    for name in ("ssh_key", "estate.toml"):
        shutil.copy(lab.directory / name, folder / name)
    return folder / "estate.toml"


def own_name() -> str:
    return f"{os.environ.get('SEAWALL_TEST_LAB', 'test')[:8]}h"


@contextmanager
def own_lab(
    hosts: Collection[str] = (),
    *,
    suite: str | None = None,
    disks: Collection[str] = (),
    above: Sequence[Path] = (),
) -> Iterator[Lab]:
    """A lab of its own; `hosts`: only these are booted. Never hardened, or what a lab became that was kept (`above`,
    see `beginnings`). SEAWALL_KEEP_LAB=1 leaves it to look at."""
    network = int(os.environ.get("SEAWALL_TEST_NETWORK", "78")) + 11
    made = labs.up(own_name(), network, suite=suite or SUITE, hosts=hosts, disks=disks, above=above)
    try:
        yield made
    finally:
        if "SEAWALL_KEEP_LAB" not in os.environ:
            made.down()
