"""What the playbooks need for encryption at rest: of the host that asks for it, and of its key server.

The host proves who it is with its own host key: it was made there, never left, and the estate pins its public half.
"""

from typing import TypedDict

from estate.model import Engine, Estate, Host

CLEAR = "/srv/clear"  # where the open store is mounted
SPOOL = "/var/lib/seawall/spool"  # of backups: copies of databases on their way


class EncryptionData(TypedDict):
    """Where an encrypted host asks for its passphrase, and what lies in its store."""

    server: str  # the key server's name
    address: str
    port: int
    host_key: str
    account: str
    mounts: dict[str, str]  # name in the store to the path where that is mounted
    links: dict[str, str]  # to the path that is a symbolic link to it


class VolumeData(TypedDict):
    """An encrypted host, as its key server needs it."""

    name: str
    account: str
    addresses: list[str]
    host_key: str


def account(host: Host) -> str:
    """The user of the key server that hands out the passphrase of `host` and does nothing else."""
    return f"volume-{host.name}"


def encryption_data(estate: Estate, host: Host) -> EncryptionData | None:
    """None for a host that keeps its data as it is.

    A restore swaps directories by rename, and a mount point has no name to change. So what is swapped as a whole,
    MariaDB's directory, is reached by a link; vhosts and PostgreSQL's clusters are swapped below their mount.
    """
    if host.encryption is None:
        return None
    server = estate.hosts[host.encryption.key_server]
    engines = estate.engines_on(host)
    return EncryptionData(
        server=server.name,
        address=str(server.ipv4),
        port=server.ssh_port,
        host_key=server.host_key,
        account=account(host),
        mounts={"vhosts": "/srv/vhosts"}
        | ({"postgresql": "/var/lib/postgresql"} if Engine.POSTGRESQL in engines else {}),
        links={"spool": SPOOL} | ({"mysql": "/var/lib/mysql"} if Engine.MARIADB in engines else {}),
    )


def kept_by(estate: Estate, server: Host) -> list[Host]:
    """Hosts whose passphrase `server` keeps."""
    return [
        host
        for host in estate.hosts.values()
        if host.encryption is not None and host.encryption.key_server == server.name
    ]


def accounts(estate: Estate, server: Host) -> list[str]:
    """Users that `server` lets in for them."""
    return [account(host) for host in kept_by(estate, server)]


def volumes(estate: Estate, server: Host) -> list[VolumeData]:
    """One for each of `kept_by`."""
    return [
        VolumeData(name=host.name, account=account(host), addresses=list(host.addresses), host_key=host.host_key)
        for host in kept_by(estate, server)
    ]
