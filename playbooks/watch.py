"""Who did what (auditd), and what has changed (AIDE).

A new database of every change would teach nobody anything, and an alarm after each security patch teaches everybody to
look away. So a change is compared with what Debian's packages say of themselves and with what our own run has just
written; what neither explains fails the daily unit, by name, until an operator has looked. Old databases are kept.
"""

from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation

from playbooks.guard import TOOLS
from playbooks.operations import File, Unit, ask, files, notice, units
from templates import render

TOOL = f"{TOOLS}/aide"
STATE = "/var/lib/aide"
CONFIG = "/etc/aide/aide.conf"
UNIT = "seawall-aide"
SHOWN = 10  # paths in a notice
RULES = "/etc/audit/rules.d/50-seawall.rules"
IMMUTABLE = "/etc/audit/rules.d/99-seawall.rules"
# Below these, things change by themselves, by a renewal, or by an activation.
VOLATILE = (
    *("/etc/adjtime", "/etc/letsencrypt", "/etc/ld.so.cache", "/etc/mtab", "/etc/resolv.conf", "/etc/ssl/certs"),
    *("/etc/.pwd.lock", "/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-"),
    *("/etc/nginx/sites-enabled", "/etc/apache2/sites-enabled", "/etc/seawall/maintenance", "/etc/seawall/tls"),
    "/etc/systemd/system/multi-user.target.wants/seawall-backup.service",
    "/etc/systemd/system/multi-user.target.wants/seawall-keeper.service",
)
# Made by the triggers of packages, and so in no package's list: believed only where packages were handled since.
GENERATED = (
    *("/boot/(initrd|grub)", r"/etc/(alternatives|default|rc[0-6S]\.d|systemd/system/[^/]*\.(wants|requires))/"),
    *(r"/usr/lib/modules/[^/]*/modules\.", "/usr/lib/locale/locale-archive", r"/usr/lib/udev/hwdb\.bin"),
    *(r"/usr/lib/[^/]*/.*[-.]cache$", "/usr/share/mime/", r"/usr/share/perl5/XML/SAX/ParserDetails\.ini"),
)
# CIS 6.2.3, by key.
WATCHED = {
    "scope": ("/etc/sudoers", "/etc/sudoers.d"),
    "sudo_log": ("/var/log/sudo.log",),
    "identity": (
        *("/etc/group", "/etc/passwd", "/etc/gshadow", "/etc/shadow", "/etc/security/opasswd", "/etc/nsswitch.conf"),
        *("/etc/pam.conf", "/etc/pam.d"),
    ),
    "system-locale": ("/etc/issue", "/etc/issue.net", "/etc/hosts", "/etc/hostname", "/etc/network", "/etc/netplan"),
    "time-change": ("/etc/localtime",),
    "session": ("/run/utmp", "/var/log/wtmp", "/var/log/btmp"),
    "logins": ("/var/log/lastlog", "/var/run/faillock", "/root/.ssh"),
    "MAC-policy": ("/etc/apparmor", "/etc/apparmor.d"),
    "kernel_modules": ("/etc/modprobe.d", "/etc/modules-load.d", "/etc/sysctl.d"),
    "persistence": ("/etc/crontab", "/etc/cron.d", "/var/spool/cron", "/etc/systemd/system", "/etc/ssh"),
    "seawall": ("/etc/seawall", "/opt/seawall", "/etc/audit"),
}
PRIVILEGED = (
    *(
        "/usr/bin/chage",
        "/usr/bin/chfn",
        "/usr/bin/chsh",
        "/usr/bin/crontab",
        "/usr/bin/dotlockfile",
        "/usr/bin/expiry",
    ),
    *("/usr/bin/fusermount3", "/usr/bin/gpasswd", "/usr/bin/kmod", "/usr/bin/mount", "/usr/bin/newgrp"),
    *("/usr/bin/passwd", "/usr/bin/pkexec", "/usr/bin/ssh-agent", "/usr/bin/su", "/usr/bin/sudo", "/usr/bin/umount"),
    *("/usr/lib/dbus-1.0/dbus-daemon-launch-helper", "/usr/lib/openssh/ssh-keysign", "/usr/sbin/unix_chkpwd"),
    *("/usr/sbin/usermod", "/usr/sbin/exim4", "/usr/sbin/postdrop", "/usr/sbin/postqueue"),
)
# Debian's auditd fails where the kernel's audit is another's: in a container. Written before the package is there.
SKIPPED = {
    f"/etc/systemd/system/{unit}.d/seawall.conf": File(
        "# playbooks/watch.py: only one kernel, only one auditd.\n[Unit]\nConditionVirtualization=!container\n"
    )
    for unit in ("auditd.service", "audit-rules.service")
}
PACKAGES = ("aide", "auditd")


@operation()
def audited() -> Generator[StringCommand]:
    """auditd runs, with the newest rules. Once the kernel has taken -e 2 it takes them at the next boot."""
    look = "systemctl -q is-active auditd || echo down; find /etc/audit/rules.d -newer /etc/audit/audit.rules"
    if ask(f"systemd-detect-virt -qc || {{ {look}; }} 2>/dev/null; true"):
        load = "if auditctl -s | grep -q '^enabled 2'; then augenrules; else augenrules --load; fi"
        yield StringCommand(f"systemctl start auditd && {{ {load}; }} > /dev/null && touch /etc/audit/audit.rules")


@operation()
def others() -> Generator[StringCommand]:
    """Says what other hands have changed since the last run: after this one it is the state that is known."""
    if changed := ask(f"[ ! -x {TOOL} ] || {TOOL} others"):
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        notice(f"changed since the last run, not by it: {', '.join(changed[:SHOWN])}{more}; AIDE takes it as known")
    yield from ()


@operation()
def known() -> Generator[StringCommand]:
    """What this run has left is what the next comparison starts from; the first makes the database, in its own time."""
    if ask(f"[ ! -x {TOOL} ] || {TOOL} owed"):
        yield StringCommand(f"{TOOL} want && systemctl start --no-block {UNIT}.service")


@deploy("Watch: what comes first")
def before_changes() -> None:
    """Asked before this run has changed anything itself."""
    others(name="watch: who else was here")


@deploy("Watch: what must be there before its packages")
def before_packages() -> None:
    """Else a fresh auditd would have failed once, and that is how the host would be found."""
    files(name="watch: no auditd in a container", wanted=SKIPPED)


@deploy("Watch")
def watch() -> None:
    """Rules for auditd, AIDE's configuration and daily comparison."""
    here = {"state": STATE, "config": CONFIG, "tool": TOOL, "volatile": VOLATILE}
    generated = "|".join(f"^{path}" for path in GENERATED).replace("/", "\\/")
    files(
        name="watch: rules and tools",
        wanted={
            RULES: File(render("audit.rules.j2", watched=WATCHED, privileged=PRIVILEGED), "640"),
            IMMUTABLE: File("# playbooks/watch.py: no other rules until the next boot (CIS 6.2.3.20).\n-e 2\n", "640"),
            CONFIG: File(render("aide.conf.j2", **here), "640"),
            TOOL: File(render("aide.sh.j2", generated=generated, **here), "755"),
            f"/etc/systemd/system/{UNIT}.service": File(render("seawall-aide.service.j2", **here)),
            f"/etc/systemd/system/{UNIT}.timer": File(render("seawall-aide.timer.j2")),
        },
    )
    audited(name="watch: auditd")
    units(
        name="watch: daily comparison",
        wanted=[Unit(f"{UNIT}.timer", watches=(f"/etc/systemd/system/{UNIT}.timer",), act="restart")],
    )
    known(name="watch: this run is known")
