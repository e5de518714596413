"""Less: what is installed and listens on a host, against what the estate needs there. The rest is named.

What a host needs: what hardening installs for its role, its databases and their extensions, what the toolkit and the
scanners use, `packages` and `listens` of the estate, and what Debian itself cannot do without; and what all that
depends on. What compiles programs, and clients that send passwords in the clear, are named even where nobody asked
for them. A removal is tried first, and refused where it would take along anything of the above.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from estate.model import Engine, Estate, Host, Role
from estate.problem import Failed, Problem, Refused, Unmet, Unreachable
from inventory.data import openings
from supervision.asking import asked, everywhere

PROGRAM = "surface"
# Regular expressions over package names. A server has a kernel, a boot loader and its provider's agents.
BASE = (
    r"linux-image-.*", r"grub-.*", r"shim-.*", r"initramfs-tools", r"firmware-.*", r"(intel|amd64)-microcode",
    r"cloud-(init|guest-utils|initramfs-growroot)", r"qemu-guest-agent", r"open-vm-tools", r"systemd.*", r"dbus.*",
    r"locales", r"cron", r"less", r"sudo", r"ca-certificates", r"openssl", r"man-db", r"lvm2", r"mdadm",
    r"python3(-venv|-apt)?", r"lib(xxhash0|lz4-1|zstd1|acl1)", r"debian-archive-keyring", r"apt-utils", r"procps",
    r"cryptsetup.*", r"chrony", r"acl", r"rsync", r"libpam-.*", r"debsums", r"perl",
)  # fmt: skip
PHP = (r"php[0-9.]*-[a-z0-9-]+", r"php[0-9.]*")
ENGINES = {
    Engine.MARIADB: (r"mariadb-(server|client|backup)(-[0-9.]+)?",),
    Engine.POSTGRESQL: (r"postgresql(-client|-contrib)?(-[0-9]+)?", r"postgresql-[0-9]+-[a-z0-9-]+"),
}
STORES = {  # where a server's data lies: while there is any, nobody removes its server by what the estate does not say
    "/var/lib/mysql": "(mariadb|mysql)-server(-[0-9.]+)?",
    "/var/lib/postgresql": "postgresql(-[0-9]+)?",
    "/var/lib/redis": "redis-server",
}
DNS = (r"knot(-dnsutils)?", r"bind9(-dnsutils|-utils)?", r"nsd")
COMPILERS = re.compile(
    r"(gcc|g\+\+|cpp|gfortran|gobjc|clang|llvm)(-[0-9]+)?|gcc-[0-9]+-.*(?<!-base)|build-essential|dpkg-dev|make|cmake|"
    r"ninja-build|meson|automake|autoconf|libtool|tcc|nasm|yasm|golang(-.*)?|rustc|cargo|.*-dev|linux-headers-.*"
)
LEGACY = re.compile(  # CIS Debian Linux 12 Benchmark v1.1.0, 2.2: clients, and the servers to them
    r"(inetutils-)?telnetd?(-ssl)?|rsh-(redone-)?(client|server)|nis|ypbind-mt|ypserv|yp-tools|tn?ftp|(inetutils-)?ftpd?|"
    r"(a?tftp(-hpa)?|tftpd(-hpa)?|atftpd)|(inetutils-)?talkd?|(x|openbsd-|inetutils-)inetd|ldap-utils|finger(d)?"
)
CLIENTS = {("udp", 68), ("udp", 546)}  # sockets of a DHCP client, for the address of the host itself


@dataclass(frozen=True, slots=True)
class Extra:
    """A package that the host could do without."""

    name: str
    version: str
    kind: str  # compiler, legacy, extra: nobody needs it; foreign: no source has it; data: it holds some
    kb: int
    needed: bool  # by what must stay, or for its data: named, and not removed


@dataclass(frozen=True, slots=True)
class Surface:
    """What of one host the estate does not explain. `unknown` where it could not be looked at."""

    host: str
    packages: tuple[Extra, ...] = ()
    listening: tuple[str, ...] = ()  # "tcp/8080 (python3)"
    sources: tuple[str, ...] = ()  # "http://… (file:entry)"
    changed: tuple[str, ...] = ()  # files that are not as their package brought them
    unknown: str = ""
    kept: frozenset[str] = frozenset()  # packages that are needed, and what they need
    official: frozenset[str] = frozenset()  # files with a source that is known; all, where none is

    @property
    def ok(self) -> bool:
        """Whether all of it is explained."""
        return not (self.packages or self.listening or self.sources or self.changed or self.unknown)

    @property
    def removable(self) -> tuple[str, ...]:
        """Packages nobody needs. What no source has may be the team's own, and is only named."""
        return tuple(extra.name for extra in self.packages if not extra.needed and extra.kind != "foreign")

    @property
    def files(self) -> tuple[str, ...]:
        """Files of nothing but sources that the estate does not know. Without Debian's no patch would ever come."""
        entries = (source.rpartition("(")[2].rpartition(":")[0] for source in self.sources)
        return tuple(entry for entry in dict.fromkeys(entries) if entry not in self.official)

    def plain(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {key: value for key, value in asdict(self).items() if key not in ("kept", "official")} | {"ok": self.ok}


def _question(estate: Estate, host: Host, hardened: Sequence[str]) -> dict[str, Any]:
    """What the host needs, as the program on it wants to know it."""
    return {
        "roots": roots(estate, host, hardened),
        "stores": STORES,
        "paths": [str(vhost.root) for vhost in estate.vhosts_on(host) if vhost.directory not in vhost.root.parents],
    }


def roots(estate: Estate, host: Host, hardened: Sequence[str]) -> list[str]:
    """Regular expressions of what the host needs; `hardened` is what hardening installs there."""
    found = [*BASE, *map(re.escape, (*hardened, *host.packages))]
    if host.role in (Role.PRODUCTION, Role.DRP):
        found += [*PHP, *(pattern for engine in estate.engines_on(host) for pattern in ENGINES[engine])]
    return found + list(DNS if host.role is Role.DNS else ())


def surfaces(estate: Estate, wanted: Mapping[str, Sequence[str]], *, verify: bool) -> list[Surface]:
    """Of every host of `wanted`, which has what hardening installs there. To `verify` all files takes a while."""

    def look(host: Host) -> Surface:
        question = _question(estate, host, wanted[host.name]) | {"verify": verify}
        return judge(estate, host, asked(estate.control, host, PROGRAM, question))

    found = everywhere([estate.hosts[name] for name in wanted], look)
    return [Surface(name, unknown=it.what) if isinstance(it, Problem) else it for name, it in found.items()]


def judge(estate: Estate, host: Host, seen: Mapping[str, Any]) -> Surface:
    """What is there, weighed. `seen` is the answer of `effects.onhost.surface`."""
    expected = CLIENTS | {(opening["protocol"], opening["port"]) for opening in openings(estate, host)}
    sites = {urlsplit(origin.uri).hostname for origin in estate.policy.origins_of(host.name)}
    known = [it for it in seen["sources"] if it["debians"] or urlsplit(it["uri"]).hostname in sites]
    return Surface(
        host.name,
        packages=tuple(extra for package in seen["packages"] if (extra := _extra(package, set(host.packages)))),
        listening=tuple(dict.fromkeys(
            f"{it['protocol']}/{it['port']} ({it['program'] or 'the kernel'})"
            for it in seen["listening"] if (it["protocol"], it["port"]) not in expected
        )),
        sources=tuple(
            f"{it['uri']} ({it['entry']})" for it in seen["sources"]
            if it not in known
        ),
        changed=tuple(seen["changed"]),
        kept=frozenset(it["name"] for it in seen["packages"] if it["kept"] or it["vital"]),
        official=frozenset(it["entry"].rpartition(":")[0] for it in known or seen["sources"]),
    )  # fmt: skip


def _extra(package: Mapping[str, Any], asked_for: set[str]) -> Extra | None:
    name = str(package["name"])
    if name in asked_for or package["vital"]:
        return None
    kind = "compiler" if COMPILERS.fullmatch(name) else "legacy" if LEGACY.fullmatch(name) else ""
    kind = kind or ("foreign" if package["foreign"] else "")
    kind = kind or ("" if package["needed"] else "data" if package["holds"] else "extra")
    if not kind or (kind == "extra" and not package["manual"]):  # what only depends on an extra goes with it
        return None
    return Extra(name, package["version"], kind, package["kb"], package["kept"])


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes from one host, or went."""

    packages: tuple[str, ...]
    files: tuple[str, ...]  # of sources


def removal(estate: Estate, surface: Surface, names: Sequence[str]) -> Removal:
    """Try it on the host. Raises Refused where a name is not among what may go, or would take along what is needed."""
    host = estate.hosts[surface.host]
    if refused := [name for name in names if name not in surface.removable]:
        raise Refused(
            f"{host.name}: {', '.join(refused)} may not be removed: it is needed, or not there",
            hint=f"it may go: {' '.join(surface.removable) or 'nothing'}",
        )
    wanted = list(names or surface.removable)
    gone = asked(estate.control, host, PROGRAM, {"remove": wanted})["gone"] if wanted else []
    if along := sorted(name for name in gone if name.partition(":")[0] in surface.kept):
        raise Refused(
            f"{host.name}: that would take along what is needed: {', '.join(along)}",
            hint="name others with --package, or add what is yours to packages of the host",
        )
    return Removal(tuple(gone), () if names else surface.files)


def remove(estate: Estate, name: str, removal: Removal) -> None:
    """Carry it out. Raises Failed where something is still there, or more went than was tried."""
    host = estate.hosts[name]
    question = {"remove": list(removal.packages), "disable": list(removal.files), "really": True}
    done = asked(estate.control, host, PROGRAM, question)
    if done["left"] or set(done["gone"]) != set(removal.packages):
        raise Failed(f"{name}: not removed: {', '.join(done['left'])}", hint=f"seawall surface {name}")


def check(found: Sequence[Surface]) -> None:
    """Raise Unreachable for hosts that are unknown, Unmet where something is not explained."""
    if unknown := [f"\n  {it.host}: {it.unknown}" for it in found if it.unknown]:
        raise Unreachable(f"not all hosts could be looked at:{''.join(unknown)}", hint="then run the same again")
    if named := [it.host for it in found if not it.ok]:
        raise Unmet(
            f"the estate does not explain everything on {', '.join(named)}",
            hint=f"add it to packages or listens of the host, or: seawall surface {' '.join(named)} --remove",
        )
