"""The kernel's own settings, live and at boot; modules that a server never needs; no memory dumps.

In a container only net.* is its own to set: what is read-only there, or unknown to this kernel, is written for the next
boot and asked nothing now. Our file comes last by its name. What another file says against it is commented out, or the
next boot, or somebody's `sysctl --system`, would undo it.
"""

import re
import shlex
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from urllib.parse import urlsplit

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host

from inventory.data import Opening, VhostData
from playbooks.operations import File, ask, files, notice
from templates import render

SETTINGS = "/etc/sysctl.d/99-zz-seawall.conf"
PRIVILEGED = 1024  # ports below are root's on any Linux
MARIADB = 3306  # the lowest port that a server of ours takes as a user of its own
# File systems, protocols and buses (CIS 1.1.1 and 3.2, ANSSI R10). Not squashfs and udf: snaps and some clouds need
# them. Not what a later administrator would mount on purpose: nfs, cifs, fuse.
MODULES = (
    *("cramfs", "freevxfs", "hfs", "hfsplus", "jffs2", "jfs", "minix", "ufs", "gfs2", "ksmbd", "usb-storage", "uas"),
    *("dccp", "sctp", "rds", "tipc", "n-hdlc", "ax25", "netrom", "x25", "rose", "appletalk", "psnap", "p8023", "p8022"),
    *("atm", "can", "af_802154", "firewire-core", "firewire-ohci", "firewire-sbp2", "thunderbolt", "bluetooth"),
    *("floppy", "vivid"),
)


def settings(text: str) -> dict[str, str]:
    """The assignments of a file of sysctl.d(5), keys written with dots; "*" stands for the interfaces there are."""
    return dict(filter(None, map(_assignment, text.splitlines())))


def first_for_users(port: int, used: Iterable[int]) -> int:
    """net.ipv4.ip_unprivileged_port_start: above sshd's `port`, unless something in `used` needs a port below that.

    A port that sshd leaves, to read its rules, goes to whoever asks first, and sshd does not come up again without it.
    """
    return port + 1 if PRIVILEGED <= port < MARIADB and not _between(port, used) else PRIVILEGED


def _between(port: int, used: Iterable[int]) -> list[int]:
    return sorted({other for other in used if PRIVILEGED <= other < port})


def ports_of(openings: Sequence[Opening], vhosts: Sequence[VhostData]) -> list[int]:
    """Where the estate says that something listens: programs of its own, which may be any user's."""
    upstreams = [urlsplit(vhost["upstream"]).port or 80 for vhost in vhosts if vhost["upstream"]]
    return [*upstreams, *(opening["port"] for opening in openings)]


def _assignment(line: str) -> tuple[str, str] | None:
    found = re.match(r"\s*-?([^#;=\s]+)\s*=\s*(.*?)\s*$", line)
    return (_dotted(found[1]), found[2]) if found else None


def _dotted(key: str) -> str:
    """The first separator decides which of the two separates: net/ipv4/conf/eth0.1/x has a dot in a name."""
    slash, dot = key.find("/"), key.find(".")
    return key.translate(str.maketrans("./", "/.")) if slash >= 0 and (dot < 0 or slash < dot) else key


def against(lines: Iterable[str], wanted: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """File and line number of what sets one of our keys to something else; `lines` as grep -n writes them."""
    for line in lines:
        name, number, text = line.split(":", 2)
        if (found := _assignment(text)) and (value := _ours(found[0], wanted)) is not None and value != found[1]:
            yield name, int(number)


def _ours(key: str, wanted: Mapping[str, str]) -> str | None:
    return wanted.get(key) or next(
        (value for glob, value in wanted.items() if "*" in glob and fnmatch(key, glob)), None
    )


@operation()
def nothing_against(text: str) -> Generator[StringCommand]:
    """No other file of an administrator sets what ours sets."""
    lines = ask(
        f"find /etc/sysctl.conf /etc/sysctl.d/*.conf -type f ! -path {SETTINGS} -exec grep -Hn = {{}} + || true"
    )
    for name, number in against(lines, settings(text)):
        yield StringCommand(f"sed -i '{number}s/^/# seawall: /' {shlex.quote(name)}")


EACH = 'while read -r path value; do for file in /proc/sys/$path; do [ -w "$file" ] || continue; {act}; done; done'
READ = EACH.format(act='echo "$file"') + " | xargs -r grep -H ''; true"  # dash's own read sees a first digit alone
WRITE = EACH.format(act='echo "$value" > "$file" || { echo "the kernel refuses $value for $file" >&2; bad=1; }')


@operation()
def live(text: str) -> Generator[StringCommand]:
    """The running kernel has them, where it knows them and lets us. All are written where one is not so, in order."""
    wanted = {key.replace(".", "/"): value for key, value in settings(text).items()}
    rows = "".join(f"{path} {value}\n" for path, value in wanted.items())
    now = (line.removeprefix("/proc/sys/").split(":", 1) for line in ask(READ, stdin=rows))
    if any(" ".join(value.split()) != _ours(path, wanted) for path, value in now):  # the kernel writes tabs
        yield StringCommand(f'{WRITE}; [ -z "$bad" ]', _stdin=rows)


@deploy("Kernel")
def kernel() -> None:
    """Settings, modules, no dumps of memory."""
    data = host.data
    port, used = data.sshd_port, ports_of(data.openings, data.vhosts)
    first = first_for_users(port, used)
    if first <= port:
        low = min([MARIADB, *_between(port, used)])
        notice(
            f"a program of any user could take port {port} while sshd reads its rules; make ssh_port less than {low}"
        )
    text = render("sysctl.conf.j2", strict_routing=data.strict_routing, first_for_users=first)
    files(
        name="kernel: settings, modules, no dumps",
        wanted={
            SETTINGS: File(text),
            "/etc/modprobe.d/seawall.conf": File(render("modules.conf.j2", modules=MODULES)),
            "/etc/security/limits.d/seawall.conf": File("# playbooks/kernel.py: no dumps of memory.\n* hard core 0\n"),
            "/etc/systemd/coredump.conf.d/seawall.conf": File(
                "# playbooks/kernel.py: no dumps of memory.\n[Coredump]\nStorage=none\nProcessSizeMax=0\n"
            ),
        },
    )
    nothing_against(name="kernel: no other file says otherwise", text=text)
    live(name="kernel: as it runs", text=text)
