"""What every host has beside its services: who may read and schedule what, a journal that outlives a boot, the time.

Modes are upper limits: what an administrator has closed further stays so. Numbers are those of the CIS Debian Linux 12
Benchmark (1.1.0).
"""

from collections.abc import Generator, Mapping
from typing import NamedTuple

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation

from playbooks.operations import File, Unit, ask, files, look, units

PACKAGES = ("apparmor", "apparmor-utils", "systemd-timesyncd|chrony|ntpsec|openntpd")
WARNING = """\
Private system: access for authorized people only. What is done here is monitored and recorded, and may be used as
evidence. Disconnect now if you were not given access.
"""
JOURNAL = "/etc/systemd/journald.conf"
JOURNALD = """\
# playbooks/baseline.py: it outlives a boot, and never fills the disk (CIS 6.1.2.2 to 6.1.2.4).
[Journal]
Storage=persistent
Compress=yes
ForwardToSyslog=no
SystemMaxUse=1G
SystemKeepFree=1G
"""


class Limit(NamedTuple):
    """Who a file or directory belongs to, and the widest mode it may have."""

    mode: str
    group: str = "root"


LIMITS: Mapping[str, Limit] = {
    **{f"/etc/{name}{old}": Limit("644") for name in ("passwd", "group") for old in ("", "-")},  # 7.1.1 to 7.1.4
    **{f"/etc/{name}{old}": Limit("640", "shadow") for name in ("shadow", "gshadow") for old in ("", "-")},  # to 7.1.8
    "/etc/security/opasswd": Limit("600"),  # 7.1.10
    "/etc/crontab": Limit("600"),  # 2.4.1.2 to 2.4.1.7
    **{f"/etc/cron.{when}": Limit("700") for when in ("hourly", "daily", "weekly", "monthly", "yearly", "d")},
    "/etc/cron.allow": Limit("640", "crontab"),  # 2.4.1.8: crontab is set-group-id, and must be able to read it
    "/etc/at.allow": Limit("640", "daemon"),  # 2.4.2.1
    "/boot/grub/grub.cfg": Limit("600"),  # 1.4.2
    "/root": Limit("700"),
}

# needrestart of Debian 12 brings an assembler and a linker. Vhosts' programs come from elsewhere than this host.
BUILDERS = ("as", "ld", "ld.bfd", "ld.gold", "cc", "gcc", "c++", "g++", "clang", "go", "rustc", "tcc")
OURS_ALONE = """
for each in {names}; do readlink -e "/usr/bin/$each"; done | sort -u | while read -r file; do
  [ "$(stat -c '%a %u %g' "$file")" = '750 0 0' ] && dpkg-statoverride --list "$file" >/dev/null || echo "$file"
done"""


@operation()
def builders() -> Generator[StringCommand]:
    """Whatever builds programs is root's alone. dpkg keeps it so when it brings a newer one (dpkg-statoverride(1))."""
    for path in ask(OURS_ALONE.format(names=" ".join(BUILDERS))):
        rule = f"dpkg-statoverride --force-statoverride-add --add root root 0750 {path}"
        yield StringCommand(f"{rule} && chown root:root {path} && chmod 750 {path}")


@operation()
def confined() -> Generator[StringCommand]:
    """AppArmor's profiles hold now, and not from the next boot on: Debian's package does not start its unit."""
    there = "! systemd-detect-virt -qc && [ -d /sys/kernel/security/apparmor ]"
    if ask(f"if {there}; then systemctl -q is-active apparmor || echo owed; fi"):
        yield StringCommand("systemctl start apparmor")


@operation()
def no_wider(limits: Mapping[str, Limit]) -> Generator[StringCommand]:
    """Nobody else owns these, or may do more with them; those that do not exist, or whose group does not, are fine."""
    groups = set(ask("getent group | cut -d: -f1"))
    for path, seen in look(list(limits)).items():
        it = limits[path]
        mode = int(seen.mode, 8) & int(it.mode, 8)
        if it.group in groups and (seen.owner, seen.group, int(seen.mode, 8)) != ("root", it.group, mode):
            yield StringCommand(f"chown root:{it.group} {path} && chmod {mode:04o} {path}")


@operation()
def lasting_journal() -> Generator[StringCommand]:
    """Moved to the disk where it is in memory only. fail2ban would go on to look at where it was."""
    if ask('[ -d "/var/log/journal/$(cat /etc/machine-id)" ] || echo volatile'):
        made = "systemd-tmpfiles --create --prefix /var/log/journal && journalctl --flush"
        yield StringCommand(f"{made} && systemctl try-restart fail2ban")


@deploy("Baseline")
def baseline() -> None:
    """A warning, limits, the journal."""
    files(
        name="baseline: warning, schedulers, journal",
        wanted={
            "/etc/issue": File(WARNING),
            "/etc/issue.net": File(WARNING),
            "/etc/cron.allow": File("root\n", "640"),
            "/etc/at.allow": File("root\n", "640"),
            JOURNAL: File(JOURNALD),
        },
    )
    no_wider(name="baseline: who may read and schedule", limits=LIMITS)
    confined(name="baseline: AppArmor's profiles")
    builders(name="baseline: programs are built by root alone")
    units(name="baseline: journal", wanted=[Unit("systemd-journald.service", watches=(JOURNAL,), act="restart")])
    lasting_journal(name="baseline: journal outlives a boot")
