"""What one team looks after. Made only by `inventory.load`, which has checked every reference and invariant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

from estate.backups import BackupPolicy, Freshness
from estate.channels import Channel, Command, File
from estate.escrow import Escrow
from estate.hosting import Hosting
from estate.people import Contact
from estate.policy import Limits, Php, Policy
from estate.promise import Promise
from estate.secret import Secret
from estate.third import ThirdCopy
from estate.web import Web
from estate.zones import Holder, Tsig

VHOSTS = PurePosixPath("/srv/vhosts")  # a directory in it for each
TLS = PurePosixPath("/etc/seawall/tls")  # likewise, for its certificates


class Role(StrEnum):
    """What a host is for."""

    PRODUCTION = "production"
    BACKUP = "backup"
    DRP = "drp"
    DNS = "dns"
    BASTION = "bastion"


class Runtime(StrEnum):
    """How a vhost answers."""

    PHP = "php"
    STATIC = "static"
    PROXY = "proxy"


class Engine(StrEnum):
    """A database server."""

    MARIADB = "mariadb"
    POSTGRESQL = "postgresql"


class Side(StrEnum):
    """Which of the two backup servers a day belongs to."""

    EVEN = "even"
    ODD = "odd"

    @property
    def other(self) -> "Side":
        """The side that takes over when this one is down."""
        return Side.ODD if self is Side.EVEN else Side.EVEN


@dataclass(frozen=True, slots=True)
class Encryption:
    """Encryption at rest: what opens the data is no secret of the host's own; it asks for it whenever it starts."""

    key_server: str  # the backup server that hands the passphrase out
    passphrase: Secret  # as the control machine keeps it


@dataclass(frozen=True, slots=True)
class Host:
    """One Debian server."""

    name: str
    role: Role
    datacenter: str
    ipv4: IPv4Address
    ipv6: IPv6Address | None
    ssh_port: int  # after hardening; before it, sshd listens on 22
    host_key: str  # "ssh-ed25519 AAAA…", pinned
    twin: str | None  # the DRP host that stands ready for a production host
    backup: Mapping[Side, str]  # the pair of backup servers it uses; empty where it has none
    passphrase: Secret | None  # of its repositories
    packages: tuple[str, ...] = ()  # Debian packages it has beside those of its role
    listens: tuple[str, ...] = ()  # what it answers beside its role, as "tcp/8080"
    encryption: Encryption | None = None  # None: what the host keeps lies there as it is
    strict_routing: bool = False  # drop what comes in where no answer would go out: breaks routed additional addresses
    web: Web = Web.NGINX  # what serves its vhosts
    provider: Hosting | None = None  # who can stop it from outside; known to the control machine and its twin

    @property
    def addresses(self) -> tuple[str, ...]:
        """IPv4 first, then IPv6 where the host has one."""
        return (str(self.ipv4),) if self.ipv6 is None else (str(self.ipv4), str(self.ipv6))


@dataclass(frozen=True, slots=True)
class Check:
    """What a healthy vhost answers: 200 over HTTPS at `path`, with `expect` in the body."""

    path: str
    expect: str


@dataclass(frozen=True, slots=True)
class Vhost:
    """One client application: a domain, a system user, a directory of its own."""

    domain: str
    aliases: tuple[str, ...]
    host: str  # the production host that serves it
    user: str
    runtime: Runtime
    upstream: str | None  # "http://127.0.0.1:8080" of a proxy
    root: PurePosixPath  # the document root
    uploads: tuple[PurePosixPath, ...]  # mounted noexec
    paths: tuple[PurePosixPath, ...]  # what belongs to it outside its directory
    value: int  # weight in the order of recovery; higher comes first
    check: Check
    php: Php = Php.UNIT
    limits: Limits = field(default_factory=Limits)
    sftp: tuple[str, ...] = ()  # public keys of the client, who may copy files
    promised: Promise = field(default_factory=Promise)  # where it differs from what all vhosts are promised

    @property
    def directory(self) -> PurePosixPath:
        """Where everything of the vhost lives."""
        return VHOSTS / self.domain

    @property
    def names(self) -> tuple[str, ...]:
        """Domain first, then aliases."""
        return (self.domain, *self.aliases)

    @property
    def service(self) -> str | None:
        """The systemd unit that runs its PHP and nobody else's; None where it has no PHP, or a pool."""
        own = self.runtime is Runtime.PHP and self.php is Php.UNIT
        return f"seawall-php-{self.user}.service" if own else None

    @property
    def certificates(self) -> PurePosixPath:
        """`fullchain.pem` and `privkey.pem`; saved and restored with the vhost's files."""
        return TLS / self.domain


@dataclass(frozen=True, slots=True)
class Database:
    """One database, owned by a vhost."""

    name: str
    engine: Engine
    vhost: str
    freshness: Freshness | None = None  # None: any age is fine


@dataclass(frozen=True, slots=True)
class Zone:
    """A DNS zone whose records the DRP may switch: by RFC 2136, or through whoever holds it."""

    name: str
    servers: tuple[str, ...]  # of the estate, the primary, which takes the updates, first; or as the world knows them
    tsig: Tsig | None  # where the servers are the estate's
    ttl: int  # seconds, of the records that are switched
    holder: Holder | None = None  # None: the servers are the estate's

    @property
    def primary(self) -> str:
        """The server that takes updates, or the first of those of the holder."""
        return self.servers[0]

    @property
    def hosts(self) -> tuple[str, ...]:
        """Those of its servers that are hosts of the estate: all, or none."""
        return self.servers if self.holder is None else ()


