"""How patched the hosts are: what each host says, what its open CVEs mean, and whether somebody must act."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from effects.remote import Remote
from estate.model import Estate, Host
from estate.problem import Problem, Unmet, Unreachable
from supervision.advisories import Open, Rank, opened
from supervision.asking import ask, everywhere
from supervision.feeds import Feeds, source_of

PROGRAM = "patch_state"
WEEKLY = timedelta(days=7)
GRACE = timedelta(days=2)  # the run's own jitter, and one day for somebody to look


@dataclass(frozen=True, slots=True)
class State:
    """One host. What is not known stands in `unknown`, and such a host is never well."""

    host: str
    patched: datetime | None  # when fetching and installing last went well, both
    overdue: bool
    open: tuple[Open, ...]
    held: tuple[str, ...]
    restart: tuple[str, ...]  # units that run code which is no longer on disk
    reboot: tuple[str, ...]  # why one is owed
    owed: tuple[str, ...]  # why of that nobody but a person takes care
    faults: tuple[str, ...]  # of the last run
    unknown: tuple[str, ...]

    @property
    def alerts(self) -> tuple[Open, ...]:
        """What CERT-FR warns of, fixed or not."""
        return tuple(one for one in self.open if one.rank is Rank.ALERT)

    @property
    def needs(self) -> tuple[str, ...]:
        """Why somebody must act now, and not the next weekly run."""
        since = f"last patched {self.patched:%Y-%m-%d}" if self.patched else "never patched"
        found = [f"overdue: {since}"] if self.overdue else []
        found += [f"{one.cve} in {', '.join(one.packages)}: {', '.join(one.advisories)}" for one in self.alerts]
        found += [f"held back: {', '.join(self.held)}"] if self.held else []
        return (*found, *self.owed, *self.faults)

    def plain(self) -> dict[str, Any]:
        """As `--json` prints it."""
        rows = [asdict(one) | {"rank": one.rank.name.lower()} for one in self.open]
        return asdict(self) | {"open": rows, "needs": self.needs, "ok": not self.needs and not self.unknown}


def status(estate: Estate, hosts: Sequence[Host], feeds: Feeds) -> list[State]:
    """Every host's state, in that order; the feeds are asked once for all."""
    advisories = feeds.advisories()
    everybodys = dict(feeds.unknown)
    with_data: dict[str, bytes] = {}

    def look(host: Host) -> State:
        with Remote(host, estate.control) as remote:
            seen = ask(remote, PROGRAM)
            suite = str(seen["suite"])
            data = with_data[suite] if suite in with_data else with_data.setdefault(suite, feeds.debsecan(suite))
            if data:
                question = {"suite": suite, "debsecan": base64.b64encode(data).decode()}
                found = ask(remote, PROGRAM, question)
                seen = seen | {"cves": found["cves"], "unknown": [*seen["unknown"], *found["unknown"]]}
        missing = everybodys | ({} if data else {source_of(suite): feeds.unknown.get(source_of(suite), "")})
        unknown = tuple(f"{name}: {why}" for name, why in missing.items())
        return judge(host.name, seen, advisories, unknown, reboots=estate.policy.patches.reboot)

    found = everywhere(hosts, look)
    return [silent(name, seen) if isinstance(seen, Problem) else seen for name, seen in found.items()]


def judge(
    host: str,
    seen: Mapping[str, Any],
    advisories: Mapping[str, set[str]],
    unknown: tuple[str, ...] = (),
    *,
    reboots: bool = False,
) -> State:
    """What a host says, weighed. `seen` is the answer of `effects.onhost.patch_state`; `reboots`: it may."""
    stamps = [seen["stamps"][part] for part in ("fetched", "installed")]
    patched = None if None in stamps else datetime.fromtimestamp(min(stamps), UTC)
    now = datetime.fromtimestamp(seen["now"], UTC)
    return State(
        host=host,
        patched=patched,
        overdue=patched is None or now - patched > WEEKLY + GRACE,
        open=tuple(opened(seen.get("cves", ()), advisories)),
        held=tuple(seen["held"]),
        restart=tuple(seen["restart"]),
        reboot=tuple(seen["reboot"]),
        owed=tuple(_owed(seen, reboots=reboots)),
        faults=(*seen["report"].get("faults", ()), *(f"half installed: {line}" for line in seen["half"])),
        unknown=(*seen["unknown"], *unknown),
    )


def _owed(seen: Mapping[str, Any], *, reboots: bool) -> Iterator[str]:
    """Restarts and reboots that do not come by themselves."""
    why = ", ".join(seen["reboot"])
    if why and not reboots:
        yield f"a reboot is owed ({why}), and [patches] reboot = false leaves it to you: systemctl reboot"
    elif why and seen["reboot_failed"]:
        yield f"a reboot is owed ({why}) and was given up; see: journalctl -u seawall-reboot"
    last = seen["report"]
    late = seen["now"] - last.get("at", 0) > (WEEKLY + GRACE).total_seconds()
    if left := [unit for unit in seen["restart"] if late or unit in last.get("left", ())]:
        yield f"not restarted since its files changed: {', '.join(left)}"


def silent(host: str, fault: Problem) -> State:
    """Of a host that did not answer, nothing is known."""
    return State(host, None, False, (), (), (), (), (), (), (fault.what,))


def check(states: Sequence[State]) -> None:
    """Raise Unreachable where something is unknown, Unmet where somebody must act; both name the hosts."""
    unknown = [f"\n  {state.host}: {why}" for state in states for why in state.unknown]
    needs = [f"\n  {state.host}: {why}" for state in states for why in state.needs]
    if unknown:
        raise Unreachable(
            f"not everything is known, so nothing is called clean:{''.join([*unknown, *needs])}",
            hint="mend that, then run the same command again",
        )
    if needs:
        names = " ".join(dict.fromkeys(state.host for state in states if state.needs))
        raise Unmet(f"somebody must act:{''.join(needs)}", hint=f"seawall patches now {names} --dry-run")
