"""Looking from several places at once: this machine, the twin, both backup servers, as far as they can be asked.

The control machine logs in there, as it does for everything else; nobody gets a right that he has not. Nobody knocks at
an ssh port: the one look at ssh is the control machine's own login.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drp import verdict
from drp.verdict import Try, Verdict
from effects.clock import now
from effects.onhost import probing
from effects.remote import Remote
from estate.model import Estate, Host
from estate.problem import Problem, Unreachable
from supervision.asking import ask, everywhere

PROGRAM, LIMIT, PATIENCE = "probing", 40.0, 4.0  # seconds for one place, and for one try
CONTROL = "control"
Verdicts = tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """All that came of it, worst first."""

    at: datetime
    hosts: Verdicts
    datacenters: Verdicts
    sites: Verdicts
    absent: Mapping[str, str]  # places that could not be asked, and why


def look(estate: Estate, production: Host, twin: Host) -> Seen:
    """At every host of the estate that the plan knows, and every site of `production` by name at its address."""
    at = now()
    hosts = _hosts(estate, production, twin)
    places = [twin, *(estate.hosts[name] for name in production.backup.values())]
    question = _question(estate, production, hosts)
    with ThreadPoolExecutor(max_workers=3) as pool:
        here = pool.submit(probing.look, question)
        logins = pool.submit(everywhere, hosts, lambda host: _login(estate, host))
        there = everywhere(places, lambda host: _probed(estate, host, question))
        answers = {CONTROL: here.result()["rows"]}
        answers |= {name: rows for name, rows in there.items() if not isinstance(rows, Problem)}
        tries = [one for place, rows in answers.items() for one in _tries(estate, place, rows, at)]
        tries += [_ssh(host, answer, at) for host, answer in zip(hosts, logins.result().values(), strict=True)]
    absent = {name: fault.what for name, fault in there.items() if isinstance(fault, Problem)}
    return Seen(at, *judged(estate, production, hosts, tries), absent)


def judged(
    estate: Estate, production: Host, hosts: Sequence[Host], tries: Sequence[Try]
) -> tuple[Verdicts, Verdicts, Verdicts]:
    """On hosts, datacenters and sites, each worst first."""
    places = {CONTROL: CONTROL} | {name: host.datacenter for name, host in estate.hosts.items()}
    found = {host.name: verdict.of_host(host.name, host.datacenter, tries, places) for host in hosts}
    centers = {host.datacenter: [found[o.name] for o in hosts if o.datacenter == host.datacenter] for host in hosts}
    datacenters = (verdict.of_datacenter(name, members) for name, members in centers.items())
    sites = (verdict.of_site(v.domain, found[production.name], tries) for v in estate.vhosts_on(production))
    return _sorted(found.values()), _sorted(datacenters), _sorted(sites)


def _sorted(found: Iterable[Verdict]) -> Verdicts:
    return tuple(sorted(found, key=lambda one: (verdict.ORDER.index(one.state), one.name)))


def _hosts(estate: Estate, production: Host, twin: Host) -> list[Host]:
    """The pair, its backup servers and name servers; and whoever else stands where production does."""
    servers = {name for zone in estate.zones.values() for name in zone.hosts}
    near = {production.name, twin.name, *production.backup.values(), *servers}
    return [h for h in estate.hosts.values() if h.name in near or h.datacenter == production.datacenter]


def _question(estate: Estate, production: Host, hosts: Sequence[Host]) -> dict[str, Any]:
    sites = [
        {"address": address, "domain": vhost.domain, "path": vhost.check.path, "expect": vhost.check.expect}
        for vhost in estate.vhosts_on(production)
        for address in production.addresses
    ]
    zones = [
        (address, zone.name)
        for zone in estate.zones.values()
        for server in zone.hosts
        for address in estate.hosts[server].addresses
    ]
    pings = [address for host in hosts for address in host.addresses]
    return {"pings": pings, "sites": sites, "zones": zones, "patience": PATIENCE}


def _probed(estate: Estate, host: Host, question: Mapping[str, Any]) -> list[dict[str, Any]]:
    with Remote(host, estate.control) as remote:
        return list(ask(remote, PROGRAM, question, limit=LIMIT)["rows"])


def _login(estate: Estate, host: Host) -> None:
    with Remote(host, estate.control) as remote:
        remote.run(["true"], timeout=LIMIT)


def _ssh(host: Host, answer: Problem | None, at: datetime) -> Try:
    """Who answers with another key, or lets nobody in, answers."""
    said = "lets us in" if answer is None else answer.what
    gone = isinstance(answer, Unreachable)
    return Try(CONTROL, host.name, "ssh", str(host.ipv4), "", not gone, answer is None, said, at)


def _tries(estate: Estate, place: str, rows: Sequence[Mapping[str, Any]], at: datetime) -> Iterator[Try]:
    whose = {address: host.name for host in estate.hosts.values() for address in host.addresses}
    for row in rows:
        alive = None if row["alive"] is None else bool(row["alive"])
        how, address, about, said = (str(row[word]) for word in ("how", "address", "about", "said"))
        yield Try(place, whose[address], how, address, about, alive, bool(row["well"]), said, at)
