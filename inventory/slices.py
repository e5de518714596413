"""The part of an estate that one host gets: itself, its partners, and nothing about its neighbours."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from estate.channels import Channel
from estate.escrow import Escrow
from estate.hosting import Hosting
from estate.model import Estate, Host, Role, Slice, Zone
from estate.policy import Policy
from estate.problem import BadEstate
from estate.secret import Secret
from estate.web import Web
from inventory import hosting_build, zones_build
from inventory.channels_build import kept_at, secrets_of
from inventory.faults import did_you_mean, quoted
from inventory.loading import load
from inventory.render import plain

SECRETS = "/etc/seawall/secrets"
HEARTBEAT, NOTIFY = "heartbeat", "notify"


def slice_for(path: Path, host: str) -> str:
    """The JSON that `host` gets; `inventory.load` reads it there. Its secrets are references into /etc/seawall/secrets.

    Raises BadEstate where the file is faulty or has no such host.
    """
    estate = load(path)
    return json.dumps(plain(cut(estate, _named(estate, host))), indent=2) + "\n"


def secrets_for(path: Path, host: str) -> dict[str, Secret]:
    """What must lie in /etc/seawall/secrets of `host`: file name there, and where it is kept here.

    Raises BadEstate as `slice_for` does.
    """
    estate = load(path)
    mine = _named(estate, host)
    found = {_passphrase(other): other.passphrase for other in _pair(estate, mine)}
    found |= zones_build.secrets_of(_zones(estate, mine))
    found |= _told_of(estate, mine) | secrets_of(_channels(estate, mine))
    for other in estate.partners(mine):
        found |= hosting_build.secrets_of(other.name, _provider(mine, other))
    return {name: secret for name, secret in found.items() if secret is not None}


def cut(estate: Estate, host: Host) -> Estate:
    """The slice of one host, in memory."""
    pair, zones, vhosts = _pair(estate, host), _zones(estate, host), estate.vhosts_on(host)
    full = {other.name: replace(_with_secret(other), provider=_provider_there(host, other)) for other in pair}
    servers = {name for other in pair for name in other.backup.values()} | {n for z in zones.values() for n in z.hosts}
    known = {
        name: full.get(name) or _stranger(other)
        for name, other in estate.hosts.items()
        if name in full or name in servers
    }
    domains = {vhost.domain for vhost in vhosts}
    told = _told_of(estate, host)
    return replace(
        estate,
        control=replace(estate.control, ssh_key=None),
        datacenters=tuple(d for d in estate.datacenters if any(other.datacenter == d for other in known.values())),
        hosts=known,
        vhosts={domain: vhost for domain, vhost in estate.vhosts.items() if domain in domains},
        databases={name: db for name, db in estate.databases.items() if db.vhost in domains},
        zones=zones_build.kept_at(SECRETS, zones),
        backup=replace(
            estate.backup,
            heartbeat=_kept(HEARTBEAT) if HEARTBEAT in told else None,
            notify=_kept(NOTIFY) if NOTIFY in told else None,
        ),
        drp=replace(
            estate.drp,
            channels=kept_at(SECRETS, _channels(estate, host)),
            people=estate.drp.people if host.role is Role.DRP else {},
        ),
        policy=Policy(),
        escrow=Escrow(),
        third_copy=None,
        slice=Slice(host.name, estate.clients_of(host) if host.role is Role.BACKUP else ()),
    )


def _stranger(host: Host) -> Host:
    """Of a server somebody else looks after: where it is, and by which key it is known."""
    blank = replace(host, packages=(), listens=(), strict_routing=False, web=Web.NGINX)
    return replace(blank, twin=None, backup={}, passphrase=None, encryption=None, provider=None)


def _named(estate: Estate, name: str) -> Host:
    if name not in estate.hosts:
        known = did_you_mean(name, estate.hosts)
        raise BadEstate(f"no host {quoted(name)} in the estate; {known}", hint="list them with: seawall estate show")
    return estate.hosts[name]


def _pair(estate: Estate, host: Host) -> tuple[Host, ...]:
    return (host, *estate.partners(host))


def _zones(estate: Estate, host: Host) -> dict[str, Zone]:
    """Those that the host may switch: a twin, and the zones of the vhosts it stands ready for."""
    if host.role is not Role.DRP:
        return {}
    names = [name for vhost in estate.vhosts_on(host) for name in vhost.names]
    return {z: one for z, one in estate.zones.items() if any(n == z or n.endswith(f".{z}") for n in names)}


def _with_secret(host: Host) -> Host:
    """Its passphrase is kept there; that of its encrypted data is kept anywhere but there."""
    kept = None if host.passphrase is None else _kept(_passphrase(host))
    return replace(host, passphrase=kept, encryption=None)


def _told_of(estate: Estate, host: Host) -> dict[str, Secret]:
    """How people hear of its backups: of a host that has some."""
    named = {HEARTBEAT: estate.backup.heartbeat, NOTIFY: estate.backup.notify} if host.backup else {}
    return {name: secret for name, secret in named.items() if secret is not None}


def _channels(estate: Estate, host: Host) -> Mapping[str, Channel]:
    """By which it tells people: a twin, where activations run and the keeper looks after what was saved."""
    return estate.drp.channels if host.role is Role.DRP else {}


def _provider(reader: Host, host: Host) -> Hosting | None:
    """Who can stop `host`, as far as `reader` may know: its twin, and never the host itself."""
    return host.provider if reader.role is Role.DRP else None


def _provider_there(reader: Host, host: Host) -> Hosting | None:
    return hosting_build.kept_at(SECRETS, host.name, _provider(reader, host))


def _passphrase(host: Host) -> str:
    return f"passphrase.{host.name}"


def _kept(name: str) -> Secret:
    return Secret(file=f"{SECRETS}/{name}")
