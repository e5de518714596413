"""SCAP content that covers the hosts: Debian's package ssg-debian, of one release, pinned by its hash.

Debian 12's own (0.1.65) knows Debian 11 at most, Debian 13's (0.1.76) Debian 12 at most; 0.1.82 has data streams for
both. It is fetched once, by apt's own downloader from the mirror that apt on this machine uses, kept here, and carried
to the hosts as it is.
"""

import hashlib
import os
from pathlib import Path

from effects import files
from effects.run import attempt, run
from estate.problem import Missing, Untrusted

VERSION = "0.1.82-1"
SHA256 = "cfde145916f1f37ec96c0fe2a9ea5f44a2db0ee6f0a2dacfcf86534c0977755a"  # of the .deb, as in Debian's Packages file
NAME = f"ssg-debian_{VERSION}_all.deb"
POOL = f"pool/main/s/scap-security-guide/{NAME}"
CACHE = Path("/var/cache/seawall/content") if os.geteuid() == 0 else Path.home() / ".cache/seawall/content"
APT_HELPER = "/usr/lib/apt/apt-helper"
TIMEOUT = 300.0  # seconds


def find(given: Path | None = None) -> Path:
    """The verified package: `given`, or the one in the cache. Raises Missing without one, Untrusted for another."""
    path = given or CACHE / NAME
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as fault:
        raise Missing(
            f"no SCAP content: {path}: {fault.strerror}", hint=f"seawall audit --fetch, or --content {NAME}"
        ) from None
    if digest != SHA256:
        raise Untrusted(
            f"{path} is not {NAME}: its SHA-256 is {digest}", hint=f"remove it and fetch {NAME} again; never use this"
        )
    return path


def fetch() -> Path:
    """Into the cache, unless it is there. Raises Missing where no mirror has it, Untrusted where its hash differs."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with files.locked(CACHE / "lock", what="fetching SCAP content", wait=TIMEOUT):
        if (CACHE / NAME).exists():
            return find()
        stage = CACHE / f".{NAME}.stage"
        said = "apt here knows no Debian mirror"
        for mirror in _mirrors():
            argv = [APT_HELPER, "download-file", f"{mirror.rstrip('/')}/{POOL}", str(stage), f"SHA256:{SHA256}"]
            result = attempt(argv, timeout=TIMEOUT)
            if result.ok:
                find(stage)
                stage.rename(CACHE / NAME)
                return CACHE / NAME
            said = result.said
        raise Missing(f"{NAME} could not be fetched: {said}", hint=f"get it from Debian and give it: --content {NAME}")


def _mirrors() -> list[str]:
    """Where apt on this machine gets Debian itself from; the same pool serves every suite."""
    found = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Label: Debian"], timeout=60)
    return list(dict.fromkeys(found.split()))
