"""What scanners say, in one shape: findings with points, exclusions that are declared with reasons, scores.

A score is points won of points that apply. Raw counts everything; declared leaves out findings that failed and are
excluded with a reason. A scan that has not ended well has no score at all: unknown is never clean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Scanner(StrEnum):
    """Who judges. The values name scans in the exclusions file, in results and on pages."""

    LYNIS = "lynis"
    CIS = "cis"
    ANSSI = "anssi"
    SSH = "ssh"
    SSH_POLICY = "ssh-policy"
    UNITS = "units"


TITLES = {
    Scanner.LYNIS: "Lynis",
    Scanner.CIS: "CIS level 1 server (OpenSCAP)",
    Scanner.ANSSI: "ANSSI BP-028 intermediary (OpenSCAP)",
    Scanner.SSH: "ssh-audit, every algorithm",
    Scanner.SSH_POLICY: "ssh-audit, Debian policy",
    Scanner.UNITS: "systemd-analyze security",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a scanner looked at."""

    id: str  # the scanner's own; with a part after a colon where it judges several things under one id
    title: str
    advice: str  # what to do, and by which rule; empty where the scanner says no more
    points: int  # won
    of: int  # at most; 0 for advice that costs nothing

    @property
    def failed(self) -> bool:
        """Whether something is left to do. Advice without points always is."""
        return self.points < self.of or self.of == 0


@dataclass(frozen=True, slots=True)
class Score:
    """Points won of those that apply."""

    points: int
    of: int

    @property
    def percent(self) -> float | None:
        """To one decimal, rounded down, so that nothing is reached before it is; None where nothing applies."""
        return self.points * 1000 // self.of / 10 if self.of else None

    def reaches(self, goal: float | None) -> bool:
        """Whether a goal in percent is met; one that applies to nothing is."""
        return goal is None or self.of == 0 or self.points * 100 >= goal * self.of

    def __str__(self) -> str:
        return f"{self.percent:.1f} % ({self.points} of {self.of})" if self.of else "nothing applies"


@dataclass(frozen=True, slots=True)
class Scan:
    """What one scanner said about one host, or why it said nothing."""

    scanner: Scanner
    version: str = ""
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    error: str = ""  # the host is unknown to this scanner

    @property
    def raw(self) -> Score:
        """Of all that the scanner looked at."""
        return score(self.findings)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Findings that are accepted, with a reason, on hosts that all of `when` holds for."""

    scanner: Scanner
    ids: tuple[str, ...]
    reason: str
    when: tuple[str, ...] = ()

    def covers(self, scanner: Scanner, finding: str, traits: frozenset[str]) -> bool:
        """Whether it excuses this finding of a host with these traits."""
        return scanner is self.scanner and finding in self.ids and self.holds(traits)

    def holds(self, traits: frozenset[str]) -> bool:
        """Whether it is about a host with these traits."""
        return traits.issuperset(self.when)


@dataclass(frozen=True, slots=True)
class Goal:
    """Percent that a scan must reach, raw and with declared exclusions."""

    raw: float | None = None
    declared: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A scan, seen through the exclusions."""

    scan: Scan
    goal: Goal
    remaining: tuple[Finding, ...]  # failed and not excluded
    excluded: tuple[tuple[Finding, Exclusion], ...]

    @property
    def declared(self) -> Score:
        """Without what is excluded: neither its points nor its denominator."""
        left_out = {finding.id for finding, _ in self.excluded}
        return score([finding for finding in self.scan.findings if finding.id not in left_out])

    @property
    def met(self) -> bool:
        """Whether it is known, and good enough."""
        scan = self.scan
        return not scan.error and scan.raw.reaches(self.goal.raw) and self.declared.reaches(self.goal.declared)


def score(findings: Sequence[Finding]) -> Score:
    """The sum."""
    return Score(sum(finding.points for finding in findings), sum(finding.of for finding in findings))


def judge(scan: Scan, exclusions: Sequence[Exclusion], goal: Goal, traits: frozenset[str]) -> Judged:
    """Part what failed into what is excused and what remains."""
    failed = [finding for finding in scan.findings if finding.failed]
    pairs = [
        (finding, next((each for each in exclusions if each.covers(scan.scanner, finding.id, traits)), None))
        for finding in failed
    ]
    return Judged(
        scan,
        goal,
        remaining=tuple(finding for finding, exclusion in pairs if exclusion is None),
        excluded=tuple((finding, exclusion) for finding, exclusion in pairs if exclusion is not None),
    )
