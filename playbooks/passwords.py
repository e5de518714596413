"""Passwords: nobody's opens ssh; those that there are must be good, change, and lock after wrong guesses.

root's is locked, and su is for nobody: people have sudo. A change of PAM can close every door, so it is made under
guard and confirmed by a new login. An expired password never closes the door to a key (pam_unix's no_pass_expiry).
"""

import re
from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host

from inventory.access import HOSTS
from playbooks.accounts import NOBODY_SU
from playbooks.guard import TOOLS, WORK, confirm
from playbooks.operations import File, ask, files, put
from templates import render

TOOL = f"{TOOLS}/pam"
PROFILES = ("seawall-faillock", "seawall-faillock-notify", "seawall-pwhistory")
LOCK = "deny=5 unlock_time=900 even_deny_root root_unlock_time=60"  # seconds
LONGEST, SHORTEST, WARNING, INACTIVE = 60, 1, 14, 30  # days
NOLOGIN = "/usr/sbin/nologin"
NO_SHELL = (NOLOGIN, "/sbin/nologin", "/usr/bin/false", "/bin/false", "/bin/sync")
SETTINGS: Mapping[str, tuple[str, Mapping[str, str]]] = {  # a file's separator, and what it must say
    "/etc/login.defs": (
        "\t",
        {
            "PASS_MAX_DAYS": str(LONGEST),
            "PASS_MIN_DAYS": str(SHORTEST),
            "PASS_WARN_AGE": str(WARNING),
            "UMASK": "027",
            "HOME_MODE": "0700",
            "ENCRYPT_METHOD": "YESCRYPT",
            "SHA_CRYPT_MIN_ROUNDS": "65536",  # for what asks for SHA-512 all the same
            "SHA_CRYPT_MAX_ROUNDS": "65536",
        },
    ),
    "/etc/default/useradd": ("=", {"INACTIVE": str(INACTIVE)}),
}


class Shadow(NamedTuple):
    """What is known of an account's password, without it. Days are text, as in shadow(5)."""

    name: str
    kind: str  # set, locked, none or empty
    shortest: str
    longest: str
    warning: str
    inactive: str
    ends: str


def settled(text: str, separator: str, wanted: Mapping[str, str]) -> str:
    """`text` with each of `wanted` said once, in the place of the first that was said; other lines stay."""
    lines, left = [], dict(wanted)
    for line in text.splitlines():
        key = re.split(r"[\s=]", line, maxsplit=1)[0]
        if key not in wanted:
            lines.append(line)
        elif key in left:
            lines.append(f"{key}{separator}{left.pop(key)}")
    lines += [f"{key}{separator}{value}" for key, value in left.items()]
    return "".join(f"{line}\n" for line in lines)


@operation()
def settings(wanted: Mapping[str, tuple[str, Mapping[str, str]]]) -> Generator[StringCommand]:
    """Debian's own files with these values in them."""
    texts: dict[str, list[str]] = {path: [] for path in wanted}
    for line in ask("; ".join(f"sed 's,^,{path} ,' {path}" for path in wanted)):
        path, _, rest = line.partition(" ")
        texts[path].append(rest)
    for path, (separator, values) in wanted.items():
        now = "".join(f"{line}\n" for line in texts[path])
        if (then := settled(now, separator, values)) != now:
            yield put(path, File(then))


@operation()
def guarded_pam(profiles: Sequence[str]) -> Generator[StringCommand]:
    """Profiles that are enabled, and options that hold; confirmed by a login or undone."""
    if ask(f"{TOOL} stands && echo yes || true") == ["yes"]:
        return
    yield StringCommand(f"{TOOL} try {' '.join(profiles)}")
    confirm()
    yield StringCommand(f"{TOOL} keep")


@operation()
def closed(served: Sequence[str]) -> Generator[StringCommand]:
    """root's password locked, none empty, those that are set changed in time, no shell for accounts of the system.

    What root and the users in `served` make is read by services, whatever everybody else's umask is.
    """
    lines = ask(
        'getent shadow | awk -F: \'{ k = $2 == "" ? "empty" : $2 ~ /^!/ ? "locked" : $2 ~ /^\\*/ ? "none" : "set";'
        ' print "s:" $1 ":" k ":" $4 ":" $5 ":" $6 ":" $7 ":" $8 }\'; getent passwd | sed s/^/p:/'
    )
    for line in lines:
        kind, *fields = line.split(":")
        command = _shadow(Shadow(*fields)) if kind == "s" else _passwd(fields, served)
        if command:
            yield StringCommand(command)


def _shadow(it: Shadow) -> str:
    """What has to be done about a password; nothing where it is in order."""
    ages = (it.shortest, it.longest, it.warning, it.inactive)
    never = it.longest in ("", "-1", "99999") and it.inactive in ("", "-1")
    if it.name == "root" and (it.kind in ("set", "empty") or not never or it.ends):
        return "usermod --lock root && chage -m 0 -M -1 -I -1 -E -1 root"  # its keys must never expire with it
    if it.kind == "empty":
        return f"usermod --lock {it.name}"
    if it.kind == "set" and ages != tuple(map(str, (SHORTEST, LONGEST, WARNING, INACTIVE))):
        since = ' -d "$(date +%F)"' if never else ""  # one that never had to change has its time from today
        return f"chage -m {SHORTEST} -M {LONGEST} -W {WARNING} -I {INACTIVE}{since} {it.name}"
    if it.kind in ("locked", "none") and it.name != "root" and not never:
        return f"chage -M -1 -I -1 {it.name}"
    return ""


def _passwd(fields: Sequence[str], served: Sequence[str]) -> str:
    """What has to be done about an account of the system."""
    name, uid, about, shell = fields[0], int(fields[2]), fields[4], fields[6]
    if name in served and "umask=0022" not in about:  # pam_umask(8) reads it there, and before login.defs
        return f"usermod --comment {name},,,,umask=0022 {name}"
    backup = name.startswith(HOSTS)  # a forced command needs a shell
    return f"usermod --shell {NOLOGIN} {name}" if 0 < uid < 1000 and shell not in NO_SHELL and not backup else ""


@deploy("Passwords")
def passwords() -> None:
    """How good, how old, how often wrong; and who has one at all."""
    files(
        name="passwords: rules and profiles",
        wanted={
            TOOL: File(
                render("pam.sh.j2", work=WORK, tools=TOOLS, profiles=PROFILES, group=NOBODY_SU, lock=LOCK), "755"
            ),
            "/etc/security/pwquality.conf": File(render("pwquality.conf.j2")),
            "/etc/profile.d/seawall.sh": File(render("profile.sh.j2")),
            **{f"/usr/share/pam-configs/{name}": File(render(f"{name}.j2", lock=LOCK)) for name in PROFILES},
        },
    )
    settings(name="passwords: how long they last", wanted=SETTINGS)
    guarded_pam(name="passwords: PAM", profiles=PROFILES)
    closed(
        name="passwords: root and the system's accounts closed",
        served=["root", *(vhost["user"] for vhost in host.data.vhosts)],
    )
