"""Which hosts the lab has, where they stand, and what runs on them. Pure.

Datacenter `limburg` holds production *and* one backup server: losing it is the disaster the lab is for.
"""

from collections.abc import Collection
from dataclasses import dataclass

from estate.model import Role
from estate.problem import BadEstate

DATACENTERS = {
    "limburg": 1,
    "gravelines": 2,
    "strasbourg": 3,
    "outside": 9,
}  # and the third octet of their nets
SITES = {"shop.example": "shop", "ledger.example": "ledger", "docs.example": "docs"}  # and their users
PUBLIC_ZONE = "hosting.example"  # where the hosts themselves have their names
MACHINE = 0  # the net between this machine and the router
TTL = 10  # seconds, of every record that may be switched
WEB = ("mariadb", "postgresql", "nginx", "php-fpm")
KNOWN_SERVICES = (*WEB, "knot", "named", "fail2ban", "unattended-upgrades")


@dataclass(frozen=True, slots=True)
class Place:
    """One host of the lab. The probe is a visitor, not part of the estate, and has no role."""

    name: str
    role: Role | None
    datacenter: str
    tail: int  # last part of its addresses
    services: tuple[str, ...] = ()  # of KNOWN_SERVICES, those that run


PLACES = (
    Place("web1", Role.PRODUCTION, "limburg", 10, WEB),
    Place("vault-even", Role.BACKUP, "limburg", 20),
    Place("vault-odd", Role.BACKUP, "gravelines", 20),
    Place("ns1", Role.DNS, "gravelines", 53, ("knot",)),
    Place("bastion", Role.BASTION, "gravelines", 30),
    Place("twin1", Role.DRP, "strasbourg", 10, WEB),
    Place("ns2", Role.DNS, "strasbourg", 53, ("named",)),
    Place("probe", None, "outside", 10, ("named", "nginx")),
)
ALL = tuple(place.name for place in PLACES)


@dataclass(frozen=True, slots=True)
class Plan:
    """The lab's name and addresses: 10.NETWORK.0.0/16 and fd00:NETWORK::/32, the number written as it is."""

    name: str
    network: int
    suite: str  # of Debian, on all hosts
    hosts: tuple[str, ...] = ALL  # those that are booted, the probe last; the estate file describes all of them
    disks: tuple[str, ...] = ()  # of these, those whose root is a disk and not an overlay

    @property
    def places(self) -> tuple[Place, ...]:
        """Where its hosts stand."""
        return tuple(place for place in PLACES if place.name in self.hosts)

    @property
    def router(self) -> str:
        """The namespace that holds one bridge per datacenter."""
        return f"sw-{self.name}-router"

    @property
    def link(self) -> str:
        """The one network link in the machine's own namespace."""
        return f"sw-{self.name}"

    def namespace(self, host: str) -> str:
        """The network namespace of a host; also the name of its machine and control group."""
        return f"sw-{self.name}-{host}"

    def ipv4(self, net: int, tail: int) -> str:
        """An address in one of the lab's nets, each a /24."""
        return f"10.{self.network}.{net}.{tail}"

    def ipv6(self, net: int, tail: int) -> str:
        """An address in one of the lab's nets, each a /64."""
        return f"fd00:{self.network}::{tail}" if net == MACHINE else f"fd00:{self.network}:{net}::{tail}"

    def addresses(self, host: str) -> tuple[str, str]:
        """IPv4 and IPv6 of a host."""
        place = by_name(host)
        net = DATACENTERS[place.datacenter]
        return self.ipv4(net, place.tail), self.ipv6(net, place.tail)


def by_name(host: str) -> Place:
    """The place of a host. Raises KeyError where the lab has none of that name."""
    return {place.name: place for place in PLACES}[host]


def chosen(hosts: Collection[str]) -> tuple[str, ...]:
    """These hosts in the order of the layout; none means all. Raises BadEstate where the lab can't have one."""
    if unknown := sorted(set(hosts) - set(ALL)):
        raise BadEstate(f"the lab has no host {unknown[0]}", hint=f"one of: {', '.join(ALL)}")
    return tuple(host for host in ALL if host in hosts) or ALL
