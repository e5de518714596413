"""What a host is beside its files: packages, units, mounts, sizes. Written down before each archive, which takes it.

For whoever has to build the host again: `dpkg --set-selections`, `apt-mark manual`, and what it looked like.
"""

import json
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


def write(site: Site) -> None:
    """One file for each question, and `manifest.json`. A question without an answer leaves the older answer there."""
    WHERE.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, argv in ASKED.items():
        answer = attempt(argv, timeout=LOOK)
        if answer.ok:
            _put(WHERE / f"{name}.txt", answer.out)
    vhosts = {vhost.domain: disk.size(Path(vhost.directory)) for vhost in site.estate.vhosts_on(site.host)}
    release = Path("/etc/debian_version")
    debian = release.read_text(encoding="utf-8").strip() if release.exists() else None
    _put(
        WHERE / "manifest.json",
        json.dumps({"host": site.host.name, "debian": debian, "bytes": vhosts}, indent=1) + "\n",
    )


def _put(path: Path, content: str) -> None:
    """Only what changed: an archive compares times."""
    raw = content.encode("utf-8", "surrogateescape")
    if not path.exists() or path.read_bytes() != raw:
        files.write_bytes(path, raw, mode=0o600)
