"""By which ways people are told. What each may be set to is what its class has, by the same names."""

from dataclasses import dataclass
from enum import StrEnum

from estate.secret import Secret


class Security(StrEnum):
    """How a connection to a mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class File:
    """A file on the host that tells, which is appended to."""

    path: str


@dataclass(frozen=True, slots=True)
class Command:
    """A program on the host that tells; it gets the text on standard input."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Email:
    """A mail server that takes messages for people (RFC 6409)."""

    server: str
    sender: str  # an address
    to: tuple[str, ...]  # addresses
    port: int = 587
    security: Security = Security.STARTTLS
    user: str | None = None
    password: Secret | None = None  # with `user`; None: the server knows this host by its address


@dataclass(frozen=True, slots=True)
class Glpi:
    """GLPI, by its REST API."""

    url: str  # "https://glpi.example/apirest.php"
    token: Secret  # of a user ("API token")
    app_token: Secret | None = None  # of the API client, where GLPI asks for one


@dataclass(frozen=True, slots=True)
class Zammad:
    """Zammad, by its REST API."""

    url: str
    token: Secret
    group: str  # whose tickets they are
    customer: str  # the e-mail address or login of whom they are about


@dataclass(frozen=True, slots=True)
class Gitlab:
    """Issues of a GitLab project. They are confidential: members of the project see them."""

    url: str
    token: Secret  # with the scope "api"
    project: str  # its number, or "group/name"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Whatever takes JSON over HTTPS. The address is a secret, for many of them hold a token."""

    address: Secret
    key: Secret | None = None  # signs the body: HMAC with SHA-256


@dataclass(frozen=True, slots=True)
class Apprise:
    """Chats, pagers and phones, by Debian's apprise."""

    address: Secret  # URLs of apprise, one a line


Channel = File | Command | Email | Glpi | Zammad | Gitlab | Webhook | Apprise
KINDS: dict[str, type[Email | Glpi | Zammad | Gitlab | Webhook | Apprise]] = {
    "email": Email,
    "glpi": Glpi,
    "zammad": Zammad,
    "gitlab": Gitlab,
    "webhook": Webhook,
    "apprise": Apprise,
}
