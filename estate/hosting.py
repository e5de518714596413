"""The company that runs a host, and can stop it."""

from dataclasses import dataclass
from enum import StrEnum

from estate.secret import Secret


class Product(StrEnum):
    """What is rented there."""

    SERVER = "server"
    VPS = "vps"
    INSTANCE = "instance"  # of the public cloud


@dataclass(frozen=True, slots=True)
class Hosting:
    """A host at OVHcloud, and the keys with which its API stops it."""

    product: Product
    service: str  # "ns123.ip-192-0-2.eu", "vps-1a2b.vps.ovh.net", or the instance's id
    application_key: Secret
    application_secret: Secret
    consumer_key: Secret
    endpoint: str = "ovh-eu"
    project: str | None = None  # of an instance
