"""One audit of one host: six scans, each with a time limit, each known or said to be unknown."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

from effects.clock import Stopwatch, now
from effects.reach import first_open
from effects.remote import Remote
from estate.model import Estate, Host, Role
from estate.problem import Failed, Problem, Unreachable
from inventory.data import FRESH_PORT, WEB
from supervision import exposure, lynis, scap, sshaudit
from supervision.exclusions import Rules
from supervision.findings import Judged, Scan, Scanner, judge

FOLDER = "/var/lib/seawall/audit"  # as in playbooks/scanners.py
SHORT, LONG = 60.0, 600.0  # seconds: for a question, for a scan
SEPARATOR = "-- seawall --"
FACTS = ". /etc/os-release; echo $VERSION_ID; systemd-detect-virt --quiet --container && echo container || true"
LYNIS = f"""
cd {FOLDER} && umask 077 && rm -f lynis.dat lynis.log && echo refresh-repositories=no > lynis.prf
lynis audit system --quick --quiet --no-colors --profile {FOLDER}/lynis.prf --report-file {FOLDER}/lynis.dat \
 --log-file {FOLDER}/lynis.log > /dev/null 2> lynis.err < /dev/null
cat lynis.dat; echo '{SEPARATOR}'; grep -E '{lynis.WANTED}' lynis.log"""
# OpenSCAP 1.3.7 stopped for ever in one scan of 120: its threads waited for each other. So where it uses no processor
# time in so many looks, it is ended, and asked once more.
OSCAP = """
cd {folder} && umask 077
for again in yes no; do
    rm -f {name}.xml
    nice oscap xccdf eval --profile {profile} --results {name}.xml content.xml > {name}.txt 2> {name}.err < /dev/null &
    still=0 before=
    while spent=$(cut -d ' ' -f 3,14,15 /proc/$!/stat 2> /dev/null) && [ "${{spent%% *}}" != Z ]; do
        if [ "$spent" = "$before" ]; then still=$((still + 1)); else still=0; fi
        if [ $still -ge {patience} ]; then kill -s KILL $!; fi
        before=$spent; sleep {pause}
    done
    wait $!; code=$?
    if [ $code -ne 137 ]; then break; fi
done
case $code in
    0 | 2) ;;
    137) echo "oscap stopped twice" >&2; exit 1;;
    *) tail -n 3 {name}.err >&2; exit 1;;
