"""The toolkit as one tar of wheels: made where there is a compiler and an index, installed where there is neither."""

import hashlib
import os
import re
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from effects import files
from effects.run import attempt, run
from estate.problem import Missing

CHECKOUT = Path(__file__).resolve().parent.parent
CACHE = Path("/var/cache/seawall/wheels") if os.geteuid() == 0 else Path.home() / ".cache/seawall/wheels"
BUILD = 900  # seconds; borgbackup alone compiles for 70
KEPT = 8  # tars


def toolkit(packages: Sequence[str] = ()) -> Path:
    """`seawall-DIGEST.tar` of this checkout and all it needs; made anew only where something changed.

    `packages`: what a host needs beside it, as the estate names them.

    Raises Missing where this is no checkout.
    """
    if not (CHECKOUT / "pyproject.toml").exists():
        raise Missing(
            "the toolkit's wheels are built from a checkout, and this is none",
            hint="run seawall install from a checkout, or name a tar with --wheels",
        )
    CACHE.mkdir(parents=True, exist_ok=True)
    with files.locked(CACHE / "lock", what="the building of wheels", wait=BUILD):
        return _built(packages)


def wanted(packages: Sequence[str]) -> tuple[str, ...]:
    """What pip installs on a host, the toolkit first."""
    return ("seawall[octodns]", *packages) if packages else ("seawall",)


def _built(packages: Sequence[str]) -> Path:
    plain = CACHE / f"python{sys.version_info.major}.{sys.version_info.minor}"
    # Packages have a house of their own, so that other hosts don't get them; what is compiled is found in the first.
    house = plain / re.sub(r"[^A-Za-z0-9.]+", "-", "+".join(packages)) if packages else plain
    house.mkdir(parents=True, exist_ok=True)
    named = [wanted(packages)[0].replace("seawall", str(CHECKOUT), 1), *packages]
    for wheel in house.glob("seawall-*.whl"):
        wheel.unlink()
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--disable-pip-version-check",
        "--wheel-dir",
        str(house),
        f"--find-links={house}",
        f"--find-links={plain}",
    ]
    # Without the index first: it takes two seconds, and works when there is no network.
    without_index = attempt([*pip, "--no-index", "--no-build-isolation", *named], timeout=BUILD)
    if not without_index.ok:
        run([*pip, *named], timeout=BUILD)
    return _packed(house)


def _packed(house: Path) -> Path:
    wheels = sorted(house.glob("*.whl"))
    digest = hashlib.sha256(b"".join(hashlib.sha256(wheel.read_bytes()).digest() for wheel in wheels)).hexdigest()[:12]
    target = house / f"seawall-{digest}.tar"
    with tarfile.open(target, "w") as tar:
        for wheel in wheels:
            tar.add(wheel, arcname=wheel.name, filter=_of_no_time)
    # Another checkout's may be on its way to hosts.
    tars = sorted(house.glob("seawall-*.tar"), key=lambda tar: tar.stat().st_mtime, reverse=True)
    for old in tars[KEPT:]:
        old.unlink()
    return target


def _of_no_time(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same wheels make the same tar, byte for byte: else each install would bring it to every host again."""
    member.mtime = 0
    return member


if __name__ == "__main__":
    print(toolkit(sys.argv[1:]))