@dataclass(frozen=True, slots=True)
class Tickets:
    """Where people are told: a file that is appended to, or a command fed on standard input."""

    file: str | None = None
    command: tuple[str, ...] | None = None


class Unwitnessed(StrEnum):
    """What a production host does that can ask nobody whether its twin serves."""

    SERVE = "serve"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Drp:
    """Who decides, and how people hear of it."""

    approvers: Mapping[str, tuple[str, ...]]  # public ssh keys, with which each of them signs orders
    tickets: Tickets
    trust: str | None  # a PEM bundle that proofs over HTTPS trust beside the system's
    approvals: int = 1  # how many of them an order needs
    owner: str | None = None  # the data owner, who must be among them; None: nobody must
    channels: Mapping[str, Channel] = field(default_factory=dict)  # by which people are told, beside `tickets`
    unwitnessed: Unwitnessed = Unwitnessed.SERVE
    people: Mapping[str, Contact] = field(default_factory=dict)  # whom to call, in this order
    promised: Promise = field(default_factory=Promise)  # for each vhost that is promised nothing of its own
    drill_at: time | None = None  # of the day, in the estate's time zone; None: two hours after files are saved
    resolvers: tuple[str, ...] = ()  # addresses of some that visitors use, asked what they remember

    @property
    def ways(self) -> Mapping[str, Channel]:
        """All by which people are told, by name."""
        tickets: dict[str, Channel] = {}
        if self.tickets.file is not None:
            tickets = {"tickets": File(self.tickets.file)}
        if self.tickets.command is not None:
            tickets = {"tickets": Command(self.tickets.command)}
        return tickets | dict(self.channels)


@dataclass(frozen=True, slots=True)
class Control:
    """The machine that drives the others."""

    addresses: tuple[str, ...]  # the only ones ssh is open to
    ssh_key: str | None  # absolute path of the private key; None on a managed host, which drives nobody


@dataclass(frozen=True, slots=True)
class Slice:
    """Whose part of an estate this is: a managed host knows itself, its partners, and nothing about neighbours."""

    host: str
    clients: tuple[str, ...]  # of a backup server: names of the hosts that save to it


@dataclass(frozen=True, slots=True)
class Estate:
    """Everything one team looks after, or the slice of it that one host gets."""

    name: str
    timezone: ZoneInfo
    control: Control
    datacenters: tuple[str, ...]
    hosts: Mapping[str, Host]
    vhosts: Mapping[str, Vhost]
    databases: Mapping[str, Database]
    zones: Mapping[str, Zone]
    backup: BackupPolicy
    drp: Drp
    policy: Policy = field(default_factory=Policy)
    escrow: Escrow = field(default_factory=Escrow)
    third_copy: ThirdCopy | None = None
    slice: Slice | None = None  # None on the control machine, which has the whole

    def hosts_with(self, *roles: Role) -> tuple[Host, ...]:
        """In the order of the file."""
        return tuple(host for host in self.hosts.values() if host.role in roles)

    def vhosts_on(self, host: Host) -> tuple[Vhost, ...]:
        """What `host` serves, or stands ready to serve, most valuable first."""
        served = {name for name, other in self.hosts.items() if host.name in (name, other.twin)}
        mine = [vhost for vhost in self.vhosts.values() if vhost.host in served]
        return tuple(sorted(mine, key=lambda vhost: (-vhost.value, vhost.domain)))

    def databases_of(self, vhost: Vhost) -> tuple[Database, ...]:
        """In the order of the file."""
        return tuple(database for database in self.databases.values() if database.vhost == vhost.domain)

    def engines_on(self, host: Host) -> tuple[Engine, ...]:
        """Database servers that `host` runs for its vhosts."""
        used = {db.engine for vhost in self.vhosts_on(host) for db in self.databases_of(vhost)}
        return tuple(engine for engine in Engine if engine in used)

    def databases_on(self, host: Host, engine: Engine) -> tuple[Database, ...]:
        """Of that engine, for the vhosts of `host`; in the order of the file."""
        served = {vhost.domain for vhost in self.vhosts_on(host)}
        return tuple(db for db in self.databases.values() if db.engine is engine and db.vhost in served)

    def promised(self, vhost: Vhost) -> Promise:
        """What its client was promised: its own, else what all are."""
        return vhost.promised.filled(self.drp.promised)

    def partners(self, host: Host) -> tuple[Host, ...]:
        """The other end of a production and twin pair."""
        return tuple(o for o in self.hosts.values() if o.twin == host.name or host.twin == o.name)

    def followers(self, host: Host) -> tuple[Host, ...]:
        """Twins that follow the database servers of a production host."""
        wanted = self.backup.replicate and host.role is Role.PRODUCTION and self.engines_on(host)
        return self.partners(host) if wanted else ()

    def clients_of(self, server: Host) -> tuple[str, ...]:
        """Names of the hosts that save to a backup server."""
        if self.slice is not None and self.slice.host == server.name:
            return self.slice.clients
        return tuple(name for name, host in self.hosts.items() if server.name in host.backup.values())
