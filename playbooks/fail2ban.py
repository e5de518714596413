"""fail2ban: who keeps trying is kept out. Works without rsyslog; the control machine is never banned.

Debian 12's own configuration does not even start on a host without rsyslog. Configuration is written first,
then the service started: a start followed at once by a restart hung it for 90 s.
"""

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host

from inventory.data import WEB
from playbooks.operations import File, Unit, ask, files, units
from templates import render

JAILS = "/etc/fail2ban/jail.d/seawall.local"
WEB_JAILS = ("nginx-http-auth", "nginx-botsearch")


@operation()
def jails(wanted: Sequence[str]) -> Generator[StringCommand]:
    """Jails that watch; a running service with a jail missing is told to read its files again, and looked at again."""
    missing = [jail for jail in wanted if jail not in _watching()]
    if missing:
        yield StringCommand("systemctl reload fail2ban")
        if missing := [jail for jail in wanted if jail not in _watching()]:
            raise OperationError(f"fail2ban runs without {', '.join(missing)}; look at: journalctl -u fail2ban")


def _watching() -> set[str]:
    """Names of the jails that are there. fail2ban answers a moment after systemd calls it active."""
    patiently = "for n in $(seq 50); do fail2ban-client status 2>/dev/null && break; sleep 0.2; done"
    lines = ask(f"if systemctl -q is-active fail2ban; then {patiently}; fi; true")
    return {name.strip() for line in lines if "Jail list:" in line for name in line.split(":", 1)[1].split(",")}


@deploy("fail2ban")
def fail2ban() -> None:
    """sshd everywhere, and the web where the web is served."""
    data = host.data
    wanted = ["sshd", *(WEB_JAILS if data.role in WEB else ())]
    files(
        name="fail2ban: jails",
        wanted={
            JAILS: File(render("fail2ban.local.j2", port=data.sshd_port, control=data.control, web=data.role in WEB))
        },
    )
    units(
        name="fail2ban: runs",
        wanted=[
            Unit(
                "fail2ban.service",
                watches=("/etc/fail2ban/jail.d",),
                judge="fail2ban-client -t >/dev/null",
                act="reload",
            )
        ],
    )
    jails(name="fail2ban: jails watch", wanted=wanted)
