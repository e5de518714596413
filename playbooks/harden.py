"""Make a Debian host safe: `seawall harden`, or `pyinfra inventory/hosts.py playbooks/harden.py`.

Order: what needs no package comes first, so that a mirror that is down leaves no host with an open ssh; then the
firewall, under guard like ssh: a run that dies later leaves a host that is closed and reachable; fail2ban after the
firewall whose chains it joins and the logs it watches. Every host gets the same list of operations, with its own data:
pyinfra merges operations by their place in the list.
"""

from collections.abc import Sequence

import pyinfra
from pyinfra.api.deploy import deploy
from pyinfra.context import host

from estate.model import Runtime
from estate.web import WEB_SERVERS, Web
from inventory.data import WEB, VhostData
from inventory.encryption import EncryptionData
from playbooks.accounts import accounts, clients
from playbooks.baseline import PACKAGES as BASELINE
from playbooks.baseline import baseline
from playbooks.encryption import encryption, packages_for, possible
from playbooks.fail2ban import fail2ban
from playbooks.firewall import firewall
from playbooks.guard import guard
from playbooks.kernel import kernel
from playbooks.key_server import key_server
from playbooks.mounts import mounts
from playbooks.origins import origins
from playbooks.packages import packages
from playbooks.passwords import passwords
from playbooks.patches import PACKAGES as PATCHING
from playbooks.patches import patches
from playbooks.services import services
from playbooks.sshd import sshd
from playbooks.vhosts import vhosts
from playbooks.watch import PACKAGES as WATCHING
from playbooks.watch import before_changes, before_packages, watch
from playbooks.web import before_packages as before_web

EVERYWHERE = (
    "openssh-server",
    "iptables",
    "ipset",
    "iproute2",
    "fail2ban",
    "python3-systemd",
    *PATCHING,
    *BASELINE,
    *WATCHING,
    "logrotate",
    "sudo",
    "debsums",  # once a week, whether programs are still those of their packages
    "libpam-pwquality",
    "libpam-tmpdir",  # nobody meets another's files in /tmp
    "cracklib-runtime",  # its dictionary: without it every new password is refused
)


@deploy("Harden")
def harden() -> None:
    """All concerns; a second run changes nothing."""
    possible(name="encryption: this host can", data=host.data.encryption)
    before_changes()
    guard()
    accounts()
    sshd()
    kernel()
    origins()
    before_packages()
    before_web()
    packages(name="packages", names=needed(host.data.role, host.data.vhosts, host.data.web, host.data.encryption))
    firewall()
    key_server()
    encryption()
    vhosts()
    clients()
    passwords()
    mounts()
    baseline()
    services()
    fail2ban()
    patches()
    watch()


def needed(role: str, vhosts: Sequence[VhostData], web: str, encrypted: EncryptionData | None) -> list[str]:
    """The packages that hardening installs on a host of that role with these vhosts."""
    php = any(vhost["runtime"] == Runtime.PHP for vhost in vhosts)
    server = [WEB_SERVERS[Web(web)].package, "openssl"] if role in WEB else []
    return [*EVERYWHERE, *server, *(["php-fpm"] if php else []), *packages_for(encrypted)]


if pyinfra.is_cli:
    harden()
