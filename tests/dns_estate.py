"""What the tests of DNS share: a small estate, and how its two name servers are configured."""

from collections.abc import Mapping
from datetime import time, timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

from estate.backups import BackupPolicy
from estate.model import (
    Check,
    Control,
    Drp,
    Estate,
    Host,
    Role,
    Runtime,
    Tickets,
    Vhost,
    Zone,
)
from estate.secret import Secret
from estate.zones import Tsig

SECRET = "c2Vhd2FsbCB0ZXN0cyBvbmx5LCBub3RoaW5nIGVsc2U="


def host(name: str, role: Role, ipv4: str, ipv6: str | None = None, twin: str | None = None) -> Host:
    six = None if ipv6 is None else IPv6Address(ipv6)
    return Host(name, role, "limburg", IPv4Address(ipv4), six, 2222, "ssh-ed25519 AAAA", twin, {}, None)


def vhost(domain: str, *aliases: str) -> Vhost:
    root = PurePosixPath("/srv/vhosts") / domain / "www"
    return Vhost(domain, aliases, "web1", "shop", Runtime.STATIC, None, root, (), (), 1, Check("/", "ok"))


WEB1 = host("web1", Role.PRODUCTION, "10.83.1.10", "fd83:1::10", twin="twin1")
TWIN1 = host("twin1", Role.DRP, "10.83.3.10", "fd83:3::10")


def estate_of(servers: Mapping[str, str]) -> Estate:
    """`servers`: name to IPv4 address, the primary first."""
    names = ("shop.example", "late.example")
    tsig = Tsig("seawall", "hmac-sha256", Secret(env="TSIG"))
    hosts = [WEB1, TWIN1, *(host(name, Role.DNS, address) for name, address in servers.items())]
    return Estate(
        name="test",
        timezone=ZoneInfo("Europe/Paris"),
        control=Control(("10.83.0.1",), "/root/.ssh/id_ed25519"),
        datacenters=("limburg",),
        hosts={one.name: one for one in hosts},
        vhosts={name: vhost(name, f"www.{name}") for name in names},
        databases={},
        zones={name: Zone(name, tuple(servers), tsig, 60) for name in names},
        backup=BackupPolicy(time(3), timedelta(hours=2)),
        drp=Drp({}, Tickets(), None),
    )


KNOT_CONF = """
server:
    rundir: {folder}
    listen: {knot}@{port}
    user: root
database:
    storage: {folder}
log:
  - target: {folder}/knot.log
    any: info
key:
  - id: seawall
    algorithm: hmac-sha256
    secret: {secret}
remote:
  - id: ns2
    address: {bind}@{port}
    via: {knot}
acl:
  - id: update
    key: seawall
    action: [update, transfer]
  - id: copy
    address: {bind}
    action: transfer
template:
  - id: default
    storage: {folder}
    file: "%s.zone"
    acl: [update, copy]
    zonefile-sync: -1
    zonefile-load: {load}
zone:
  - domain: shop.example
    notify: ns2
  - domain: late.example
"""
BIND_CONF = """
options {{ directory "{folder}"; listen-on port {port} {{ {bind}; }}; listen-on-v6 {{ none; }}; recursion no;
  pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key"; dnssec-validation no;
  transfer-source {bind}; notify no; }};
controls {{ }};
key seawall {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "shop.example" {{ type secondary; file "shop.copy"; primaries {{ {knot} port {port}; }}; }};
zone "late.example" {{ type secondary; file "late.copy"; primaries {{ {knot} port {port}; }}; }};
"""
ZONE = """$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
@ NS ns2
ns1 A 127.0.83.1
ns2 A 127.0.0.1
@ A 10.83.1.10
@ A 192.0.2.77
@ TXT "v=spf1 ip4:10.83.1.10 -all"
www A 10.83.1.10
"""