esac
oscap --version | sed -n '1s/.* //p'"""
PATIENCE, PAUSE = 120, 0.5  # looks; seconds between them
Say = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Audit:
    """What is known of one host at one time."""

    host: str
    at: datetime
    traits: frozenset[str]
    results: tuple[Judged, ...]

    @property
    def known(self) -> bool:
        """Whether every scanner came to its end."""
        return not any(each.scan.error for each in self.results)

    @property
    def met(self) -> bool:
        """Whether every goal is reached; what is unknown reaches none."""
        return all(each.met for each in self.results)


def audit(estate: Estate, host: Host, rules: Rules, *, only: Collection[Scanner], lacking: str, say: Say) -> Audit:
    """Have `host` judged by the scanners `only`; what goes wrong is in the result, and nothing is raised for it.

    `lacking` says why Lynis and OpenSCAP could not be put there; "" where they are.
    """
    traits = _traits(estate, host)
    at = now()
    try:
        scans, more = _scans(estate, host, rules, only, lacking, say)
        traits |= more
    except Problem as problem:
        say(host.name, f"unknown: {problem.what}")
        scans = [Scan(scanner, error=problem.what) for scanner in Scanner if scanner in only]
    judged = [judge(scan, rules.exclusions, rules.goal(scan.scanner, traits), traits) for scan in scans]
    return Audit(host.name, at, traits, tuple(judged))


def _traits(estate: Estate, host: Host) -> frozenset[str]:
    routing = "strict-routing" if host.strict_routing else "loose-routing"
    web = {"web", host.web.value} if host.role in WEB else set[str]()
    return frozenset({host.role.value, estate.policy.ssh.cryptography.value, routing} | web)


def _scans(
    estate: Estate, host: Host, rules: Rules, only: Collection[Scanner], lacking: str, say: Say
) -> tuple[list[Scan], frozenset[str]]:
    port = first_open(str(host.ipv4), dict.fromkeys((host.ssh_port, FRESH_PORT)))
    if port is None:
        raise Unreachable(f"{host.ipv4} answers on neither port {host.ssh_port} nor {FRESH_PORT}", hint="is it up?")
    with Remote(replace(host, ssh_port=port), estate.control) as remote:
        debian, *container = remote.run(["sh", "-c", FACTS], timeout=SHORT).split()
        acts: dict[Scanner, Callable[[], Scan]] = {
            Scanner.UNITS: lambda: _units(remote, rules.exposure, serves=host.role is Role.PRODUCTION),
            Scanner.SSH: lambda: sshaudit.scan(str(host.ipv4), port),
            Scanner.SSH_POLICY: lambda: sshaudit.policy(str(host.ipv4), port, debian),
            Scanner.LYNIS: lambda: _needs(lacking, lambda: _lynis(remote)),
            Scanner.CIS: lambda: _needs(lacking, lambda: _oscap(remote, Scanner.CIS)),
            Scanner.ANSSI: lambda: _needs(lacking, lambda: _oscap(remote, Scanner.ANSSI)),
        }
        scans = {scanner: _attempt(host.name, scanner, act, say) for scanner, act in acts.items() if scanner in only}
    return [scans[scanner] for scanner in Scanner if scanner in only], frozenset({f"debian{debian}", *container})


def _attempt(name: str, scanner: Scanner, act: Callable[[], Scan], say: Say) -> Scan:
    say(name, f"{scanner} …")
    try:
        scan = act()
    except Problem as problem:
        scan = Scan(scanner, error=problem.what)
    except (ValueError, KeyError, IndexError, TypeError) as fault:  # a tool that says something else than it used to
        scan = Scan(scanner, error=f"its result could not be read: {type(fault).__name__}: {fault}")
    say(name, f"{scanner}: {scan.error or scan.raw} in {scan.seconds:.0f} s")
    return scan


def _needs(lacking: str, act: Callable[[], Scan]) -> Scan:
    if lacking:
        raise Failed(f"the scanners could not be installed: {lacking}", hint="mend that, then run it again")
    return act()


def _lynis(remote: Remote) -> Scan:
    watch = Stopwatch()
    report, _, log = remote.attempt(["sh", "-c", LYNIS], timeout=LONG).out.partition(SEPARATOR)
    index = lynis.index(report)
    scan = lynis.parse(report, log, watch.seconds)
    raw = scan.raw
    if index is None or not raw.of:
        raise Failed("lynis did not come to its end", hint=f"look at {FOLDER}/lynis.err on the host")
    if index not in (raw.points * 100 // raw.of, round(raw.points * 100 / raw.of)):
        raise Failed(f"lynis says {index}, its log adds up to {raw}", hint="report this: the log is read wrongly")
    return scan


def _oscap(remote: Remote, scanner: Scanner) -> Scan:
    watch = Stopwatch()
    command = OSCAP.format(folder=FOLDER, name=scanner, profile=scap.PROFILES[scanner], patience=PATIENCE, pause=PAUSE)
    version = remote.run(["sh", "-c", command], timeout=LONG).strip()
    reduced = remote.run(["python3", "-", f"{FOLDER}/{scanner}.xml"], timeout=LONG, stdin=scap.REDUCE)
    scan = scap.parse(scanner, reduced, f"{version}", watch.seconds)
    if not scan.raw.of:
        raise Failed("no rule applies: this content does not know the host's Debian", hint="fetch newer content")
    return scan


def _units(remote: Remote, limit: float, *, serves: bool) -> Scan:
    watch = Stopwatch()
    said = remote.run(["sh", "-c", exposure.COMMAND], timeout=SHORT)
    return exposure.parse(said, limit, watch.seconds, serves=serves)
