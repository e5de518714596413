"""The lab's own archive of Debian packages: http://packages.hosting.example, served by the probe.

It is Debian's in small: the same names, origins and labels, signed by a key that every host trusts in the place of
Debian's. So installing, weekly patching, a foreign origin and a mirror that is down are tried without the internet.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from effects.run import run
from lab.image import NO_APACHE, PACKAGES, Say, cached, digest
from lab.lab import Lab

# What hardening may install or tests reinstall. Each suite has all of them.
EXTRA = (
    "acct",
    "aide",
    "aide-common",
    "apache2",
    "apparmor",
    "apparmor-profiles",
    "apparmor-utils",
    "apt-listchanges",
    "apt-show-versions",
    "auditd",
    "chrony",
    "cracklib-runtime",
    "debsecan",
    "debsums",
    "fscrypt",
    "libpam-tmpdir",
    "linux-base",
    "logrotate",
    "lynis",
    "needrestart",
    "openscap-scanner",
    "python3-llfuse",
    "quota",
    "rkhunter",
    "sysstat",
    "systemd-timesyncd",
)
SCRIPT = Path(__file__).parent / "files/repository.py"
INSIDE = "/srv/repository.py"
SITE = "packages.hosting.example"
SECURITY, DEBIAN, ELSEWHERE = "debian-security", "debian", "elsewhere"  # archives; no host's sources name the last
# In a mount namespace of its own: whatever ends it, nothing stays mounted.
BUILD = """
stage=$1 base=$2 script=$3; shift 3
mkdir "$stage/probe" "$stage/work" "$stage/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$stage/probe,workdir=$stage/work" "$stage/root"
mount -t proc proc "$stage/root/proc"
mount --bind /dev "$stage/root/dev"
cp /etc/resolv.conf "$stage/root/etc/resolv.conf"
cp "$script" "$stage/root/srv/repository.py"
chroot "$stage/root" python3 /srv/repository.py build "$@"
rm "$stage/root/etc/resolv.conf"
umount "$stage/root/dev" "$stage/root/proc" "$stage/root"
mv "$stage/probe/srv/everyone" "$stage/everyone"
rm -r "$stage/work" "$stage/root"
"""


def layers(suite: str, base: Path, say: Say) -> Path:
    """A directory with two layers above `base`, built if it isn't there: `everyone` for all hosts, and `probe`."""
    parts = digest(suite, NO_APACHE, *PACKAGES, *EXTRA, BUILD, SCRIPT.read_text(encoding="utf-8"))

    def make(stage: Path, _: Say) -> None:
        alone = ["unshare", "--mount", "--propagation=private", "sh", "-euc", BUILD, "sh"]
        run([*alone, str(stage), str(base), str(SCRIPT), *EXTRA], timeout=900)
        # The image's own sources, those of this machine, are not seen through it (the kernel's overlayfs.rst).
        os.setxattr(stage / "everyone/etc/apt/sources.list.d", "trusted.overlay.opaque", b"y")

    return cached(f"{suite}-{parts}-packages", make, say)


def publish(lab: Lab, deb: Path, *, archive: str = SECURITY) -> None:
    """Put a package file of this machine into an archive of a lab that is up."""
    pool = lab.guest("probe").root / "srv/packages" / archive / "pool/published"
    (pool / deb.name).write_bytes(deb.read_bytes())
    lab.guest("probe").run(["python3", INSIDE, "publish", archive])


def newer(lab: Lab, package: str, *, archive: str = SECURITY) -> str:
    """Publish a package of the image, unchanged, in a newer version, and say which."""
    return lab.guest("probe").run(["python3", INSIDE, "newer", archive, package]).strip()


@contextmanager
def down(lab: Lab) -> Iterator[None]:
    """The mirror answers nobody: connections are refused."""
    lab.guest("probe").run("systemctl stop nginx")
    try:
        yield
    finally:
        lab.guest("probe").run("systemctl start nginx")
