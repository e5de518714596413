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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from effects.run import run
from estate.problem import BadEstate

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


def own_suite() -> str:
    """This machine's own Debian suite, or the older of the known ones where it runs something else."""
    name = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    return name if name in KNOWN_SUITES else KNOWN_SUITES[0]


def known_suite(name: str) -> str:
    """The same name; raises BadEstate where no image of it can be built."""
    if name not in KNOWN_SUITES:
        raise BadEstate(f"the lab knows no suite {name}", hint=f"one of: {', '.join(KNOWN_SUITES)}")
    return name


def base(suite: str, say: Say) -> Path:
    """The root tree all hosts share, built if it isn't there: about a minute and 1.2 GB."""
    return tree(suite, PACKAGES, say)


def tree(suite: str, packages: Sequence[str], say: Say) -> Path:
    """A root tree of that suite with these packages."""
    return cached(f"{suite}-{digest(suite, NO_APACHE, *packages)}", partial(_bootstrap, suite, packages), say)


def applications(suite: str, say: Say, make: Callable[[Path], None]) -> Path:
    """The layer above `base` with production's vhosts; `make` fills the directory it is given."""
    contents = [path.read_text(encoding="utf-8") for path in sorted(APPLICATIONS.iterdir())]
    name = f"{suite}-{digest(suite, NO_APACHE, *PACKAGES, *contents)}-applications"
    return cached(name, lambda target, _: make(target), say)


def digest(*parts: str) -> str:
    """A short name for all that goes into a build."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def cached(name: str, make: Callable[[Path, Say], None], say: Say) -> Path:
    """The directory of that name below CACHE; `make` fills it where it isn't there yet."""
    final, stage = CACHE / name, CACHE / f".{name}.unfinished"
    if final.exists():  # and no need to wait for who builds another one
        return final
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


def _bootstrap(suite: str, packages: Sequence[str], target: Path, say: Say) -> None:
    say(f"debootstrapping {suite} with {len(packages)} packages")
    paths = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    with TemporaryDirectory() as directory:
        argv = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}", *paths,
                "--dpkgopt=path-include=/usr/share/doc/*/copyright", '--aptopt=Apt::Install-Recommends "false"',
                f"--setup-hook=printf '{NO_APACHE}' > \"$1/{PREFERENCES}\"",
                f'--customize-hook=rm "$1/{PREFERENCES}"', suite, str(target),
                *_sources(suite, Path(directory))]  # fmt: skip
        run(argv, timeout=1800)


def _sources(suite: str, directory: Path) -> list[str]:
    """This machine's own sources of Debian, for `suite`, as files in `directory`; where it has none, mmdebstrap has."""
    found = []
    for path in [path for path in SOURCES if path.suffix in {".list", ".sources"} and path.is_file()]:
        if text := for_suite(path.read_text(encoding="utf-8"), own_suite(), suite):
            found.append(directory / path.name)
            found[-1].write_text(text, encoding="utf-8")
    return [str(path) for path in found]


def for_suite(text: str, own: str, wanted: str) -> str:
    """An apt source file (sources.list(5), either format) for another suite; empty where it does not name `own`.

    A mirror has all suites at one address, and Debian's keyring the keys of them all; -updates and -security follow.
    """
    if not re.search(rf"^(Suites:(.*\s)?|deb\s(.*\s)?){own}(\s|$)", text, re.MULTILINE):
        return ""
    return re.sub(rf"(?<=\s){own}(?=-|\s|$)", wanted, text)
