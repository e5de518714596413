"""Changes that could lock us out: made under guard, confirmed over a new connection, or undone by the host itself.

    files are put beside   →  the host judges them, arms its own way back (15 s), applies
    a NEW login from here  →  the host disarms, and only then writes what it loads at boot
    no login               →  nothing is said to the host; it goes back alone

If this process dies anywhere in between, the host goes back too, and the next run waits for that before it looks. If
the host itself goes down, it goes back at its next boot.
"""

from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host

from effects.clock import wait_until
from effects.reach import known_hosts_line, login
from estate.problem import Problem, Unreachable
from playbooks.operations import Directory, File, Unit, ask, directories, files, units
from templates import render

SECONDS = 15  # until the host goes back; a host was reachable again after 17 s
TOOLS = "/usr/local/lib/seawall"
PATIENCE = 5  # seconds that a new login is tried for; a try that hangs takes up to four more
STATE = "/var/lib/seawall"
WORK = f"{STATE}/guard"  # what is being tried, and the way back: a reboot must not lose it
TOOL = f"{TOOLS}/guard"
UNIT = "seawall-guard.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"


@operation()
def settled() -> Generator[StringCommand]:
    """No change of a run that died is about to be undone: what still stands is not to stay, and is no way back.

    What has lost its timer, say because its way back failed half way, is undone as at a boot.
    """
    timers = "systemctl list-units --plain --no-legend --state=active,activating 'seawall-undo-*'"
    left = f"ls {WORK}/*/armed {WORK}/*/undoing 2>/dev/null"
    if ask(f"{timers}; {left}; true"):
        waited = f'for n in $(seq {2 * SECONDS}); do [ -n "$({timers})" ] || break; sleep 1; done'
        yield StringCommand(f'{waited}; [ -z "$({timers})" ] && {{ [ -z "$({left})" ] || {TOOL} boot; }}')


def guard() -> None:
    """Put the host's side of it there."""
    settled(name="guard: nothing waits to be undone")
    directories(
        name="guard: where the way back is kept", wanted={STATE: Directory(mode="711"), WORK: Directory(mode="700")}
    )
    files(
        name="guard: the way back",
        wanted={
            TOOL: File(render("guard.sh.j2", seconds=SECONDS, work=WORK), "755"),
            UNIT_FILE: File(render("guard.service.j2", tool=TOOL)),
        },
    )
    units(name="guard: the way back at a boot", wanted=[Unit(UNIT, watches=())])


def confirm() -> None:
    """Log in to the port that must be open from now on. Raises OperationError where that fails.

    Tried for a while: a reload of sshd returns before it listens again.
    """
    data = host.data
    said: list[str] = []
    late = Unreachable("no new login", hint="look at the host")
    with TemporaryDirectory() as folder:
        known = Path(folder) / "known_hosts"
        known.write_text(known_hosts_line(data.ssh_hostname, data.sshd_port, data.host_key), encoding="utf-8")

        def works() -> bool:
            try:
                login(data.ssh_hostname, data.sshd_port, user=data.ssh_user, key=data.ssh_key, known_hosts=known)
            except Problem as problem:
                said.append(problem.what)
                return False
            return True

        try:
            wait_until(works, timeout=PATIENCE, late=late)
        except Unreachable:
            raise OperationError(
                f"no new login is possible ({said[-1]}); the host goes back by itself within {SECONDS} s"
            ) from None
