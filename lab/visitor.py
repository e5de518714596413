"""A visitor outside, who finds sites only through DNS and trusts only the lab's certificate authority."""

from dataclasses import dataclass

from lab.lab import Lab

PATIENCE = 10  # seconds, after which a visitor has gone
FIGURES = "\\n%{http_code} %{remote_ip} %{time_total}"


@dataclass(frozen=True, slots=True)
class Visit:
    """What came back. `status` is 0 and `error` says why where nothing did."""

    status: int
    body: str
    address: str  # of the server that answered; empty where none did
    seconds: float
    error: str


def visit(lab: Lab, domain: str, *, path: str = "/") -> Visit:
    """Ask for https://DOMAIN/PATH from the probe, following no redirect."""
    argv = ["curl", "--silent", "--show-error", "--max-time", str(PATIENCE), "--write-out", FIGURES]
    result = lab.run("probe", [*argv, f"https://{domain}{path}"], timeout=PATIENCE + 5)
    body, _, figures = result.out.rpartition("\n")
    status, _, rest = figures.partition(" ")
    address, _, seconds = rest.rpartition(" ")
    return Visit(int(status or 0), body, address, float(seconds or 0), result.err.strip())


def resolve(lab: Lab, name: str, *, rtype: str = "A") -> tuple[str, ...]:
    """What the visitor's own resolver says, caches and all; empty where it has no answer."""
    result = lab.run("probe", ["dig", "+short", "+tries=1", "+time=8", name, rtype], timeout=15)
    return tuple(sorted(result.out.split())) if result.ok else ()


def served(lab: Lab, domain: str, expect: str) -> str:
    """The address that answers with a whole page that holds `expect`; empty where none does."""
    seen = visit(lab, domain)
    return seen.address if seen.status == 200 and expect in seen.body else ""
