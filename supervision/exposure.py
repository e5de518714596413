"""`systemd-analyze security`: how exposed web, PHP and databases are. One point a unit within the limit."""

import json
import re

from estate.problem import Unmet
from estate.web import WEB_SERVERS
from supervision.findings import Finding, Scan, Scanner

# What the web, PHP and databases run as. Only units that are active count.
UNITS = re.compile(
    r"(nginx|apache2|mariadb|mysql|postgresql@.*|php[0-9.]*-fpm|seawall-php@.*|seawall-php-.*|knot|named)\.service"
)
SERVERS = {server.unit for server in WEB_SERVERS.values()}
MOST = 8  # settings that are named as advice
COMMAND = """
cd / && systemctl --version | sed -n 's/^systemd \\([0-9]*\\).*/\\1/p'
units=$(systemctl list-units --type=service --state=active --plain --no-legend) || exit 1
for u in $(echo "$units" | cut -d ' ' -f 1); do
  case "$u" in nginx.*|apache2.*|m*sql*|mariadb.*|postgresql@*|php*|seawall-php*|knot.*|named.*)
    echo "$u"; systemd-analyze security --json=short --no-pager "$u" | tr -d '\\n'; echo
    systemd-analyze security --no-pager "$u" | sed -n 's/.*Overall exposure level for .*: \\([0-9.]*\\) .*/\\1/p';;
  esac
done
"""


def parse(output: str, limit: float, seconds: float = 0.0, *, serves: bool = False) -> Scan:
    """What COMMAND printed: systemd's version, then three lines a unit: name, settings as JSON, exposure.

    Raises Unmet where the host is one that `serves` sites and no web server runs: nothing of it would be judged.
    """
    version, *lines = [line for line in output.splitlines() if line]
    findings = [
        _finding(name, settings, float(exposure), limit)
        for name, settings, exposure in zip(lines[::3], lines[1::3], lines[2::3], strict=True)
        if UNITS.fullmatch(name)
    ]
    if serves and not SERVERS & {finding.id for finding in findings}:
        raise Unmet("no web server runs there, so none was judged", hint="systemctl status nginx apache2")
    return Scan(Scanner.UNITS, version, tuple(findings), seconds)


def _finding(name: str, settings: str, exposure: float, limit: float) -> Finding:
    open_ones = [row for row in json.loads(settings) if not row["set"] and row["exposure"]]
    worst = sorted(open_ones, key=lambda row: -float(row["exposure"]))[:MOST]
    advice = ", ".join(f"{row['name']} ({row['exposure']})" for row in worst)
    return Finding(
        name,
        f"exposure {exposure:.1f}, at most {limit:.1f}",
        advice and f"most would help: {advice}",
        int(exposure <= limit),
        1,
    )
