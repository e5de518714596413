"""What a host is beside its files: packages, units, mounts, sizes. Written down before each archive, which takes it.

For whoever has to build the host again: `dpkg --set-selections`, `apt-mark manual`, and what it looked like.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from backups import paths
from backups.site import Site
from effects import disk, files
from effects.run import attempt

WHERE = paths.STATE / "host"
LOOK = 60.0  # seconds for each of them
ASKED = {
    "selections": ["dpkg", "--get-selections"],
    "manual": ["apt-mark", "showmanual"],
    "versions": ["dpkg-query", "--show", "--showformat=${binary:Package}\\t${Version}\\n"],
    "units": ["systemctl", "list-unit-files", "--no-pager", "--no-legend"],
    "timers": ["systemctl", "list-timers", "--all", "--no-pager", "--no-legend"],
    "mounts": ["findmnt", "--list", "--noheadings", "--real"],
    "kernel": ["uname", "--all"],
}
DPKG, APT = "/var/lib/dpkg/status", "/var/lib/apt/extended_states"
UNITS = ("/usr/lib/systemd/system", "/etc/systemd/system", "/etc/systemd/system/*.*/", "/etc/init.d")
# What follows from these files and directories alone, as patterns.
OF = {"selections": (DPKG,), "manual": (DPKG, APT), "versions": (DPKG,), "units": UNITS}
HEARD = "heard.json"  # of which state of these files the answers are


def write(site: Site) -> None:
    """One file for each question, and `manifest.json`. A question without an answer leaves the older answer there.

    Packages and units are asked for again where they have changed: apt takes a second of processor time to say it.
    """
    WHERE.mkdir(mode=0o700, parents=True, exist_ok=True)
    before, heard = _heard(), dict[str, str]()
    for name, argv in ASKED.items():
        state = _state(OF.get(name, ()))
        if state and before.get(name) == state and (WHERE / f"{name}.txt").exists():
            heard[name] = state
        elif (answer := attempt(argv, timeout=LOOK)).ok:
            _put(WHERE / f"{name}.txt", answer.out)
            heard[name] = state
    _put(WHERE / HEARD, json.dumps(heard) + "\n")
    vhosts = {vhost.domain: disk.size(Path(vhost.directory)) for vhost in site.estate.vhosts_on(site.host)}
    release = Path("/etc/debian_version")
    debian = release.read_text(encoding="utf-8").strip() if release.exists() else None
    _put(
        WHERE / "manifest.json",
        json.dumps({"host": site.host.name, "debian": debian, "bytes": vhosts}, indent=1) + "\n",
    )


def _heard() -> dict[str, str]:
    try:
        return dict(json.loads((WHERE / HEARD).read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}


def _state(sources: Sequence[str]) -> str:
    """Another wherever one of them is another file, came, went or was written; empty where nothing can be said."""
    try:
        found = [path.stat() for source in sources for path in sorted(Path("/").glob(source.lstrip("/")))]
    except OSError:
        return ""
    return " ".join(f"{one.st_ino}:{one.st_ctime_ns}:{one.st_size}" for one in found)


def _put(path: Path, content: str) -> None:
    """Only what changed: an archive compares times."""
    raw = content.encode("utf-8", "surrogateescape")
    if not path.exists() or path.read_bytes() != raw:
        files.write_bytes(path, raw, mode=0o600)
