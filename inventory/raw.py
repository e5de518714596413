"""The estate file's tables as they are written.

Everything may be absent here, and `inventory.shape` reports what must not be: so one faulty setting never hides
the faults of the others.
"""

from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from estate.model import Engine, Role, Runtime, Side
from estate.policy import Php
from estate.web import Web
from inventory import policy_words, words
from inventory.raw_backups import RawBackup
from inventory.raw_drp import Minutes, RawDrp
from inventory.raw_escrow import RawEscrow
from inventory.raw_hosting import RawHosting
from inventory.raw_policy import (
    Label,
    PublicKey,
    RawCredential,
    RawFirewall,
    RawLimits,
    RawOrigin,
    RawPatches,
    RawPerson,
    RawSsh,
    Staff,
)
from inventory.raw_secret import RawSecret
from inventory.raw_third import RawThirdCopy
from inventory.raw_zones import RawZone
from inventory.table import Table

Domain = Annotated[str, AfterValidator(words.domain)]
DatabaseName = Annotated[str, AfterValidator(words.database)]
OwnedPath = Annotated[str, AfterValidator(words.owned)]


class RawEstateTable(Table):
    """[estate]"""

    needs: ClassVar[tuple[str, ...]] = ("name", "timezone")
    name: Label | None = None
    timezone: Annotated[ZoneInfo, BeforeValidator(words.timezone)] | None = None


class RawControl(Table):
    """[control]; a slice has no `ssh_key`."""

    needs: ClassVar[tuple[str, ...]] = ("addresses",)
    addresses: Annotated[list[Annotated[str, AfterValidator(words.address)]], Field(min_length=1)] | None = None
    ssh_key: Annotated[str, AfterValidator(words.sentence)] | None = None


class RawDatacenter(Table):
    """[datacenters.NAME]"""


class RawEncryption(Table):
    """hosts.NAME.encryption"""

    key_server: str
    passphrase: RawSecret


class RawHost(Table):
    """[hosts.NAME]"""

    needs: ClassVar[tuple[str, ...]] = ("role", "datacenter", "ipv4", "host_key")
    role: Annotated[Role, BeforeValidator(words.one_of(Role))] | None = None
    datacenter: str | None = None
    ipv4: Annotated[IPv4Address, BeforeValidator(words.ipv4)] | None = None
    ipv6: Annotated[IPv6Address, BeforeValidator(words.ipv6)] | None = None
    ssh_port: Annotated[int, AfterValidator(words.port)] = 2222
    host_key: Annotated[str, AfterValidator(words.host_key)] | None = None
    twin: str | None = None
    backup: dict[Annotated[Side, BeforeValidator(words.one_of(Side))], str] = {}
    passphrase: RawSecret | None = None
    encryption: RawEncryption | None = None
    packages: list[Annotated[str, AfterValidator(policy_words.package)]] = []
    listens: list[Annotated[str, AfterValidator(policy_words.listens)]] = []
    strict_routing: bool = False
    web: Annotated[Web, BeforeValidator(words.one_of(Web))] | None = None
    provider: RawHosting | None = None


class RawCheck(Table):
    """vhosts.DOMAIN.check"""

    path: Annotated[str, AfterValidator(words.url_path)] = "/"
    expect: Annotated[str, AfterValidator(words.sentence)]


class RawVhost(Table):
    """[vhosts.DOMAIN]"""

    needs: ClassVar[tuple[str, ...]] = ("host", "user", "runtime", "check")
    aliases: list[Domain] = []
    host: str | None = None
    user: Annotated[str, AfterValidator(words.user)] | None = None
    runtime: Annotated[Runtime, BeforeValidator(words.one_of(Runtime))] | None = None
    upstream: Annotated[str, AfterValidator(words.upstream)] | None = None
    root: OwnedPath | None = None
    uploads: list[Annotated[str, AfterValidator(words.relative)]] = []
    paths: list[OwnedPath] = []
    value: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    check: RawCheck | None = None
    php: Annotated[Php, BeforeValidator(words.one_of(Php))] = Php.UNIT
    limits: RawLimits = RawLimits()
    sftp: list[PublicKey] = []
    rpo_minutes: Minutes | None = None
    rto_minutes: Minutes | None = None


class RawFreshness(Table):
    """databases.NAME.freshness"""

    query: Annotated[str, AfterValidator(words.sentence)]
    max_age_hours: Annotated[int, Field(ge=1, le=87_600)]


class RawDatabase(Table):
    """[databases.NAME]"""

    needs: ClassVar[tuple[str, ...]] = ("engine", "vhost")
    engine: Annotated[Engine, BeforeValidator(words.one_of(Engine))] | None = None
    vhost: str | None = None
    freshness: RawFreshness | None = None


class RawSlice(Table):
    """`slice` of a host's JSON: whose part this is. A TOML file has none."""

    host: str
    clients: list[str] = []


class RawEstate(Table):
    """The whole file."""

    needs: ClassVar[tuple[str, ...]] = ("estate", "control", "drp")
    estate: RawEstateTable | None = None
    control: RawControl | None = None
    datacenters: dict[Label, RawDatacenter] = {}
    hosts: dict[Label, RawHost] = {}
    vhosts: dict[Domain, RawVhost] = {}
    databases: dict[DatabaseName, RawDatabase] = {}
    zones: dict[Domain, RawZone] = {}
    backup: RawBackup = RawBackup()
    third_copy: RawThirdCopy | None = None
    drp: RawDrp | None = None
    ssh: RawSsh = RawSsh()
    firewall: RawFirewall = RawFirewall()
    patches: RawPatches = RawPatches()
    staff: dict[Staff, RawPerson] = {}
    credentials: dict[Label, RawCredential] = {}
    origins: dict[Label, RawOrigin] = {}
    escrow: RawEscrow = RawEscrow()
    slice: RawSlice | None = None
