"""What lets us change a zone: a key that its primary knows, or access to whoever holds it."""

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
