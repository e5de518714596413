"""Runs as root where the lab's packages are: makes Debian's archive in small, or adds what is newer to it.

    repository.py build PACKAGE...    in a chroot of the image, with the internet: download, index, sign
    repository.py publish ARCHIVE     on the probe: index ARCHIVE/pool/published too, and sign again
    repository.py newer ARCHIVE NAME  on the probe: publish the package NAME, installed here, in a newer version

Standard library and apt-utils only. The index names all that is installed in the image, as Debian's own does, so that
a host's packages have the origin they had; only what was asked for, and what that needs, can be downloaded.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from hashlib import md5
from pathlib import Path

ROOT = Path("/srv/packages")
KEY = Path("/srv/packages-key")  # the archive's secret key, made for this image
EVERYONE = Path("/srv/everyone")  # what every host gets: a layer above the image
DOWNLOADED = Path("/var/cache/apt/archives")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
NAME = "Seawall lab archive"
SITE = "packages.hosting.example"
HEADERS = ("Origin", "Label", "Suite", "Version", "Codename")
FOREIGN = {"Origin": "Elsewhere", "Label": "Elsewhere", "Suite": "stable", "Codename": "stable"}
# The default site of Debian's nginx stays beside it, for whatever else the probe may serve.
NGINX = f"server {{\n    listen 80;\n    server_name {SITE};\n    root {ROOT};\n}}\n"
MERGED = {"/.", "/bin", "/sbin", "/lib", "/lib64"}  # directories to dpkg, links on the disk
SOURCES = """\
Types: deb
URIs: http://{site}/debian
Suites: {suite} {suite}-updates
Components: main
Signed-By: {keyring}

Types: deb
URIs: http://{site}/debian-security
Suites: {suite}-security
Components: main
Signed-By: {keyring}
"""


def out(*argv: str, stdin: str | None = None) -> str:
    """Standard output of what must exit 0."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "GNUPGHOME": str(KEY), "LC_ALL": "C.UTF-8"}
    run = subprocess.run(argv, check=False, capture_output=True, text=True, env=environment, input=stdin)
    if run.returncode:
        sys.exit(f"{' '.join(argv)}: {run.stderr.strip() or run.returncode}")
    return run.stdout


def build(packages: Sequence[str]) -> None:
    """All of it. Packages are fetched one after the other: some of them exclude each other."""
    suite = re.search(r"(?m)^VERSION_CODENAME=(.*)", Path("/etc/os-release").read_text(encoding="utf-8"))
    assert suite
    out("apt-get", "update", "-q")
    for package in packages:
        out("apt-get", "install", "-qqy", "--no-install-recommends", "--download-only", "--reinstall", package)
    index()
    out("apt-get", "install", "-qqy", "--no-install-recommends", "gpg", "gpg-agent")
    KEY.mkdir(mode=0o700)
    out("gpg", "--batch", "--passphrase", "", "--quick-generate-key", NAME, "rsa3072", "sign", "never")
    for headers in sorted(ROOT.glob("*/dists/*/headers")):
        sign(headers.parent)
    Path("/etc/nginx/sites-enabled/packages").write_text(NGINX, encoding="utf-8")
    everyone(suite[1])
    out("apt-get", "clean")
    shutil.rmtree("/var/lib/apt/lists")


def index() -> None:
    """Debian's own entries of what is installed or was downloaded, each in the archive it came from."""
    debs = {tuple(path.stem.replace("%3a", ":").split("_")[:2]): path for path in DOWNLOADED.glob("*.deb")}
    wanted = {tuple(line.split()) for line in out("dpkg-query", "-Wf", "${Package} ${Version}\n").splitlines()} | {
        *debs
    }
    for line in out(
        "apt-get", "indextargets", "--format", "$(FILENAME) $(RELEASE)", "Created-By: Packages"
    ).splitlines():
        listed, release = line.split()
        signed = Path(listed.rpartition(f"dists_{release}_")[0] + f"dists_{release}_InRelease")
        archive = ROOT / ("debian-security" if release.endswith("-security") else "debian")
        headers = dict(re.findall(r"(?m)^(\w+): (.*)$", signed.read_text(encoding="utf-8").partition("\nSHA256:")[0]))
        found = [
            entry for entry in entries(out("/usr/lib/apt/apt-helper", "cat-file", listed)) if name(entry) in wanted
        ]
        add_dist(archive / "dists" / release, {key: headers[key] for key in HEADERS if key in headers}, found)
        for entry in found:
            if deb := debs.get(name(entry)):
                target = archive / fields(entry)["Filename"]
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(deb, target)
    add_dist(ROOT / "elsewhere/dists/stable", FOREIGN, [])


