"""Advisories as their publishers write them, joined by CVE. Pure.

debsecan names what is open on a host; Debian's list of advisories (DSA) and CERT-FR say which of it matters more.
CERT-FR names products and not packages, so its alerts and advisories are joined by CVE alone.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from estate.problem import Failed

CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,}")
CERTFR = re.compile(r"CERTFR-[0-9]{4}-(?:ALE|AVI)-[0-9]{3,4}")
_DSA = re.compile(r"^\[[^\]]+\] (DSA-[0-9]+-[0-9]+)")
_LINE = re.compile(r"(\S+) (\S+)(?: \((.*)\))?")


class Rank(IntEnum):
    """How soon an open CVE must be closed."""

    OTHER = 0
    HIGH = 1  # Debian or CERT-FR wrote an advisory about it, or it is remotely exploitable and of high urgency
    ALERT = 2  # CERT-FR warns of it: it is, or soon will be, exploited


@dataclass(frozen=True, slots=True)
class Open:
    """One CVE in packages of one host."""

    cve: str
    packages: tuple[str, ...]
    fixed: bool  # a fixed version is in the archive
    advisories: tuple[str, ...]
    rank: Rank


def dsa_list(text: str) -> dict[str, set[str]]:
    """CVE to advisories, of the security tracker's data/DSA/list. Raises Failed where it is none."""
    found: dict[str, set[str]] = {}
    name = ""
    for line in text.splitlines():
        if head := _DSA.match(line):
            name = head[1]
        elif name and line.startswith("\t{"):
            for cve in CVE.findall(line):
                found.setdefault(cve, set()).add(name)
    if not found:
        raise Failed("Debian's list of advisories can't be read", hint="look at what its address answers")
    return found


def certfr_names(feed: str) -> list[str]:
    """The alerts and advisories that a feed of CERT-FR (RSS) names, newest first. Raises Failed where it is none."""
    if "<rss" not in feed[:1000]:
        raise Failed("CERT-FR's feed can't be read", hint="look at what its address answers")
    return list(dict.fromkeys(CERTFR.findall(feed)))


def certfr_cves(document: str) -> set[str]:
    """The CVEs of one alert or advisory, as CERT-FR publishes it in JSON. Raises Failed where it is none."""
    try:
        return {match[0] for entry in json.loads(document)["cves"] if (match := CVE.fullmatch(entry["name"]))}
    except (ValueError, KeyError, TypeError):
        raise Failed("an advisory of CERT-FR can't be read", hint="look at what its address answers") from None


def opened(lines: Iterable[str], advisories: Mapping[str, set[str]]) -> list[Open]:
    """What debsecan's summary names, most urgent first, then what can be closed at once."""
    packages: dict[str, list[str]] = {}
    notes: dict[str, set[str]] = {}
    for line in lines:
        if match := _LINE.fullmatch(line.strip()):
            packages.setdefault(match[1], []).append(match[2])
            notes.setdefault(match[1], set()).update((match[3] or "").split(", "))
    rows = [_open(cve, names, notes[cve], advisories.get(cve, set())) for cve, names in packages.items()]
    return sorted(rows, key=lambda row: (-row.rank, not row.fixed, row.cve))


def _open(cve: str, packages: Iterable[str], notes: set[str], advisories: set[str]) -> Open:
    severe = {"remotely exploitable", "high urgency"} <= notes
    warned = any("-ALE-" in name for name in advisories)
    rank = Rank.ALERT if warned else Rank.HIGH if advisories or severe else Rank.OTHER
    return Open(cve, tuple(dict.fromkeys(packages)), "fixed" in notes, tuple(sorted(advisories)), rank)
