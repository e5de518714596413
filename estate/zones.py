"""What lets us change a zone: a key that its primary knows, or access to whoever holds it."""

from collections.abc import Mapping
from dataclasses import dataclass

from estate.secret import Secret


@dataclass(frozen=True, slots=True)
class Tsig:
    """A shared key for DNS updates (RFC 8945)."""

    name: str
    algorithm: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class Ovh:
    """OVHcloud, by its API."""

    endpoint: str  # "ovh-eu", "ovh-ca" or "ovh-us"
    application_key: Secret
    application_secret: Secret
    consumer_key: Secret


Setting = str | int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class Octodns:
    """Any other company, through the class that octoDNS has for it."""

    class_path: str  # "octodns_cloudflare.CloudflareProvider"
    package: str  # what pip installs to have that class
    settings: Mapping[str, Setting]  # arguments of the class
    secrets: Mapping[str, Secret]  # those of them that nobody may know


Holder = Ovh | Octodns
