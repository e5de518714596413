"""From checked tables to the Estate that everything else works with."""

from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TypeVar

from estate.backups import Freshness
from estate.model import (
    VHOSTS,
    Check,
    Control,
    Database,
    Encryption,
    Estate,
    Host,
    Slice,
    Vhost,
)
from estate.policy import Firewall, Patches, Policy, Ssh
from estate.web import Web
from inventory.backups_build import backups
from inventory.drp_build import drp, promise
from inventory.escrow_build import escrow
from inventory.hosting_build import hosting
from inventory.policy_build import credential, limits, origin, person
from inventory.raw import (
    RawControl,
    RawEncryption,
    RawEstate,
    RawFreshness,
    RawHost,
    RawVhost,
)
from inventory.third_build import third_copy
from inventory.zones_build import zone

T = TypeVar("T")


def build(raw: RawEstate, base: Path) -> Estate:
    """The Estate of tables in which no fault was found. `base` is the directory of the file."""
    head, part = _sure(raw.estate), raw.slice
    return Estate(
        name=_sure(head.name),
        timezone=_sure(head.timezone),
        control=_control(_sure(raw.control), base),
        datacenters=tuple(raw.datacenters),
        hosts={name: _host(name, host) for name, host in raw.hosts.items()},
        vhosts={domain: _vhost(domain, vhost) for domain, vhost in raw.vhosts.items()},
        databases={
            name: Database(name, _sure(database.engine), _sure(database.vhost), _freshness(database.freshness))
            for name, database in raw.databases.items()
        },
        zones={name: zone(name, table) for name, table in raw.zones.items()},
        backup=backups(raw.backup),
        third_copy=None if raw.third_copy is None else third_copy(raw.third_copy),
        drp=drp(_sure(raw.drp)),
        policy=_policy(raw),
        escrow=escrow(raw.escrow),
        slice=None if part is None else Slice(part.host, tuple(part.clients)),
    )


def _freshness(raw: RawFreshness | None) -> Freshness | None:
    return None if raw is None else Freshness(raw.query, timedelta(hours=raw.max_age_hours))


def _sure(value: T | None) -> T:
    """What `inventory.shape` found present."""
    assert value is not None, "build was called with faulty tables"
    return value


def _control(raw: RawControl, base: Path) -> Control:
    key = None if raw.ssh_key is None else str((base / raw.ssh_key).resolve())
    return Control(tuple(_sure(raw.addresses)), key)


def _host(name: str, raw: RawHost) -> Host:
    return Host(
        name=name,
        role=_sure(raw.role),
        datacenter=_sure(raw.datacenter),
        ipv4=_sure(raw.ipv4),
        ipv6=raw.ipv6,
        ssh_port=raw.ssh_port,
        host_key=_sure(raw.host_key),
        twin=raw.twin,
        backup=dict(raw.backup),
        passphrase=None if raw.passphrase is None else raw.passphrase.secret(),
        encryption=None if raw.encryption is None else _encryption(raw.encryption),
        packages=tuple(raw.packages),
        listens=tuple(raw.listens),
        strict_routing=raw.strict_routing,
        web=raw.web or Web.NGINX,
        provider=None if raw.provider is None else hosting(raw.provider),
    )


def _encryption(raw: RawEncryption) -> Encryption:
    return Encryption(raw.key_server, raw.passphrase.secret())


def _vhost(domain: str, raw: RawVhost) -> Vhost:
    directory, check = VHOSTS / domain, _sure(raw.check)
    return Vhost(
        domain=domain,
        aliases=tuple(raw.aliases),
        host=_sure(raw.host),
        user=_sure(raw.user),
        runtime=_sure(raw.runtime),
        upstream=raw.upstream,
        root=PurePosixPath(raw.root) if raw.root else directory / "public",
        uploads=tuple(directory / upload for upload in raw.uploads),
        paths=tuple(PurePosixPath(path) for path in raw.paths),
        value=raw.value,
        check=Check(check.path, check.expect),
        php=raw.php,
        limits=limits(raw.limits),
        sftp=tuple(raw.sftp),
        promised=promise(raw.rpo_minutes, raw.rto_minutes),
    )


def _policy(raw: RawEstate) -> Policy:
    return Policy(
        ssh=Ssh(raw.ssh.cryptography, raw.ssh.hardware_keys),
        firewall=Firewall(tuple(raw.firewall.allow), tuple(raw.firewall.block)),
        patches=Patches(raw.patches.reboot, raw.patches.window),
        staff={name: person(name, it) for name, it in raw.staff.items()},
        credentials={name: credential(name, it) for name, it in raw.credentials.items()},
        origins={name: origin(name, it) for name, it in raw.origins.items()},
    )
