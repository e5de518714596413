"""Take a vhost from a host that the estate does not have there any more: `seawall harden HOST --remove DOMAIN`.

    quiet: visitors get 503, its services stop   →  copied, and the copy compared with what is there
    only then                                    →  site, services, mounts, files, user; its record last

Whatever fails before the copy is proven leaves the vhost as it was. Data beside the usual: `remove`, the domains.
Databases stay where they are: who else reads them is not known here.
"""

import shlex
from collections.abc import Generator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host

from effects.clock import now
from effects.onhost import text, uploads
from estate.web import WEB_SERVERS
from playbooks.operations import File, files, notice
from playbooks.php import LOGS, UNITS, configuration, own_unit
from playbooks.sites import MAINTENANCE
from playbooks.uploads import TOOL
from playbooks.vhosts import record, records
from templates import render

KEPT = "/var/backups/seawall/removed"
Record = Mapping[str, Any]


@deploy("Remove vhosts")
def removal() -> None:
    """Each of `remove`, copied first."""
    users = {vhost["user"]: vhost["domain"] for vhost in host.data.vhosts}
    needed = [path for vhost in host.data.vhosts for path in (vhost["directory"], vhost["root"], *vhost["paths"])]
    # It comes before the rest of a run, so what hardened this host last may not have known the program.
    files(name="vhosts: what unmounts them", wanted={TOOL: File(text("uploads"), "755")})
    removed(name="vhosts: removed", domains=list(host.data.remove), users=users, needed=needed)


@operation()
def removed(domains: Sequence[str], users: Mapping[str, str], needed: Sequence[str]) -> Generator[StringCommand]:
    """Vhosts that are gone; `users` of the estate's own vhosts stay, and the paths `needed` by them."""
    known = records()
    for domain in domains:
        if domain not in known:
            raise OperationError(f"no vhost {domain} is on {host.name}; it has {', '.join(known) or 'none'}")
        others = [row for name, row in known.items() if name != domain]
        archive = f"{KEPT}/{domain}-{now():%Y%m%dT%H%M%SZ}.tar.gz"
        yield StringCommand("sh -s", _stdin=script(known[domain], others, users, archive, needed=needed))
        notice(f"{domain} is gone; all of it but its databases is in {archive}, and what that holds in {archive}.list")


def script(
    row: Record, others: Sequence[Record], users: Mapping[str, str], archive: str, *, needed: Sequence[str] = ()
) -> str:
    """What is run on the host. What `others` use as well, a user or a path, is neither copied nor removed."""
    domain, user = row["domain"], row["user"]
    taken = [PurePosixPath(path) for path in (*needed, *(path for other in others for path in other["paths"]))]
    alone = user not in users and all(other["user"] != user for other in others)
    servers = list(WEB_SERVERS.values())
    links = [path for server in servers for path in (server.enabled(domain), server.available(domain))]
    services = [f"{UNITS}/{own_unit(user)}", configuration(user)] if alone else []
    paths = [path for path in row["paths"] if not any(_overlap(PurePosixPath(path), other) for other in taken)]
    mail = [f"/var/spool/cron/crontabs/{user}", f"/var/mail/{user}"] if alone else []
    paths = [path for path in paths if not PurePosixPath(path).is_relative_to(row["directory"])]
    files = [row["directory"], f"{LOGS}/{domain}", row["certificates"], *paths, *mail]
    quoted = {
        "links": list(map(shlex.quote, links)),
        "services": [
            *map(shlex.quote, services),
            *([f"/etc/php/*/fpm/pool.d/{shlex.quote(user)}.conf"] if alone else []),
        ],
        "removed": list(map(shlex.quote, files)),
    }
    saved = [*quoted["removed"], *quoted["links"], *quoted["services"], shlex.quote(record(domain))]
    return render(
        "remove-vhost.sh.j2",
        domain=shlex.quote(domain),
        servers=servers,
        user=shlex.quote(user) if alone else None,
        service=own_unit(user) if alone else None,
        directory=shlex.quote(row["directory"]),
        archive=shlex.quote(archive),
        flag=shlex.quote(f"{MAINTENANCE}/{domain}"),
        record=shlex.quote(record(domain)),
        saved=saved,
        logs=shlex.quote(f"{LOGS}/{domain}".lstrip("/")),
        uploads=TOOL,
        listed=uploads.LIST,
        **quoted,
    )


def _overlap(one: PurePosixPath, other: PurePosixPath) -> bool:
    """Whether taking one away would take something of the other's along, or leave it without its place."""
    return one.is_relative_to(other) or other.is_relative_to(one)
