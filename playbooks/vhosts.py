"""One system user, directory, site and PHP a vhost, so that no client application reads another's files.

What stands here is written down in /etc/seawall/vhosts, one file a vhost. A vhost that the estate has no more is named
and left as it is: a slip of the pen must not take a client's site away. `playbooks.removal` removes it when asked.
"""

import json
import shlex
from collections.abc import Generator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host, state

from inventory.access import VHOSTS
from inventory.data import WEB, VhostData
from playbooks.operations import Directory, File, ask, directories, files, left_out, look, notice
from playbooks.owners import hand_over, users
from playbooks.php import CONFIGURATIONS, retire_php, scratch, start_php
from playbooks.quota import quotas
from playbooks.web import directories_of, prepare_sites, serve_sites

RECORDS = "/etc/seawall/vhosts"
RECORDED = ("domain", "user", "directory", "uploads", "paths", "certificates")


@deploy("Vhosts")
def vhosts() -> None:
    """Users, directories, sites, PHP, logs; then the services that read them, judged before they do."""
    mine, web, serves = host.data.vhosts, host.data.role in WEB, host.data.serves
    users(name="vhosts: users", homes={vhost["user"]: vhost["directory"] for vhost in mine})
    hand_over(name="vhosts: changed hands", vhosts=mine, recorded=records)
    directories(name="vhosts: directories", wanted=_directories(mine) if web else {})
    roots(name="vhosts: document roots", wanted=_roots(mine) if web else {})
    files(name="vhosts: records", wanted={record(v["domain"]): File(_recorded(v)) for v in mine})
    prepare_sites(mine, web=web, serves=serves)
    start_php(mine)
    serve_sites(mine, web=web, serves=serves)
    retire_php(mine)
    quotas(name="vhosts: quotas", wanted={vhost["user"]: vhost["limits"]["disk_mb"] for vhost in mine})
    strays(name="vhosts: none but the estate's", known=[vhost["domain"] for vhost in mine])


def record(domain: str) -> str:
    """The file that says a vhost is ours, and what belongs to it."""
    return f"{RECORDS}/{domain}.json"


def records() -> dict[str, dict[str, Any]]:
    """What is written down on the host, by domain."""
    rows = ask(f"cat {RECORDS}/*.json 2>/dev/null || true")
    return {row["domain"]: row for row in map(json.loads, filter(None, rows))}


@operation()
def strays(known: Sequence[str]) -> Generator[StringCommand]:
    """Name the vhosts that stand on the host and not in the estate."""
    for domain in sorted(records().keys() - set(known)):
        notice(
            f"{domain} is on this host and not in the estate, and was left as it is; put it back into the estate,"
            f" or remove it: seawall harden {host.name} --remove {domain}"
        )
    yield from ()


@operation()
def roots(wanted: Mapping[str, str]) -> Generator[StringCommand]:
    """Document roots, from path to owner, where there is none: a client's release may be a link, and stays one."""
    if not (absent := wanted.keys() - look(list(wanted))):
        return
    for path in sorted(absent):
        yield StringCommand(f"runuser -u {wanted[path]} -- install -d -m 755 {shlex.quote(path)} || true")
    if state.is_executing:
        for path in sorted(absent - look(sorted(absent)).keys()):
            left_out(f"{path} could not be made by {wanted[path]}: look at what stands on the way (namei -l {path})")


def _roots(vhosts: Sequence[VhostData]) -> dict[str, str]:
    """Those that lie in the vhost's own directory."""
    return {v["root"]: v["user"] for v in vhosts if PurePosixPath(v["root"]).is_relative_to(v["directory"])}


def _recorded(vhost: VhostData) -> str:
    row: Mapping[str, object] = vhost
    return json.dumps({key: row[key] for key in RECORDED}) + "\n"


def _directories(vhosts: Sequence[VhostData]) -> dict[str, Directory]:
    closed = Directory(mode="700")
    wanted = {**directories_of(vhosts), VHOSTS: Directory(mode="711"), RECORDS: closed, CONFIGURATIONS: Directory()}
    for vhost in vhosts:
        user = vhost["user"]
        wanted[vhost["directory"]] = Directory(user, "www-data", "750")
        wanted[scratch(vhost)] = Directory(user, user, "700", by_owner=True)
        wanted |= {path: Directory(user, user, by_owner=True) for path in vhost["uploads"]}
    return wanted
