"""What answers, from where: a verdict on each host, datacenter and site, with its evidence. People decide.

Nothing is lost because one place says so: others must have looked as well, from outside its datacenter. A place
that hears nobody at all says something about its own network, and is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

WITNESSES = 2  # places in different datacenters, none of them the host's own


class State(StrEnum):
    """What is said of a host, a datacenter, or a site."""

    LOST = "lost"
    PARTLY = "seems lost"  # from some places only
    SICK = "answers wrongly"
    UNKNOWN = "not known"  # too few places could look
    ANSWERS = "answers"


ORDER = tuple(State)  # worst first


@dataclass(frozen=True, slots=True)
class Try:
    """One thing that one place tried."""

    place: str
    host: str
    how: str  # ping, https, dns, ssh
    address: str
    about: str  # a domain or a zone
    alive: bool | None  # something answered; None: the place could not try
    well: bool  # it said what it should
    said: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """On one of them."""

    name: str
    state: State
    said: str  # the state in words
    tries: tuple[Try, ...]  # the evidence


def blind(tries: Iterable[Try]) -> frozenset[str]:
    """Places that tried several hosts beside themselves and heard nobody."""
    heard: dict[str, dict[str, bool]] = {}
    for one in tries:
        if one.alive is not None and one.host != one.place:
            hosts = heard.setdefault(one.place, {})
            hosts[one.host] = hosts.get(one.host, False) or one.alive
    return frozenset(place for place, hosts in heard.items() if len(hosts) > 1 and not any(hosts.values()))


def of_host(host: str, home: str, tries: Sequence[Try], places: Mapping[str, str]) -> Verdict:
    """`tries` of all hosts; `home`: its datacenter; `places`: the datacenter of each place that looked."""
    unsound = blind(tries)
    mine = tuple(one for one in tries if one.host == host and one.place != host)
    heard: dict[str, bool] = {}
    for one in (one for one in mine if one.place not in unsound and one.alive is not None):
        heard[one.place] = heard.get(one.place, False) or bool(one.alive)
    return Verdict(host, *_judged(home, heard, places), mine)


def _judged(home: str, heard: Mapping[str, bool], places: Mapping[str, str]) -> tuple[State, str]:
    deaf = [place for place, alive in heard.items() if not alive]
    if heard and not deaf:
        return State.ANSWERS, "answers"
    if len(deaf) < len(heard):
        return State.PARTLY, f"seems lost from {', '.join(deaf)} only"
    if len({places[place] for place in deaf} - {home}) >= WITNESSES:
        return State.LOST, "lost"
    return State.UNKNOWN, f"no answer, and only {', '.join(deaf)} could look" if deaf else "nobody could look"


def of_datacenter(name: str, hosts: Sequence[Verdict]) -> Verdict:
    """Lost where all of its hosts are; else it says which are not well."""
    states = {one.state for one in hosts}
    tries = tuple(one for host in hosts for one in host.tries)
    if len(states) == 1:
        (state,) = states
        words = {one.said for one in hosts}
        return Verdict(name, state, words.pop() if len(words) == 1 else str(state), tries)
    parts = [f"{one.name} {one.said}" for one in sorted(hosts, key=lambda one: ORDER.index(one.state))]
    return Verdict(name, State.PARTLY if State.ANSWERS in states else State.UNKNOWN, "; ".join(parts), tries)


def of_site(domain: str, host: Verdict, tries: Sequence[Try]) -> Verdict:
    """Asked for by name at the address of its host, whatever DNS says."""
    unsound = blind(tries)
    mine = tuple(one for one in tries if one.how == "https" and one.about == domain and one.place not in unsound)
    known = [one for one in mine if one.alive is not None]
    wrong = [one for one in known if not one.well]
    if not known:
        return Verdict(domain, State.UNKNOWN, "nobody could look", mine)
    if not wrong:
        return Verdict(domain, State.ANSWERS, "answers", mine)
    if len(wrong) < len(known):
        places = ", ".join(dict.fromkeys(f"{one.place} ({_family(one.address)})" for one in wrong))
        return Verdict(domain, State.PARTLY, f"not well from {places} only", mine)
    if host.state is State.LOST:
        return Verdict(domain, State.LOST, f"lost with {host.name}", mine)
    said = ", ".join(dict.fromkeys(one.said for one in wrong))
    return Verdict(domain, State.SICK, f"{said}; {host.name} {host.said}", mine)


def _family(address: str) -> str:
    return "IPv6" if ":" in address else "IPv4"


def evidence(tries: Iterable[Try]) -> tuple[str, ...]:
    """One line for each place that tried, with all that came back; what is the same is said once."""
    lines: dict[str, list[Try]] = {}
    for one in tries:
        lines.setdefault(one.place, []).append(one)
    return tuple(f"{place}: {', '.join(_parts(mine))}" for place, mine in lines.items())


def _parts(mine: Sequence[Try]) -> list[str]:
    """Of one place: a part for each way of trying, more where answers differ. A family is named where only it is."""
    parts: dict[tuple[str, str], list[Try]] = {}
    for one in mine:
        parts.setdefault((one.how, "" if one.well else one.said), []).append(one)
    return [
        _part(how, same, {_family(one.address) for one in mine if one.how == how}) for (how, _), same in parts.items()
    ]


def _part(how: str, same: Sequence[Try], tried: set[str]) -> str:
    about = list(dict.fromkeys(one.about for one in same if one.about))
    whose = f" {about[0]}" if len(about) == 1 else f" of {len(about)}" if about else ""
    families = {_family(one.address) for one in same}
    only = "" if families == tried else f" over {families.pop()}"
    return f"{how}{whose}{only}: {same[0].said}"
