"""Put the scanners on a host: Lynis and OpenSCAP from Debian, and SCAP content that knows the host's Debian.

Data beside the usual: `content` (path here of the verified package ssg-debian) and `content_sha256`. The package is
only unpacked, not installed: it is of a newer Debian.
"""

import posixpath
from collections.abc import Generator

from pyinfra.api.command import StringCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.operation import operation
from pyinfra.context import host
from pyinfra.operations import files as pyinfra_files

from playbooks.guard import STATE
from playbooks.operations import Directory, ask, directories
from playbooks.packages import packages

# linux-base comes with every kernel. Where it is missing, as in a container, OpenSCAP takes it for a system without a
# kernel and leaves out 251 of 403 rules: a score that flatters.
PACKAGES = ("lynis", "openscap-scanner", "linux-base", "python3")
FOLDER = f"{STATE}/audit"  # also where the scanners' own results stay, for root to read


@deploy("Scanners")
def scanners() -> None:
    """What `seawall audit` runs on the host."""
    data = host.data
    remote = posixpath.join(FOLDER, posixpath.basename(data.content))
    packages(name="scanners: packages", names=PACKAGES)
    directories(name="scanners: directory", wanted={STATE: Directory(mode="711"), FOLDER: Directory(mode="700")})
    pyinfra_files.put(name="scanners: content", src=data.content, dest=remote, mode="600")
    only_when_asked(name="scanners: none runs by itself")
    unpacked(name="scanners: content is unpacked", package=remote, sha256=data.content_sha256)


@operation()
def only_when_asked() -> Generator[StringCommand]:
    """Debian's lynis has a timer of its own, which would also fetch package lists every day."""
    if ask("systemctl is-enabled lynis.timer 2>/dev/null || true") == ["enabled"]:
        yield StringCommand("systemctl disable --now --quiet lynis.timer")


@operation()
def unpacked(package: str, sha256: str) -> Generator[StringCommand]:
    """The data stream for this Debian out of a package with exactly this hash, beside it as `content.xml`."""
    stream = posixpath.join(FOLDER, "content.xml")
    marker = posixpath.join(FOLDER, f"{sha256[:16]}.unpacked")
    if ask(f"test -s {stream} && test -e {marker} && echo there || true"):
        return
    yield StringCommand(f"""
set -e; . /etc/os-release; cd {FOLDER}
echo '{sha256}  {package}' | sha256sum --check --quiet
dpkg-deb --fsys-tarfile {package} | tar -xO ./usr/share/xml/scap/ssg/content/ssg-debian$VERSION_ID-ds.xml > {stream}.new
mv -f {stream}.new {stream}; rm -f ./*.unpacked; touch {marker}""")
