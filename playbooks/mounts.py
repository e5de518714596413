"""noexec, nosuid, nodev where anybody may write: live at once, and in fstab for the next boot.

A place without a mount of its own is bound over itself. pyinfra's `server.mount` never writes fstab, and with
a device of tmpfs it can remount /dev noexec, which ends ssh until the next boot.
"""

import re
import shlex
from collections.abc import Generator, Mapping, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host

from playbooks.operations import File, ask, put

PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  these are what is made safe here
OPTIONS = ("nosuid", "nodev", "noexec")
BEGIN, END = "# seawall (playbooks/mounts.py): begin", "# seawall: end"


def fstab(text: str, places: Sequence[str], memory: Sequence[str] = ()) -> str:
    """`text` with every one of `places` mounted safely; other lines stay as they are.

    An administrator's own line for a place gets the missing options; places without one stand in a block
    between two comments, as tmpfs where they are in `memory`, and bound over themselves elsewhere.
    """
    kept = re.sub(rf"{re.escape(BEGIN)}\n.*?{re.escape(END)}\n", "", text, flags=re.DOTALL)
    kept = kept if not kept or kept.endswith("\n") else kept + "\n"
    lines = [_safer(line, places) for line in kept.splitlines()]
    own = {fields[1] for fields in map(str.split, lines) if _is_entry(fields)}
    block = [_entry(place, tmpfs=place in memory) for place in places if place not in own]
    return "".join(f"{line}\n" for line in [*lines, *([BEGIN, *block, END] if block else [])])


def _is_entry(fields: Sequence[str]) -> bool:
    return len(fields) >= 4 and not fields[0].startswith("#")


def _safer(line: str, places: Sequence[str]) -> str:
    fields = line.split()
    if not _is_entry(fields) or fields[1] not in places:
        return line
    options = fields[3].split(",")
    missing = [option for option in OPTIONS if option not in options]
    return line if not missing else " ".join([*fields[:3], ",".join([*options, *missing]), *fields[4:]])


def _entry(place: str, *, tmpfs: bool) -> str:
    safe = ",".join(OPTIONS)
    return f"tmpfs {place} tmpfs rw,mode=1777,{safe} 0 0" if tmpfs else f"{place} {place} none bind,nofail,{safe} 0 0"


def _mounted() -> Mapping[str, tuple[str, list[str]]]:
    """Mount point to type and options; of mounts over each other, the one on top."""
    rows = (line.split(" ") for line in ask("findmnt -rno TARGET,FSTYPE,OPTIONS"))
    return {row[0]: (row[1], row[2].split(",")) for row in rows if len(row) == 3}


@operation()
def safe_mounts(places: Sequence[str]) -> Generator[StringCommand]:
    """Mounted with the safe options now, and after the next boot."""
    mounted = _mounted()
    text = "\n".join(ask("cat /etc/fstab 2>/dev/null || true"))
    memory = [place for place in places if mounted.get(place, ("", []))[0] == "tmpfs"]
    wanted = fstab(text + "\n" if text else "", places, memory)
    if wanted != (text + "\n" if text else ""):
        yield put("/etc/fstab", File(wanted))
        yield StringCommand("systemctl daemon-reload")
    for place in places:
        if place not in mounted:
            yield StringCommand(f"mount --bind {shlex.quote(place)} {shlex.quote(place)}")
        if place not in mounted or not set(OPTIONS) <= set(mounted[place][1]):
            yield StringCommand(f"mount -o remount,bind,{','.join(OPTIONS)} {shlex.quote(place)}")


@deploy("Mounts")
def mounts() -> None:
    """Nothing can be executed from /tmp, /var/tmp, /dev/shm and the vhosts' upload directories."""
    uploads = [path for vhost in host.data.vhosts for path in vhost["uploads"]]
    safe_mounts(name="mounts: safe, now and at boot", places=[*PLACES, *uploads])
