"""What a name, an address, a path may look like. All of them end up in file names, shells and config files.

Each function returns the value in its type, or raises ValueError with what is wrong and the remedy.
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import time
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import PurePosixPath
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from inventory.faults import did_you_mean, quoted

E = TypeVar("E", bound=StrEnum)
KEY = "ssh-ed25519"
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_USER = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_DATABASE = re.compile(r"[a-z][a-z0-9_]{0,47}")
_PERSON = re.compile(r"[a-z][a-z0-9._@-]{0,63}")
_PHONE = re.compile(r"\+?[0-9][0-9 ()/.-]{1,30}[0-9]")
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
# A server's own: restored on a twin, they would lock everybody out of it; served, they would leak.
_SERVERS_OWN = (
    "/boot /dev /etc/fstab /etc/group /etc/gshadow /etc/hostname /etc/passwd /etc/seawall /etc/shadow /etc/ssh "
    "/etc/sudoers /etc/sudoers.d /etc/systemd /proc /root /run /sys /var/lib/mysql /var/lib/postgresql /var/lib/seawall"
)
_PATH_PART = re.compile(r"[A-Za-z0-9._@+,=~-]+")
_URL_PATH = re.compile(r"/[A-Za-z0-9._~!$&()*+,;=:@%/?-]*")
_UPSTREAM = re.compile(r"http://([a-z0-9.-]+|\[[0-9a-f:]+\]):([0-9]{1,5})")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Accounts that Debian's packages, or Seawall itself, own. Names that begin with "systemd" are refused as well.
_SYSTEM = (
    "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc nobody sshd messagebus ntp "
    "postfix mysql mariadb postgres bind knot redis memcache debian admin operator shutdown halt nginx apache clamav "
    "dnsmasq fail2ban polkitd tcpdump uuidd statd rpc ftp seawall borg vault staff sudo adm shadow utmp video audio "
    "disk kmem tty ssl-cert crontab dialout cdrom floppy tape fax voice src users nogroup input kvm render sgx"
)
_TAKEN_USERS = frozenset(_SYSTEM.split())
_TAKEN_DATABASES = frozenset(
    ("mysql", "sys", "information_schema", "performance_schema", "postgres", "template0", "template1", "test")
)


def text(value: object) -> str:
    """A string, and not a number that looks like one."""
    if not isinstance(value, str):
        raise ValueError('must be text in quotes, like "…"')  # noqa: TRY004 - pydantic reports no TypeError
    return value


def label(value: str) -> str:
    """The name of a host, a datacenter or the estate (RFC 1123, lower case)."""
    if not _LABEL.fullmatch(value):
        raise ValueError(f"{quoted(value)} is no name; use a-z, 0-9 and -, at most 63 characters")
    return value


def domain(value: str) -> str:
    """A full domain name (RFC 1123, lower case, no final dot)."""
    labels = value.split(".")
    if len(value) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(part) for part in labels):
        raise ValueError(
            f'{quoted(value)} is no domain; write it as "shop.example": a-z, 0-9, - and dots (IDN as xn--…)'
        )
    return value


def user(value: str) -> str:
    """A system user that belongs to nobody else on Debian."""
    if not _USER.fullmatch(value):
        raise ValueError(
            f"{quoted(value)} is no user name; use a-z, 0-9, - and _, a letter first, at most 31 characters"
        )
    if value in _TAKEN_USERS or value.startswith("systemd"):
        raise ValueError(f"{quoted(value)} is a system user; choose a name of the vhost's own")
    return value


def database(value: str) -> str:
    """A database that needs no quoting in SQL, and is not the server's own."""
    if not _DATABASE.fullmatch(value):
        raise ValueError(
            f"{quoted(value)} is no database name; use a-z, 0-9 and _, a letter first, at most 48 characters"
        )
    if value in _TAKEN_DATABASES:
        raise ValueError(f"{quoted(value)} belongs to the database server; choose another name")
    return value


def person(value: str) -> str:
    """Somebody who signs orders."""
    if not _PERSON.fullmatch(value):
        raise ValueError(f"{quoted(value)} can't be an approver; use a-z, 0-9 and . _ @ -, a letter first")
    return value


def relative(value: str) -> str:
    """A path, absolute or not, that never climbs and needs no quoting anywhere."""
    for part in value.removeprefix("/").removesuffix("/").split("/"):
        if part in (".", "..") or not _PATH_PART.fullmatch(part):
            raise ValueError(
                f"{quoted(value)} is no safe path; use letters, digits and . _ - @ + , = ~, without . or .. as a part"
            )
    return value


def absolute(value: str) -> str:
    """A path from / of the host."""
    if not value.startswith("/"):
        raise ValueError(f"{quoted(value)} must begin with /")
    return relative(value)


def https(value: str) -> str:
    """The address of a server, without a path: what is sent there must not be read on the way."""
    url = urlsplit(value)
    if url.scheme != "https" or not url.hostname or url.path.strip("/") or url.query or url.username:
        raise ValueError(f"{quoted(value)} must be like https://s3.example.com, and nothing behind it")
    return value.rstrip("/")


