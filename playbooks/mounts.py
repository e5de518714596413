"""nosuid, nodev, and where nobody needs a program noexec: live at once, and in fstab for the next boot.

A place without a mount of its own is bound over itself. pyinfra's `server.mount` never writes fstab, and with
a device of tmpfs it can remount /dev noexec, which ends ssh until the next boot.

Users do not see each other's processes, and so neither the secrets on their command lines (proc(5), hidepid). What
must see them all, and is not the whole of root, is in the group `proc`: for logind `playbooks.services` says so.
"""

import re
import shlex
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import NamedTuple

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation
from pyinfra.context import host

from inventory.access import VHOSTS
from playbooks.operations import File, ask, put
from playbooks.uploads import TOOL, prepare_uploads, upload_directories, uploads_of

Options = tuple[str, ...]
DATA: Options = ("nosuid", "nodev")
INERT: Options = (*DATA, "noexec")
PROC = "/proc"
GROUP = "proc"  # may see every process
# CIS 1.1.2.1 to 1.1.2.7, ANSSI R28. noexec on /var would leave packages half-installed: dpkg runs their scripts there.
PLACES: Mapping[str, Options] = {
    "/tmp": INERT,  # noqa: S108  these are what is made safe here
    "/var/tmp": INERT,  # noqa: S108
    "/dev/shm": INERT,  # noqa: S108
    "/var/log": INERT,
    "/home": DATA,
    "/srv": DATA,
}
OWN: Mapping[str, Options] = {"/boot": INERT, "/var": DATA, "/var/log/audit": INERT}  # where fstab has a line for it
BELOW = ("/home", "/srv")  # a file system mounted further down is no way around
READERS = ("polkitd", "prometheus", "zabbix", "nagios", "munin", "netdata", "telegraf")  # users, where they exist
BEGIN, END = "# seawall (playbooks/mounts.py): begin", "# seawall: end"


class Mounted(NamedTuple):
    """What is mounted somewhere; of mounts over each other, the one on top."""

    kind: str
    options: Sequence[str]


def fstab(text: str, places: Mapping[str, Options], memory: Iterable[str] = ()) -> str:
    """`text` with every one of `places` mounted with its options; other lines stay as they are.

    An administrator's own line for a place gets the missing options; places without one stand in a block
    between two comments, as tmpfs where they are in `memory`, and bound over themselves elsewhere.
    """
    kept = _theirs(text)
    kept = kept if not kept or kept.endswith("\n") else kept + "\n"
    lines = [_safer(line, places) for line in kept.splitlines()]
    own = mounted_by("\n".join(lines))
    block = [_entry(place, options, place in memory) for place, options in places.items() if place not in own]
    return "".join(f"{line}\n" for line in [*lines, *([BEGIN, *block, END] if block else [])])


def declared(text: str, places: Mapping[str, Options]) -> dict[str, Options]:
    """`places`, and what an administrator's fstab mounts that deserves the same: parents first."""
    own = mounted_by(text)
    more = {place: OWN[place] for place in own if place in OWN}
    more |= {place: DATA for place in own if place.startswith(tuple(f"{top}/" for top in BELOW))}
    return dict(sorted({**more, **places}.items()))


def mounted_by(text: str) -> list[str]:
    """Where an administrator's lines of fstab mount something."""
    return [fields[1] for line in _theirs(text).splitlines() if _is_entry(fields := line.split())]


def _theirs(text: str) -> str:
    return re.sub(rf"{re.escape(BEGIN)}\n.*?{re.escape(END)}\n", "", text, flags=re.DOTALL)


def missing(options: Sequence[str], wanted: Options) -> Options:
    """Those of `wanted` that `options` lacks; a group that an administrator chose stays."""
    known = {"hidepid=invisible", *options} if "hidepid=2" in options else set(options)
    groups = any(option.startswith("gid=") for option in options)
    return tuple(each for each in wanted if each not in known and not (groups and each.startswith("gid=")))


def _is_entry(fields: Sequence[str]) -> bool:
    return len(fields) >= 4 and not fields[0].startswith("#")


def _safer(line: str, places: Mapping[str, Options]) -> str:
    fields = line.split()
    if not _is_entry(fields) or fields[1] not in places:
        return line
    now = fields[3].split(",")
    if not (more := missing(now, places[fields[1]])):
        return line
    kept = [option for option in now if not (option.startswith("hidepid=") and "hidepid=invisible" in more)]
    return " ".join([*fields[:3], ",".join([*kept, *more]), *fields[4:]])


def _entry(place: str, options: Options, tmpfs: bool) -> str:
    safe = ",".join(options)
    if place == PROC:
        return f"proc {PROC} proc {safe} 0 0"
    return f"tmpfs {place} tmpfs rw,mode=1777,{safe} 0 0" if tmpfs else f"{place} {place} none bind,nofail,{safe} 0 0"


