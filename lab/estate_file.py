"""The lab as an estate file, the same that a team writes for its own servers. Pure."""

from collections.abc import Mapping

from estate.model import Role
from lab.layout import DATACENTERS, MACHINE, PLACES, SITES, TTL, Place, Plan
from lab.names import TSIG_ALGORITHM, TSIG_NAME

BACKED_UP = (Role.PRODUCTION, Role.DRP)
APPROVERS = ("alice", "bob")
HEAD = """\
# Made by `seawall lab up`; gone with `seawall lab down`.
[estate]
name = "{name}"
timezone = "Europe/Amsterdam"

[control]
addresses = ["{ipv4}", "{ipv6}"]
ssh_key = "ssh_key"

"""
APPLICATIONS = """\
[vhosts."shop.example"]
aliases = ["www.shop.example"]
host = "web1"
user = "shop"
runtime = "php"
root = "/usr/share/wordpress"
uploads = ["wp-content/uploads"]
paths = ["/etc/wordpress/config-shop.example.php"]
value = 100
check = { path = "/", expect = "Seawall shop" }

[vhosts."ledger.example"]
aliases = ["www.ledger.example"]
host = "web1"
user = "ledger"
runtime = "php"
value = 50
check = { path = "/", expect = "Seawall ledger" }

[vhosts."docs.example"]
aliases = ["www.docs.example"]
host = "web1"
user = "docs"
runtime = "static"
value = 10
check = { path = "/", expect = "Seawall docs" }

[databases.shop]
engine = "mariadb"
vhost = "shop.example"

[databases.ledger]
engine = "postgresql"
vhost = "ledger.example"

[backup]
files_at = "02:30"
snapshot_every_hours = 2

"""
TAIL = """\
[drp]
tickets = { file = "/var/lib/seawall/tickets.log" }
trust = "/etc/seawall/ca.pem"

[drp.approvers]
"""


def estate_file(plan: Plan, host_keys: Mapping[str, str], approvers: Mapping[str, str]) -> str:
    """estate.toml; each host's public key as one line, and each approver's."""
    head = HEAD.format(name=plan.name, ipv4=plan.ipv4(MACHINE, 1), ipv6=plan.ipv6(MACHINE, 1))
    datacenters = "".join(f"[datacenters.{name}]\n" for name in DATACENTERS if name != "outside")
    hosts = "\n".join(_host(plan, place, host_keys[place.name]) for place in PLACES if place.role)
    zones = "\n".join(_zone(name) for name in SITES)
    people = "".join(f'{name} = ["{key}"]\n' for name, key in approvers.items())
    return "\n".join((head + datacenters, hosts, APPLICATIONS + zones, TAIL + people))


def _host(plan: Plan, place: Place, host_key: str) -> str:
    ipv4, ipv6 = plan.addresses(place.name)
    lines = [f"[hosts.{place.name}]", f'role = "{place.role}"', f'datacenter = "{place.datacenter}"',
             f'ipv4 = "{ipv4}"', f'ipv6 = "{ipv6}"', "ssh_port = 2222", f'host_key = "{host_key}"']  # fmt: skip
    if place.role is Role.PRODUCTION:
        lines.append('twin = "twin1"')
    if place.role in BACKED_UP:
        lines.append('backup = { even = "vault-even", odd = "vault-odd" }')
        lines.append(f'passphrase = {{ file = "secrets/{place.name}.passphrase" }}')
    return "\n".join(lines) + "\n"


def _zone(name: str) -> str:
    tsig = f'{{ name = "{TSIG_NAME}", algorithm = "{TSIG_ALGORITHM}", secret = {{ file = "secrets/tsig" }} }}'
    return f'[zones."{name}"]\nservers = ["ns1", "ns2"]\ntsig = {tsig}\nttl = {TTL}\n'
