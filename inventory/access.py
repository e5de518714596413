"""Who may log in to a host besides root: staff to accounts of their own, clients to their files."""

from datetime import timedelta
from typing import TypedDict

import estate.model
from estate.model import Estate, Host, Role

STAFF, CLIENTS = "seawall-staff", "seawall-sftp"  # groups that tell which accounts are ours
KEYS = "/etc/ssh/seawall/authorized_keys"  # one file an account
# How accounts of hosts begin, which run one command and need a shell for it.
HOSTS = ("borg-", "stream-", "volume-", "replica-")
VHOSTS = str(estate.model.VHOSTS)  # clients can't leave it, nor see what is in it


class PersonData(TypedDict):
    """One member of the staff, as `playbooks.accounts` needs them."""

    name: str
    keys: list[str]
    ends: str  # "2027-07-01", the first day on which nothing is opened any more
    sudo: list[str]


class ClientData(TypedDict):
    """Clients of one vhost: they come by sftp, as its user."""

    user: str
    begins: str  # the directory they find themselves in, seen from VHOSTS
    keys: list[str]


def staff_on(estate: Estate, host: Host) -> list[PersonData]:
    """In the order of the file."""
    return [
        PersonData(
            name=person.name,
            keys=list(person.keys),
            ends=(person.until + timedelta(days=1)).isoformat(),
            sudo=list(person.sudo),
        )
        for person in estate.policy.staff_on(host.name)
    ]


def sftp_on(estate: Estate, host: Host) -> list[ClientData]:
    """Of the production host alone: what is written to a twin that does not serve would be lost."""
    if host.role is not Role.PRODUCTION:
        return []
    return [
        ClientData(user=vhost.user, begins=f"/{vhost.domain}", keys=list(vhost.sftp))
        for vhost in estate.vhosts_on(host)
        if vhost.sftp
    ]


def reach_of(estate: Estate, host: Host) -> list[str]:
    """What a bastion passes connections on to, as sshd's PermitOpen writes it; nothing on other hosts."""
    others = [other for other in estate.hosts.values() if other.name != host.name]
    return [
        f"[{address}]:{other.ssh_port}" if ":" in address else f"{address}:{other.ssh_port}"
        for other in (others if host.role is Role.BASTION else ())
        for address in other.addresses
    ]
