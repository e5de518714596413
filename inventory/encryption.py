"""What the playbooks need for encryption at rest: of the host that asks for it, and of its key server.

The host proves who it is with its own host key: it was made there, never left, and the estate pins its public half.
"""

from typing import TypedDict

from estate.model import VHOSTS, Engine, Estate, Host

DATA = {Engine.MARIADB: "/var/lib/mysql", Engine.POSTGRESQL: "/var/lib/postgresql"}
SPOOL = "/var/lib/seawall/spool"  # of backups: copies of databases on their way


class EncryptionData(TypedDict):
    """Where an encrypted host asks for its passphrase, and what it keeps encrypted."""

    server: str  # the key server's name
    address: str
    port: int
    host_key: str
    account: str
    places: list[str]  # directories


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
    """None for a host that keeps its data as it is."""
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
        places=[str(VHOSTS), *(DATA[engine] for engine in Engine if engine in engines), SPOOL],
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
