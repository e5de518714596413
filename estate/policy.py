"""How a host is kept safe: what the team decides beside what Seawall does on every host anyway.

Only the control machine knows it. A host's slice holds the defaults: nobody's staff, networks or credentials.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from enum import StrEnum


class Cryptography(StrEnum):
    """Which algorithms sshd offers."""

    COMPATIBLE = "compatible"  # what Debian's own policy of ssh-audit wants
    STRICT = "strict"  # key exchange that a quantum computer does not break, and nothing else


class Php(StrEnum):
    """What runs a vhost's PHP."""

    UNIT = "unit"  # a php-fpm of its own in a sandbox of its own
    POOL = "pool"  # a pool of the shared one: lighter, and weaker


@dataclass(frozen=True, slots=True)
class Limits:
    """What a vhost may use of its host."""

    memory_mb: int = 512
    cpu_percent: int = 100  # of one core
    tasks: int = 64
    disk_mb: int | None = None  # a quota where the file system can; None: no limit


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account of their own on the hosts."""

    name: str
    keys: tuple[str, ...]  # public keys, "ssh-ed25519 AAAA…" or "sk-…"
    until: date  # the last day on which they open anything
    hosts: tuple[str, ...] = ()  # names; empty: all
    sudo: tuple[str, ...] = ()  # commands with absolute paths, or "ALL"


@dataclass(frozen=True, slots=True)
class Ssh:
    """What sshd accepts."""

    cryptography: Cryptography = Cryptography.COMPATIBLE
    hardware_keys: bool = False  # of staff and clients, only keys that live in hardware (FIDO2)


@dataclass(frozen=True, slots=True)
class Firewall:
    """Networks and addresses of IPv4 and IPv6, in their canonical form."""

    allow: tuple[str, ...] = ()  # never limited, never banned
    block: tuple[str, ...] = ()  # never answered


@dataclass(frozen=True, slots=True)
class Patches:
    """When a host may be restarted after its weekly patches. Times are local to the estate's time zone."""

    reboot: bool = False
    window: tuple[time, time] = (time(3), time(5))


@dataclass(frozen=True, slots=True)
class Origin:
    """Who may bring packages beside Debian."""

    name: str
    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    key: str  # OpenPGP public key in its armour: what it signed is taken, and nothing else from there
    hosts: tuple[str, ...] = ()  # names; empty: all


@dataclass(frozen=True, slots=True)
class Credential:
    """One that lives elsewhere, and only who looks after it and when it changes: never the credential itself."""

    name: str
    where: str
    owner: str
    hardware_key: bool
    changed: date
    every_days: int = 60

    @property
    def due(self) -> date:
        """The day by which it has to be changed."""
        return self.changed + timedelta(days=self.every_days)


@dataclass(frozen=True, slots=True)
class Policy:
    """All of it."""

    ssh: Ssh = Ssh()
    firewall: Firewall = Firewall()
    patches: Patches = Patches()
    staff: Mapping[str, Person] = field(default_factory=dict)
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def staff_on(self, host: str) -> tuple[Person, ...]:
        """Who has an account on `host`, in the order of the file."""
        return tuple(person for person in self.staff.values() if not person.hosts or host in person.hosts)

    def origins_of(self, host: str) -> tuple[Origin, ...]:
        """Whose packages `host` takes beside Debian's, in the order of the file."""
        return tuple(origin for origin in self.origins.values() if not origin.hosts or host in origin.hosts)
