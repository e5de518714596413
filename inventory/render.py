"""An Estate in the words of the estate file, as plain data: what `inventory.load` reads from JSON."""

from dataclasses import asdict
from typing import Any

from estate.model import Control, Database, Encryption, Estate, Host, Vhost
from estate.policy import Limits, Php
from estate.web import Web
from inventory.backups_build import plain_backups
from inventory.drp_build import plain_drp, plain_promise
from inventory.escrow_build import plain_escrow
from inventory.hosting_build import plain_hosting
from inventory.policy_build import plain_policy
from inventory.raw_secret import plain_secret
from inventory.third_build import plain_third_copy
from inventory.zones_build import plain_zone


def plain(estate: Estate) -> dict[str, Any]:
    """The whole, without what is not set. Secrets appear as references only."""
    return _set(
        estate={"name": estate.name, "timezone": estate.timezone.key},
        control=_control(estate.control),
        datacenters={name: {} for name in estate.datacenters},
        hosts={name: _host(host) for name, host in estate.hosts.items()},
        vhosts={domain: _vhost(vhost) for domain, vhost in estate.vhosts.items()},
        databases={name: _database(db) for name, db in estate.databases.items()},
        zones={name: plain_zone(zone) for name, zone in estate.zones.items()},
        backup=plain_backups(estate.backup),
        third_copy=None if estate.third_copy is None else plain_third_copy(estate.third_copy),
        drp=plain_drp(estate.drp),
        escrow=plain_escrow(estate.escrow),
        **plain_policy(estate.policy),
        slice=None if estate.slice is None else asdict(estate.slice),
    )


def _set(**settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _control(control: Control) -> dict[str, Any]:
    return _set(addresses=list(control.addresses), ssh_key=control.ssh_key)


def _host(host: Host) -> dict[str, Any]:
    return _set(
        role=str(host.role),
        datacenter=host.datacenter,
        ipv4=str(host.ipv4),
        ipv6=None if host.ipv6 is None else str(host.ipv6),
        ssh_port=host.ssh_port,
        host_key=host.host_key,
        twin=host.twin,
        backup={str(side): server for side, server in host.backup.items()},
        passphrase=None if host.passphrase is None else plain_secret(host.passphrase),
        encryption=None if host.encryption is None else _encryption(host.encryption),
        packages=list(host.packages) or None,
        listens=list(host.listens) or None,
        strict_routing=host.strict_routing or None,
        web=None if host.web is Web.NGINX else str(host.web),
        provider=None if host.provider is None else plain_hosting(host.provider),
    )


def _encryption(encryption: Encryption) -> dict[str, Any]:
    return {"key_server": encryption.key_server, "passphrase": plain_secret(encryption.passphrase)}


def _database(database: Database) -> dict[str, Any]:
    fresh = database.freshness
    hours = None if fresh is None else int(fresh.max_age.total_seconds()) // 3600
    freshness = None if fresh is None else {"query": fresh.query, "max_age_hours": hours}
    return {"engine": str(database.engine), "vhost": database.vhost, "freshness": freshness}


def _vhost(vhost: Vhost) -> dict[str, Any]:
    return _set(
        aliases=list(vhost.aliases),
        host=vhost.host,
        user=vhost.user,
        runtime=str(vhost.runtime),
        upstream=vhost.upstream,
        root=str(vhost.root),
        uploads=[str(upload) for upload in vhost.uploads],
        paths=[str(path) for path in vhost.paths],
        value=vhost.value,
        check=asdict(vhost.check),
        php=None if vhost.php is Php.UNIT else str(vhost.php),
        limits=_set(**asdict(vhost.limits)) if vhost.limits != Limits() else None,
        sftp=list(vhost.sftp) or None,
        **plain_promise(vhost.promised),
    )