def add_dist(dist: Path, headers: dict[str, str], found: Iterable[str]) -> None:
    """What never changes of it: the headers of its Release file, and its first entries."""
    dist.mkdir(parents=True)
    (dist / "headers").write_text("".join(f"{key}: {value}\n" for key, value in headers.items()), encoding="utf-8")
    (dist / "entries").write_text("".join(f"{entry}\n\n" for entry in found), encoding="utf-8")


def entries(text: str) -> Iterator[str]:
    """Those of a Packages file, one per package and version."""
    return (entry.strip() for entry in text.split("\n\n") if entry.strip())


def fields(entry: str) -> dict[str, str]:
    """Its fields of one line."""
    return dict(re.findall(r"(?m)^([\w-]+): (.*)$", entry))


def name(entry: str) -> tuple[str, ...]:
    """Package and version."""
    return tuple(fields(entry)[key] for key in ("Package", "Version"))


def sign(dist: Path) -> None:
    """Index what was published in its archive, and sign it all; apt never sees one without the other for long."""
    archive = dist.parent.parent
    (archive / "pool/published").mkdir(parents=True, exist_ok=True)
    os.chdir(archive)
    component = dist / "main/binary-amd64"
    component.mkdir(parents=True, exist_ok=True)
    text = (dist / "entries").read_text(encoding="utf-8") + out("apt-ftparchive", "packages", "pool/published")
    (component / "Packages").write_text(text, encoding="utf-8")
    headers = (dist / "headers").read_text(encoding="utf-8") + "Architectures: amd64\nComponents: main\n"
    release = headers + out("apt-ftparchive", "release", str(dist))
    signed = out("gpg", "--batch", "--clearsign", stdin=release)
    (dist / "InRelease.stage").write_text(signed, encoding="utf-8")
    (dist / "InRelease.stage").rename(dist / "InRelease")
    out("gpgconf", "--kill", "all")


def everyone(suite: str) -> None:
    """Every host trusts this archive, and no other, in the place where it trusted Debian's."""
    keyring = KEYRING.resolve()
    key = subprocess.run(["gpg", "--homedir", str(KEY), "--export"], check=True, capture_output=True).stdout
    sources = SOURCES.format(site=SITE, suite=suite, keyring=KEYRING)
    sums = Path("/var/lib/dpkg/info/debian-archive-keyring.md5sums")
    digest = md5(key, usedforsecurity=False).hexdigest()
    mended = re.sub(rf"(?m)^\w+(?=\s+{keyring.relative_to('/')}$)", digest, sums.read_text(encoding="utf-8"))
    wanted = {keyring: key, sums: mended.encode(), Path("/etc/apt/sources.list.d/debian.sources"): sources.encode()}
    if (old := Path("/etc/apt/sources.list")).exists():
        wanted[old] = b"# See sources.list.d.\n"
    for path, content in wanted.items():
        target = EVERYONE / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def publish(archive: str) -> None:
    """Index and sign again what has packages of its own: the last of its dists, which for Debian's own is -updates."""
    sign(max((ROOT / archive / "dists").iterdir()))


def newer(archive: str, package: str) -> None:
    """Put together again what is installed, with a higher version, as dpkg-repack does; prints the version."""
    status = out("dpkg-query", "--status", package)
    version = f"{fields(status)['Version']}+newer1"
    tree = Path("/root/newer")
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "DEBIAN").mkdir(parents=True)
    owned = set(out("dpkg-query", "--listfiles", package).splitlines()) - MERGED
    listed = "".join(f"{path}\n" for path in sorted(owned) if Path(path).exists())
    out("tar", "--create", f"--file={tree}.tar", "--no-recursion", "--files-from=-", "--absolute-names", stdin=listed)
    out("tar", "--extract", f"--file={tree}.tar", f"--directory={tree}")
    for script in out("dpkg-query", "--control-path", package).split():
        shutil.copy(script, tree / "DEBIAN" / script.rpartition(".")[2])
    control = re.sub(r"(?ms)^Conffiles:\n( .*?\n)+", "", re.sub(r"(?m)^Status: .*\n", "", status))
    control = re.sub(r"(?m)^Version: .*$", f"Version: {version}", control)
    (tree / "DEBIAN/control").write_text(control, encoding="utf-8")
    out("dpkg-deb", "--root-owner-group", "--build", str(tree), str(ROOT / archive / "pool/published"))
    publish(archive)
    print(version)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["build", *packages]:
            build(packages)
        case ["publish", archive]:
            publish(archive)
        case ["newer", archive, package]:
            newer(archive, package)
