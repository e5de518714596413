"""What a key, a network, a day, a command may look like. All of them end up in configuration of ssh, sudo or iptables.

Each function returns the value in its type, or raises ValueError with what is wrong and the remedy.
"""

import base64
import binascii
import re
from datetime import date, datetime, time
from ipaddress import ip_network

from inventory.access import HOSTS
from inventory.faults import quoted
from inventory.words import clock, text, user

HARDWARE_KEYS = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")
KEYS = ("ssh-ed25519", *HARDWARE_KEYS)
_COMMAND = re.compile(r"/[A-Za-z0-9._/+@-]+( [A-Za-z0-9._/+@-]+)*")  # nothing that sudoers(5) gives a meaning
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")  # Debian Policy 5.6.7
_ARCHIVE = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~+-]+)*/?")
_SUITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*/?")
_ARMOUR = re.compile(
    r"\s*-----BEGIN PGP PUBLIC KEY BLOCK-----\n([A-Za-z]+: [^\n]*\n)*\n"
    r"[A-Za-z0-9+/=\n]+-----END PGP PUBLIC KEY BLOCK-----\s*"
)
_LISTENS = re.compile(r"(tcp|udp)/([0-9]{1,5})")


def staff(value: str) -> str:
    """An account of somebody's own."""
    if value.startswith(HOSTS):
        raise ValueError(f"{quoted(value)} looks like a backup account; choose another name")
    return user(value)


def public_key(value: str) -> str:
    """An ssh public key of a kind that is accepted, without its comment."""
    kind, _, rest = value.partition(" ")
    if kind not in KEYS:
        raise ValueError(f"is no public key of a kind that is accepted; use one of {', '.join(KEYS)}")
    try:
        blob = base64.b64decode(rest.partition(" ")[0], validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    if not blob.startswith(len(kind).to_bytes(4, "big") + kind.encode()) or len(blob) < len(kind) + 40:
        raise ValueError("is cut short or mistyped; copy the whole line of the .pub file")
    return f"{kind} {base64.b64encode(blob).decode()}"


def network(value: object) -> str:
    """A network or a single address of IPv4 or IPv6, in its canonical form."""
    try:
        found = ip_network(text(value))
    except ValueError:
        raise ValueError(
            f'{quoted(str(value))} is no network; write it as "192.0.2.0/24", "192.0.2.7" or "2001:db8::/48"'
        ) from None
    if not found.prefixlen:
        raise ValueError(
            f"{quoted(str(value))} is everybody; name the networks"
        )  # and no ipset of networks can hold it
    return str(found.network_address) if found.num_addresses == 1 else str(found)


def day(value: object) -> date:
    """A date; text in a slice, which is JSON."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(str(value) if "-" in str(value) else "")
    except ValueError:
        raise ValueError(f"{quoted(str(value))} is no date; write it as 2027-06-30, without quotes") from None


def window(value: object) -> tuple[time, time]:
    """From when until when."""
    begin, dash, end = text(value).partition("-")
    found = clock(begin), clock(end if dash else begin)
    if found[0] == found[1]:
        raise ValueError(f'{quoted(str(value))} is no span of time; write it as "03:00-05:00"')
    return found


def command(value: str) -> str:
    """What somebody may run as root: a command that needs no quoting in sudoers, or ALL."""
    if value != "ALL" and (not _COMMAND.fullmatch(value) or ".." in value):
        raise ValueError(f'{quoted(value)} is no command for sudo; write its whole path and plain arguments, or "ALL"')
    return value


def package(value: str) -> str:
    """The name of a Debian package."""
    if not _PACKAGE.fullmatch(value):
        raise ValueError(f"{quoted(value)} is no name of a Debian package")
    return value


def listens(value: str) -> str:
    """A protocol and a port."""
    match = _LISTENS.fullmatch(value)
    if match is None or not 0 < int(match[2]) < 65536:
        raise ValueError(f'{quoted(value)} is no protocol and port; write it as "tcp/8080"')
    return f"{match[1]}/{int(match[2])}"


def archive(value: str) -> str:
    """Where packages come from."""
    if not _ARCHIVE.fullmatch(value):
        raise ValueError(
            f'{quoted(value)} is no archive of packages; write it as "https://packages.example.org/debian"'
        )
    return value


def suite(value: str) -> str:
    """A suite or a component, as sources.list(5) has them."""
    if not _SUITE.fullmatch(value) or ".." in value:
        raise ValueError(f'{quoted(value)} is no suite or component; write it as "bookworm" or "main"')
    return value


def openpgp(value: str) -> str:
    """A public key in its armour (RFC 9580, 6.2)."""
    if not _ARMOUR.fullmatch(value):
        raise ValueError("is no public key; put all of the publisher's .asc file between three quotes")
    return value
