"""The proof room, seen from outside: a transient unit that can reach nobody, and whose end is the end of all in it."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backups.engines import Server
from backups.proof.furnish import FILES, LOGS
from backups.proof.orders import ORDER, SAID, Order, Program, Said
from backups.restore import STAGE
from effects.onhost import encrypted
from effects.run import attempt, run
from estate.model import VHOSTS, Vhost
from estate.problem import Failed, Missing

UNIT = "seawall-room.service"
LIMIT = 6 * 3600.0  # seconds
PROPERTIES = (
    *("PrivateNetwork=yes", "PrivateMounts=yes", "PrivateTmp=yes", "PrivateIPC=yes", "ProtectHome=yes"),
    *("ProtectSystem=strict", "ProtectKernelTunables=yes", "ProtectControlGroups=yes", "ProtectClock=yes"),
    *("NoNewPrivileges=yes", "KeyringMode=private", "KillMode=control-group", "TimeoutStopSec=10"),
    *("CPUWeight=20", "IOWeight=20", "OOMPolicy=continue", f"RuntimeMaxSec={LIMIT:.0f}"),
    "TemporaryFileSystem=/run /var/log /var/spool /srv",
    f"BindReadOnlyPaths=/var/log:{LOGS} -{VHOSTS}/{STAGE}:{FILES}",
)


@contextmanager
def copied(server: Server, hydrated: Path) -> Iterator[Path]:
    """A copy of a database server's hydrated data that may be started from, gone afterwards.

    Of its own, because a server writes into its data as soon as it starts. Raises Failed where there is no room for it.
    """
    copy = server.data.with_name(f"{server.data.name}.seawall-room")
    shutil.rmtree(copy, ignore_errors=True)
    size = int(run(["du", "--summarize", "--bytes", str(hydrated)], timeout=600).split()[0])
    if shutil.disk_usage(copy.parent).free < size * 1.1:
        raise Failed(
            f"there is no room for a copy of {size / 1e9:.1f} GB beside {server.data}",
            hint=f"make room in the file system of {copy.parent}, so that databases can be proven",
        )
    copy.mkdir(mode=0o700)
    try:
        encrypted.follow(str(copy))
        run(["cp", "--archive", "--reflink=auto", "--no-target-directory", str(hydrated), str(copy)], timeout=LIMIT)
        yield copy
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def enter(order: Order) -> Said:
    """What is seen in there. Raises Failed where the room itself can't be had."""
    leave()
    copies = " ".join(str(engine.copy) for engine in order.engines)
    properties = [*PROPERTIES, *([f"ReadWritePaths={copies}"] if copies else [])]
    here = Path(__file__).parents[2]
    argv = ["systemd-run", "--quiet", "--collect", "--pipe", "--wait", f"--unit={UNIT}", f"--working-directory={here}"]
    argv += [f"--property={one}" for one in properties]
    argv += ["--setenv=LANG=C.UTF-8", sys.executable, "-m", "backups.proof.room"]
    try:
        said = attempt(argv, timeout=LIMIT + 60, stdin=ORDER.dump_json(order).decode())
    finally:
        leave()
    if not said.ok:
        raise Failed(f"the proof room ended with {said.code}: {said.said}", hint=f"journalctl -u {UNIT}")
    return SAID.validate_json(said.out)


def leave() -> None:
    """Nothing runs in there any more."""
    attempt(["systemctl", "stop", UNIT], timeout=60)


def php_of(vhost: Vhost) -> Program | None:
    """How systemd starts the vhost's own PHP; None where it has none. Raises Missing where this host lacks its unit."""
    if vhost.service is None:
        return None
    words = ("User", "RuntimeDirectory", "ExecStart")
    said = run(["systemctl", "show", *(f"--property={word}" for word in words), vhost.service], timeout=30)
    known = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    if "ExecStart" not in known:
        raise Missing(
            f"{vhost.domain}: this host has no unit {vhost.service}",
            hint="from the control machine: seawall harden; an activation needs it too",
        )
    _, _, argv = known["ExecStart"].partition("argv[]=")
    return Program(known["User"], known["RuntimeDirectory"], tuple(shlex.split(argv.partition(" ; ")[0])))
