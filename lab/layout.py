"""Which hosts the lab has, where they stand, and what runs on them. Pure.

Datacenter `limburg` holds production *and* one backup server: losing it is the disaster the lab is for.
"""

from dataclasses import dataclass

from estate.model import Role

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
    Place("twin1", Role.DRP, "strasbourg", 10, WEB),
    Place("ns2", Role.DNS, "strasbourg", 53, ("named",)),
    Place("probe", None, "outside", 10, ("named",)),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The lab's name and addresses: 10.NETWORK.0.0/16 and fd00:NETWORK::/32, the number written as it is."""

    name: str
    network: int

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