def web_address(value: str) -> str:
    """The address of a service, with a path where it has one: what is sent there must not be read on the way."""
    url = urlsplit(value)
    more = url.query or url.fragment or url.username
    if url.scheme != "https" or not url.hostname or more or not value.isascii() or not value.isprintable():
        raise ValueError(f"{quoted(value)} must be like https://tickets.example.com/api: no password, and no question")
    return value.rstrip("/")


def mailbox(value: str) -> str:
    """An e-mail address (RFC 5321), without a name."""
    if not _MAILBOX.fullmatch(value):
        raise ValueError(f'{quoted(value)} is no e-mail address; write it as "oncall@example.com"')
    return value


def phone(value: str) -> str:
    """A number that can be dialled, written as people do."""
    if not _PHONE.fullmatch(value):
        raise ValueError(f'{quoted(value)} is no telephone number; write it as "+31 20 123 4567"')
    return value


def owned(value: str) -> str:
    """A path of a vhost: nothing so short, like /etc, or so vital that it would carry the whole server along."""
    path = PurePosixPath(absolute(value))
    vital = {PurePosixPath(own) for own in _SERVERS_OWN.split()}
    if len(path.parts) < 3 or vital & {path, *path.parents}:
        raise ValueError(f"{quoted(value)} belongs to the whole server; name what is the vhost's own")
    return value


def url_path(value: str) -> str:
    """What follows the domain in a URL."""
    if not _URL_PATH.fullmatch(value):
        raise ValueError(f'{quoted(value)} is no path of a URL; write it as "/" or "/status?full=1"')
    return value


def sentence(value: str) -> str:
    """Words on one line."""
    if not value.strip() or not value.isprintable():
        raise ValueError("must be words on one line")
    return value


def upstream(value: str) -> str:
    """Where a proxy passes requests to."""
    match = _UPSTREAM.fullmatch(value)
    if match is None or not 0 < int(match[2]) < 65536:
        raise ValueError(f'{quoted(value)} is no upstream; write it as "http://127.0.0.1:8080"')
    return value


def variable(value: str) -> str:
    """The name of an environment variable. A wrong one is not repeated: it might be the secret itself."""
    if not _VARIABLE.fullmatch(value):
        raise ValueError("is no name of an environment variable; use A-Z, 0-9 and _")
    return value


def port(value: int) -> int:
    """Where sshd listens."""
    if not 0 < value < 65536:
        raise ValueError(f"{value} is no port; use 1 to 65535, 2222 for example")
    if value in (80, 443):
        raise ValueError(f"{value} belongs to the web server; use another one, 2222 for example")
    return value


def address(value: object) -> str:
    """An IPv4 or IPv6 address of one machine, in its canonical form."""
    try:
        found = ip_address(text(value))
    except ValueError:
        raise ValueError(f'{quoted(str(value))} is no address; write it as "192.0.2.1" or "2001:db8::1"') from None
    if found.is_unspecified or found.is_loopback or found.is_multicast or getattr(found, "scope_id", None):
        raise ValueError(f"{quoted(str(value))} is no address of one machine; use the one others reach it at")
    return str(found)


def ipv4(value: object) -> IPv4Address:
    """As `address`, of version 4."""
    found = address(value)
    if ":" in found:
        raise ValueError(f"{quoted(str(value))} is IPv6; write it as ipv6 = …")
    return IPv4Address(found)


def ipv6(value: object) -> IPv6Address:
    """As `address`, of version 6."""
    found = address(value)
    if ":" not in found:
        raise ValueError(f"{quoted(str(value))} is IPv4; write it as ipv4 = …")
    return IPv6Address(found)


def host_key(value: str) -> str:
    """An Ed25519 public key (RFC 8709), without its comment."""
    kind, _, rest = value.partition(" ")
    blob = rest.partition(" ")[0]
    if kind != KEY:
        raise ValueError(f"must be an {KEY} key; see it with: ssh-keyscan -t ed25519 HOST, and compare on its console")
    try:
        inner = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        inner = b""
    named = len(KEY).to_bytes(4, "big") + KEY.encode() + (32).to_bytes(4, "big")
    if not inner.startswith(named) or len(inner) != len(named) + 32:
        raise ValueError("is cut short or mistyped; copy it whole from: ssh-keyscan -t ed25519 HOST")
    return f"{kind} {base64.b64encode(inner).decode()}"


def timezone(value: object) -> ZoneInfo:
    """A time zone of the IANA database, by name."""
    name = text(value)
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # "Europe" is a directory, "../x" a ValueError
        raise ValueError(f"no time zone {quoted(name)}; {did_you_mean(name, available_timezones())}") from None


def clock(value: object) -> time:
    """A time of day, to the minute."""
    match = _CLOCK.fullmatch(text(value))
    if match is None:
        raise ValueError(f'{quoted(str(value))} is no time of day; write it as "02:30"')
    return time(int(match[1]), int(match[2]))


def one_of(kind: type[E]) -> Callable[[object], E]:
    """One word out of an enumeration."""

    def choose(value: object) -> E:
        typed = text(value)
        try:
            return kind(typed)
        except ValueError:
            raise ValueError(f"no {kind.__name__.lower()} {quoted(typed)}; {did_you_mean(typed, kind)}") from None

    return choose
