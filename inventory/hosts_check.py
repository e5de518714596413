"""What must hold between hosts: nobody's disaster takes their twin or both their backups along."""

from collections.abc import Iterator

from estate.model import Role, Side
from estate.web import Web
from inventory.draft import Draft, doubles
from inventory.faults import Fault, Place, quoted
from inventory.raw import RawHost


def check_hosts(draft: Draft) -> Iterator[Fault]:
    """Every fault in how hosts refer to each other."""
    for name, host in draft.raw.hosts.items():
        place: Place = ("hosts", name)
        yield from draft.refers((*place, "datacenter"), "datacenters", host.datacenter)
        yield from _check_twin(draft, place, host)
        yield from _check_backup(draft, place, host)
        yield from _check_web(draft, place, host)
        yield from _check_encryption(draft, place, host)
    yield from _check_needs(draft)
    yield from _check_unique(draft)


def _check_twin(draft: Draft, place: Place, host: RawHost) -> Iterator[Fault]:
    if host.twin is None:
        return
    here = (*place, "twin")
    yield from draft.refers_to_host(here, host.twin, Role.DRP)
    if host.role not in (None, Role.PRODUCTION):
        yield Fault(here, f"only a production host has a twin, and this is a {host.role} host; leave it out")
    twin = draft.host(host.twin)
    if twin and twin.datacenter is not None and twin.datacenter == host.datacenter:
        yield Fault(
            here, f"{quoted(host.twin)} is in the same datacenter, and would be lost with it; use one elsewhere"
        )


def _check_web(draft: Draft, place: Place, host: RawHost) -> Iterator[Fault]:
    """A twin serves with what production serves with: a site is written for one of them."""
    if host.web is not None and host.role not in (None, Role.PRODUCTION, Role.DRP):
        yield Fault((*place, "web"), f"a {host.role} host serves no vhosts; leave it out")
    twin = draft.host(host.twin)
    mine = host.web or Web.NGINX
    if host.role is Role.PRODUCTION and twin and mine != (twin.web or Web.NGINX):
        said = f"{quoted(str(place[1]))} has {quoted(mine)}, and this is its twin; write web = {quoted(mine)}"
        yield Fault(("hosts", str(host.twin), "web"), said)


def _check_backup(draft: Draft, place: Place, host: RawHost) -> Iterator[Fault]:
    if not host.backup or "backup" not in draft.tree["hosts"][place[1]]:  # a pair of [backup.pairs] has its own check
        return
    here = (*place, "backup")
    for side, server in host.backup.items():
        yield from draft.refers_to_host((*here, str(side)), server, Role.BACKUP)
    if lacking := [str(side) for side in Side if side not in host.backup]:
        typed = draft.tree["hosts"][place[1]]["backup"]
        if not all(side in typed for side in lacking):
            yield Fault(here, f"has no side {lacking[0]}; name two backup servers, {{ even = …, odd = … }}")
        return
    even, odd = (host.backup[side] for side in Side)
    if even == odd:
        yield Fault(here, f"both sides are {quoted(even)}; name two servers, in two datacenters")
        return
    one, two = draft.host(even), draft.host(odd)
    if one and two and one.datacenter is not None and one.datacenter == two.datacenter:
        yield Fault(
            here, f"both sides are in {quoted(one.datacenter)}, and would be lost together; use two datacenters"
        )


def _check_encryption(draft: Draft, place: Place, host: RawHost) -> Iterator[Fault]:
    """Who carries a disk off, or a whole rack, must not carry its key off with it."""
    if host.encryption is None:
        return
    server, here = host.encryption.key_server, (*place, "encryption")
    yield from draft.refers_to_host((*here, "key_server"), server, Role.BACKUP)
    if host.role not in (None, Role.PRODUCTION, Role.DRP):
        yield Fault(here, f"only hosts that serve vhosts keep their data encrypted, and this is a {host.role} host")
    keeper = draft.host(server)
    if keeper and keeper.datacenter is not None and keeper.datacenter == host.datacenter:
        yield Fault(
            (*here, "key_server"),
            f"{quoted(server)} is in the same datacenter, and would be stolen along with it; use one elsewhere",
        )


def _check_needs(draft: Draft) -> Iterator[Fault]:
    """A host that serves vhosts, now or after a disaster, can be saved and brought back."""
    serving = {vhost.host for vhost in draft.raw.vhosts.values()}
    twins = {host.twin for name, host in draft.raw.hosts.items() if name in serving}
    for name, host in draft.raw.hosts.items():
        production = host.role is Role.PRODUCTION and name in serving
        if not production and not (host.role is Role.DRP and name in twins):
            continue
        why = "it serves vhosts" if production else "it serves vhosts after a disaster"
        if production and host.twin is None:
            yield Fault(("hosts", name, "twin"), f"{why}, so name the DRP host that stands ready for it")
        if not host.backup:
            yield Fault(("hosts", name, "backup"), f"{why}, so name its backup servers, {{ even = …, odd = … }}")
        if host.passphrase is None:
            remedy = f'{{ file = "secrets/{name}.passphrase" }}'
            yield Fault(("hosts", name, "passphrase"), f"{why}, so say where its passphrase is kept: {remedy}")


def _check_unique(draft: Draft) -> Iterator[Fault]:
    hosts = draft.raw.hosts.items()
    yield from doubles([(("hosts", name, "ipv4"), str(host.ipv4)) for name, host in hosts if host.ipv4], "the address")
    yield from doubles([(("hosts", name, "ipv6"), str(host.ipv6)) for name, host in hosts if host.ipv6], "the address")
    keys = [(("hosts", name, "host_key"), host.host_key) for name, host in hosts if host.host_key]
    yield from doubles([(place, key) for place, key in keys], "the host key")
