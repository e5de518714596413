"""What a vhost may put on the disk, where its file system counts by user."""

import csv
from collections.abc import Generator, Mapping

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from inventory.access import VHOSTS
from playbooks.operations import ask, notice

COUNTS = ("usrquota", "uquota", "quota", "usrjquota")  # mount options of ext4 and xfs that make it count


@operation()
def quotas(wanted: Mapping[str, int | None]) -> Generator[StringCommand]:
    """Hard limits in MB by user; None takes one away. Where the file system does not count, the operator is told."""
    if not wanted:
        return
    find = f"d={VHOSTS}; [ -e $d ] || d=/; findmnt -nrvo SOURCE,FSTYPE,OPTIONS --target $d"  # a dry run comes first
    source, kind, options = ask(find)[-1].split()
    if not any(option.partition("=")[0] in COUNTS for option in options.split(",")):
        if any(wanted.values()):
            notice(f"no quota: the file system of {VHOSTS} ({kind}) does not count by user")
        return
    if not ask("command -v setquota || true"):
        yield StringCommand("DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends quota")
        now = dict[str, int]()
    else:
        now = hard_limits(ask(f"repquota -u -O csv {source}"))
    for user, megabytes in wanted.items():
        if (limit := (megabytes or 0) * 1024) != now.get(user, 0):
            yield StringCommand(f"setquota -u {user} {limit} {limit} 0 0 {source}")


def hard_limits(report: list[str]) -> dict[str, int]:
    """KiB by user, of what `repquota -O csv` says (quota 4.06)."""
    rows = csv.DictReader(report)
    return {row["User"]: int(row["BlockHardLimit"]) for row in rows}