# Each directory with where it leads and the id of the mount that is seen there. A list of mounts would not do: below a
# shared mount that is bound over itself each mount exists twice, and the list does not say which of the two is hidden.
LOOK = """
{{ cat; awk '!/^#/ && NF >= 4 {{ print $2 }}' /etc/fstab; }} 2>/dev/null | while read -r place; do
  cd -P "$place" 2>/dev/null && exec 3< . || continue
  while read -r key id; do [ "$key" != mnt_id: ] || echo "$id $PWD $place"; done < /proc/self/fdinfo/3
done; echo
getent group {group} | cut -d: -f3; echo
cat /proc/self/mountinfo; echo
cat /etc/fstab 2>/dev/null; true"""


class Now(NamedTuple):
    """What is there."""

    places: Mapping[str, str]  # where each directory leads
    mounted: Mapping[str, Mounted]  # those that have a mount of their own
    group: str
    fstab: str


def _look(places: Iterable[str]) -> Now:
    lines = ask(LOOK.format(group=GROUP), stdin="".join(f"{place}\n" for place in places))
    parts: list[list[str]] = [[], [], []]
    for part in parts:
        while line := lines.pop(0):
            part.append(line)
    rows = {row[0]: row for row in map(str.split, parts[2])}
    seen = [line.split(" ") for line in parts[0]]
    if not seen:  # else fstab would be written without any place
        raise OperationError("could not look at the mounts")
    return Now(
        {place: real for _, real, place in seen},
        {real: _mounted(rows[number]) for number, real, _ in seen if rows[number][4] == real},
        "".join(parts[1]) or GROUP,
        "".join(f"{line}\n" for line in lines),
    )


def _mounted(row: Sequence[str]) -> Mounted:
    """From a row of proc_pid_mountinfo(5): the mount's own options, then the file system's."""
    kind, _, options = row[row.index("-") + 1 :]
    return Mounted(kind, [*row[5].split(","), *options.split(",")])


@operation()
def safe_mounts(places: Mapping[str, Options], uploads: Sequence[str]) -> Generator[StringCommand]:
    """Mounted with the safe options now, and after the next boot. Places that do not exist are left out.

    Of `uploads` those that an administrator's own line of fstab mounts: what is theirs to bind has no line.
    """
    now = _look([*places, PROC])
    there = {now.places[place]: options for place, options in places.items() if place in now.places}
    theirs = set(mounted_by(now.fstab))
    own = {place: INERT for place in uploads if place in theirs}
    wanted = declared(now.fstab, there) | own | {PROC: (*INERT, "hidepid=invisible", f"gid={now.group}")}
    memory = [place for place in wanted if place in now.mounted and now.mounted[place].kind == "tmpfs"]
    if (safe := fstab(now.fstab, wanted, memory)) != now.fstab:
        yield put("/etc/fstab", File(safe))
        yield StringCommand("systemctl daemon-reload")
    for place, options in wanted.items():
        yield from _live(place, options, now.mounted.get(place), bind=place in there)


def _live(place: str, options: Options, now: Mounted | None, *, bind: bool) -> Generator[StringCommand]:
    """Bound with all that is mounted below, which would else be hidden."""
    name = shlex.quote(place)
    if now is None and not bind:
        return  # in fstab, but not mounted: noauto, or a disk that is away
    if now is None:
        yield StringCommand(f"mount --rbind {name} {name}")
    if now is None or missing(now.options, options):
        if place.startswith(f"{VHOSTS}/"):  # where a client may put a link on the way at any instant
            yield StringCommand(f"{TOOL} remount {name}")
            return
        how = "remount" if place == PROC else "remount,bind"
        yield StringCommand(f"mount -o {how},{','.join(options)} {name}")


@operation()
def readers() -> Generator[StringCommand]:
    """The group that sees all processes, with those users in it that exist."""
    lines = ask(f"getent group {GROUP} || echo none; getent passwd {' '.join(READERS)} | cut -d: -f1")
    if lines[0] == "none":
        yield StringCommand(f"groupadd --system {GROUP}")
    members = lines[0].split(":")[-1].split(",")
    for user in lines[1:]:
        if user not in members:
            yield StringCommand(f"usermod --append --groups {GROUP} {user}")


@deploy("Mounts")
def mounts() -> None:
    """No program where anybody may write, no device and no set-user-id where clients' files are."""
    uploads = uploads_of(host.data.vhosts)
    readers(name="mounts: who sees all processes")
    prepare_uploads(uploads)
    safe_mounts(name="mounts: safe, now and at boot", places=PLACES, uploads=uploads)
    upload_directories(name="mounts: upload directories, now and at boot", paths=uploads)
