"""Lynis: its report for what it advises, its log for the points it gives.

The report (`report.dat`) has one hardening index for all. The log says for each item how many points were given of how
many, below the test it belongs to; their sums are what the index is made of (points * 100 / total; 3.0 rounds down,
3.1 to the nearest), so an item can be left out together with its denominator.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from supervision.findings import Finding, Scan, Scanner

TEST = re.compile(r"Performing test ID (\S+) \((.*)\)")
PARTIAL = re.compile(r"Hardening: assigned partial number of hardening points \((\d+) of (\d+)\)")
WHOLE = re.compile(r"Hardening: assigned maximum number of hardening points for this item \((\d+)\)")
# What an item is about, where one test gives points for several things.
SUBJECT = re.compile(
    r"Result: (?:sysctl key (\S+) |Option (\S+) found|(/\S+) not found in mount list)|File system: +(/\S+)"
)
# The part of the log and of the report that is worth carrying home.
WANTED = (
    r"Performing test ID|Hardening: assigned|Result: sysctl key|Result: Option .* found|not found in mount list"
    r"|File system:"
)


@dataclass(slots=True)
class _Item:
    title: str
    points: int = 0
    of: int = 0
    advice: list[str] = field(default_factory=list)


def parse(report: str, log: str, seconds: float = 0.0) -> Scan:
    """`report` is report.dat; `log` the lines of the log that match WANTED, in their order."""
    items = dict[str, _Item]()
    for name, title, points, of in _points(log):
        item = items.setdefault(name, _Item(title))
        item.points, item.of = item.points + points, item.of + of
    for name, text in _advice(report):
        items.setdefault(name if name in items else name.split(":")[0], _Item(text)).advice.append(text)
    findings = tuple(
        Finding(name, item.title, "; ".join(dict.fromkeys(item.advice)), item.points, item.of)
        for name, item in items.items()
    )
    version = re.search(r"^lynis_version=(.*)$", report, re.MULTILINE)
    return Scan(Scanner.LYNIS, version[1] if version else "", findings, seconds)


def index(report: str) -> int | None:
    """Lynis' own hardening index; None where the run did not come to its end."""
    found = re.search(r"^hardening_index=(\d+)$", report, re.MULTILINE)
    return int(found[1]) if found else None


def _points(log: str) -> Iterator[tuple[str, str, int, int]]:
    """Item, title of its test, points given, points at most."""
    test = title = "LYNIS"
    subject = ""
    for line in log.splitlines():
        if found := TEST.search(line):
            test, title, subject = found[1], found[2], ""
        elif found := SUBJECT.search(line):
            subject = next(group for group in found.groups() if group)
        elif found := PARTIAL.search(line):
            yield _name(test, subject), title, int(found[1]), int(found[2])
        elif found := WHOLE.search(line):
            yield _name(test, subject), title, int(found[1]), int(found[1])


def _name(test: str, subject: str) -> str:
    return f"{test}:{subject}" if subject else test


def _advice(report: str) -> Iterator[tuple[str, str]]:
    """Item and sentence of every warning and suggestion."""
    for line in report.splitlines():
        kind, _, rest = line.partition("=")
        if kind not in {"warning[]", "suggestion[]"}:
            continue
        test, text, detail, *_ = [*rest.split("|"), "", ""]
        subject = detail.split(" ", maxsplit=1)[0] if " (set " in detail else ""
        yield _name(test, subject), text if detail in {"", "-"} else f"{text}: {detail}"
