"""The cached image all hosts share, and the layer of applications that production has on top.

Both are built once, below CACHE, in a directory whose name is a hash of all that goes into them. They get that name
only when they are complete; what an interrupted build leaves is removed by the next one.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from effects.run import run

CACHE = Path("/var/cache/seawall-lab")
APPLICATIONS = Path(__file__).parent / "files/applications"
KNOWN_SUITES = ("bookworm", "trixie")
SOURCES = (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*")))
# For wordpress apt would choose libapache2-mod-php, and Apache with it.
NO_APACHE = "Package: libapache2-mod-php* apache2 apache2-bin\nPin: release *\nPin-Priority: -1\n"
PREFERENCES = "etc/apt/preferences.d/no-apache"
PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "openssh-server", "ca-certificates", "iproute2", "iputils-ping",
    "iptables", "ipset", "fail2ban", "python3-systemd", "python3-venv", "nginx", "php", "php-fpm",
    "php-cli", "php-mysql", "php-pgsql", "mariadb-server", "mariadb-backup", "postgresql", "wordpress",
    "knot", "knot-dnsutils", "bind9", "bind9-dnsutils", "rsync", "unattended-upgrades", "apt-utils", "curl",
    "openssl", "sudo", "cron", "acl", "jq", "libxxhash0", "liblz4-1", "libzstd1", "libacl1", "procps",
    "less", "logrotate", "libpam-pwquality",
]  # fmt: skip
LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")
Say = Callable[[str], None]


def suite() -> str:
    """This machine's own Debian suite, or the older of the known ones where it runs something else."""
    name = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    return name if name in KNOWN_SUITES else KNOWN_SUITES[0]


def base(say: Say) -> Path:
    """The root tree all hosts share, built if it isn't there: about a minute and 1.2 GB."""
    return _cached(f"{suite()}-{_digest(suite(), NO_APACHE, *PACKAGES)}", _bootstrap, say)


def applications(say: Say, make: Callable[[Path], None]) -> Path:
    """The layer above `base` with production's vhosts; `make` fills the directory it is given."""
    contents = [path.read_text(encoding="utf-8") for path in sorted(APPLICATIONS.iterdir())]
    name = f"{suite()}-{_digest(suite(), NO_APACHE, *PACKAGES, *contents)}-applications"
    return _cached(name, lambda target, _: make(target), say)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _cached(name: str, make: Callable[[Path, Say], None], say: Say) -> Path:
    final, stage = CACHE / name, CACHE / f".{name}.unfinished"
    with _one_builder():
        if final.exists():
            return final
        for left in CACHE.glob(".*.unfinished"):
            shutil.rmtree(left)
        say(f"building {final} (once)")
        stage.mkdir(parents=True)
        make(stage, say)
        os.sync()
        stage.rename(final)
    return final


@contextmanager
def _one_builder() -> Iterator[None]:
    """Labs that start at the same time share one build: the others wait for it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("a", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _bootstrap(target: Path, say: Say) -> None:
    say(f"debootstrapping {suite()} with {len(PACKAGES)} packages")
    sources = [str(path) for path in SOURCES if _has_debian(path)]
    paths = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    argv = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", *paths,
            "--dpkgopt=path-include=/usr/share/doc/*/copyright", '--aptopt=Apt::Install-Recommends "false"',
            f"--setup-hook=printf '{NO_APACHE}' > \"$1/{PREFERENCES}\"",
            f'--customize-hook=rm "$1/{PREFERENCES}"', suite(), str(target), *sources]  # fmt: skip
    run(argv, timeout=1800)


def _has_debian(path: Path) -> bool:
    """Whether an apt source file names the suite itself; mmdebstrap takes its default mirror when none does."""
    if path.suffix not in {".list", ".sources"} or not path.is_file():
        return False
    named = rf"^(Suites:.*|deb\s.*)\b{suite()}(\s|$)"
    return re.search(named, path.read_text(encoding="utf-8"), re.MULTILINE) is not None
