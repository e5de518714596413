"""Where advisories come from: fetched by the control machine alone, and kept for a while.

A source that does not answer is not silence: whoever asks gets its name back, and must show it as unknown. A copy
that is younger than STALE stands in for it; its age is shown.
"""

import os
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from effects import clock, files
from effects.fetch import fetch
from estate.problem import Failed, Problem, Unreachable
from supervision.advisories import certfr_cves, certfr_names, dsa_list

T = TypeVar("T")
FRESH, STALE, SETTLED = 3600.0, 86_400.0, 7 * 86_400.0  # seconds; an advisory that is out changes seldom
TIMEOUT = 30.0
LIMIT = 32 << 20  # bytes; debsecan's data are about 2 MB, the list of DSA about 1
TRACKER = "https://security-tracker.debian.org/tracker/debsecan/release/1"
DSA = "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data/DSA/list"
CERTFR = "https://www.cert.ssi.gouv.fr"
AT_ONCE = 8  # advisories


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seawall" / "feeds"


@dataclass
class Feeds:
    """All sources, or a mirror of them; `unknown` collects what could not be had, by source."""

    mirror: str = ""  # https://… or file:///…: debsecan/SUITE, dsa/list, certfr/… as the site itself, with index.html
    cache: Path = field(default_factory=_cache)
    unknown: dict[str, str] = field(default_factory=dict)
    old: dict[str, float] = field(default_factory=dict)  # sources that are answered from a copy: its age in seconds

    def debsecan(self, suite: str) -> bytes:
        """What debsecan reads for one suite; empty where it is unknown."""
        url = f"{self.mirror}/debsecan/{suite}" if self.mirror else f"{TRACKER}/{suite}"
        return self._told(source_of(suite), lambda source: self._get(source, url, FRESH, debsecan_data)) or b""

    def advisories(self) -> dict[str, set[str]]:
        """CVE to the names of Debian's and CERT-FR's advisories about it, as far as they are known."""
        found: dict[str, set[str]] = {}
        for source, ask in {"Debian's advisories": self._debian, "CERT-FR": self._certfr}.items():
            for cve, names in (self._told(source, ask) or {}).items():
                found.setdefault(cve, set()).update(names)
        return found

    def _debian(self, source: str) -> dict[str, set[str]]:
        url = f"{self.mirror}/dsa/list" if self.mirror else DSA
        return self._get(source, url, FRESH, lambda data: dsa_list(_text(data)))

    def _certfr(self, source: str) -> dict[str, set[str]]:
        base, page = (f"{self.mirror}/certfr", "index.html") if self.mirror else (CERTFR, "")

        def names(kind: str) -> list[tuple[str, str]]:
            feed = self._get(source, f"{base}/{kind}/feed/{page}", FRESH, lambda data: certfr_names(_text(data)))
            return [(kind, name) for name in feed]

        def cves(one: tuple[str, str]) -> set[str]:
            kind, name = one
            return self._get(
                source, f"{base}/{kind}/{name}/json/{page}", SETTLED, lambda data: certfr_cves(_text(data))
            )

        pages = [*names("alerte"), *names("avis")]
        found: dict[str, set[str]] = {}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for (_, name), about in zip(pages, pool.map(cves, pages), strict=True):
                for cve in about:
                    found.setdefault(cve, set()).add(name)
        return found

    def _told(self, source: str, ask: Callable[[str], T]) -> T | None:
        try:
            return ask(source)
        except Problem as fault:
            self.unknown[source] = fault.what
            return None

    def _get(self, source: str, url: str, fresh: float, read: Callable[[bytes], T]) -> T:
        """What `read` makes of it; from the cache while that is `fresh` seconds young, or up to STALE if it must.

        Only what could be read is kept: the page of a proxy that wants a password is no advisory.
        """
        path = self.cache / sha256(url.encode()).hexdigest()
        age = clock.now().timestamp() - path.stat().st_mtime if path.exists() else None
        if age is not None and age < fresh:
            return read(path.read_bytes())
        try:
            content = fetch(url, timeout=TIMEOUT, limit=LIMIT)
        except Unreachable:
            if age is None or age > max(fresh, STALE):
                raise
            self.old[source] = max(age, self.old.get(source, 0))
            return read(path.read_bytes())
        found = read(content)
        self.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.write_bytes(path, content)
        return found


def source_of(suite: str) -> str:
    """What debsecan's data for one suite are called."""
    return f"debsecan ({suite})"


def debsecan_data(data: bytes) -> bytes:
    """As it is, where it is what debsecan reads. Raises Failed where it is not."""
    try:
        known = zlib.decompress(data).startswith(b"VERSION 1\n")
    except zlib.error:
        known = False
    if not known:
        raise Failed("debsecan's data can't be read", hint="look at what its address answers")
    return data


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
