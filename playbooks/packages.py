"""Debian packages on a host: what is missing is installed, also after a run that died while apt was at work."""

from collections.abc import Generator, Sequence

from pyinfra.api.command import StringCommand
from pyinfra.api.operation import operation

from playbooks.operations import ask

LOCK_PATIENCE = 300  # seconds for whoever holds apt's lock: the daily timer, or what a dead run has left running
# A source that does not answer must not hold up the others, so only what apt-get install says decides. It completes
# what a dead run left unpacked; only dpkg's own journal it leaves to us. Files that were put there first are kept.
INSTALL = """
export DEBIAN_FRONTEND=noninteractive
apt() {{ apt-get -qy -o DPkg::Lock::Timeout={patience} -o Dpkg::Options::=--force-confold "$@" 2>&1; }}
install() {{ said="$(apt install --no-install-recommends {names})"; }}
interrupted() {{ echo "$said" | grep -q 'dpkg --configure -a'; }}
lists="$(apt update | grep '^[EW]: Failed' | head -n 1)"
install || {{ interrupted && dpkg --force-confold --configure -a >/dev/null && install; }} || {{
  echo "could not install {few}: $(echo "$said" | grep '^E:' | tail -n 2) $lists" >&2
  echo "look at the host's package mirror; on the host: apt-get update && apt-get install {first}" >&2
  exit 1
}}"""


@operation()
def packages(names: Sequence[str]) -> Generator[StringCommand]:
    """Debian packages that are installed; "a|b" is one of these, or the first. Lists are fetched where one misses."""
    installed = set(ask("dpkg-query -W -f '${db:Status-Status} ${Package}\\n' | sed -n 's/^installed //p'"))
    missing = [name.split("|")[0] for name in names if not installed & set(name.split("|"))]
    if missing:
        few = missing[0] if len(missing) == 1 else f"{missing[0]} and {len(missing) - 1} more"
        yield StringCommand(INSTALL.format(names=" ".join(missing), few=few, first=missing[0], patience=LOCK_PATIENCE))
