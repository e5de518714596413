"""The keeper's round on a DRP host: each repository of the pair on both sides, and what backup servers have to tell."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backups import paths
from backups.proof.record import proven
from backups.repository import class_of
from backups.site import Site
from backups.vault.catalogue import VAULT, Catalogue
from backups.vault.keeping import Keeping
from backups.vault.turn import Alarm, Facts, Rules, Turn, take
from effects import files
from effects.clock import now
from estate.model import Engine, Host, Role, Side
from estate.points import FILES, Kind
from estate.problem import Missing, Problem, Untrusted

KINDS: tuple[Kind, ...] = (FILES, Engine.MARIADB)  # one of each class of repositories
LOW = 0.05  # of a backup server's disk
TURN = 600.0


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one: turns, and why a repository or a server could not be looked at."""

    turns: tuple[Turn, ...]
    faults: tuple[Problem, ...]


def clients(site: Site) -> tuple[Host, ...]:
    """Whose repositories this host keeps. Raises Missing where it is no DRP host."""
    if site.host.role is not Role.DRP:
        raise Missing(
            f"{site.host.name} keeps no repositories: only the DRP host of a pair does",
            hint="type the same command there",
        )
    return tuple(host for host in (site.partner, site.host) if host.backup)


def repositories(site: Site, client: Host) -> Iterator[Keeping]:
    """All of one client, to look at."""
    for side, server in client.backup.items():
        for kind in KINDS:
            secret = paths.SECRETS / f"passphrase.{client.name}"
            yield Keeping(client.name, class_of(kind), Side(side), site.estate.hosts[server], secret, writing=False)


def rules_for(site: Site, client: Host, *, check: bool = False) -> Rules:
    """What is decided now about a client's archives."""
    return Rules(site.estate.backup.vault, site.estate.timezone, proven(client.name), now(), check)


def round_of(site: Site, alarm: Alarm, *, check: bool = False) -> Round:
    """One round. What can't be reached stops nothing else. With `check` all data is due to be checked."""
    turns: list[Turn] = []
    faults: list[Problem] = []
    for client in clients(site):
        rules = rules_for(site, client, check=check)
        with files.locked(VAULT / f"{client.name}.lock", what=f"the keeper of {client.name}", wait=TURN):
            catalogue = Catalogue(client.name)
            for side in client.backup:
                mine = [repository for repository in repositories(site, client) if repository.side == side]
                try:
                    turns += _look_after(mine, catalogue, rules, alarm)
                except Problem as fault:
                    faults.append(fault)
    return Round(tuple(turns), tuple(faults))


def _look_after(mine: Sequence[Keeping], catalogue: Catalogue, rules: Rules, alarm: Alarm) -> list[Turn]:
    """All of one client on one backup server, which is asked once."""
    told = mine[0].told()
    _hear(mine[0], catalogue, told, alarm)
    turns = []
    for repository in mine:
        about = told["repositories"].get(repository.kind, {"key": "", "transaction": -1})
        turns.append(take(repository, Facts(**about), catalogue, rules, alarm))
    _hand_over(mine[0], catalogue, told["copy"], told["digest"])
    return turns


def _hear(repository: Keeping, catalogue: Catalogue, told: Mapping[str, Any], alarm: Alarm) -> None:
    """Of the backup server: what production was refused, and how full it is."""
    label = f"{repository.client}.{repository.side}"
    known = catalogue.state(label).refused
    new = [one for one in told["refused"] if one["at"] > known]
    if new:
        what = ", ".join(sorted({one["what"] for one in new}))
        alarm(
            f"refused {label} {new[-1]['at']}",
            f"{repository.client} was refused {len(new)} times on {repository.server.name}, last at {new[-1]['at']}: "
            f"{what}. Nobody does that by accident: look at who is root on {repository.client}",
        )
        catalogue.note("refused", label, until=new[-1]["at"], count=len(new), what=what)
    if told["free"] < LOW * told["bytes"]:
        alarm(f"full {repository.server.name} {now():%Y-%m-%d}",
              f"{repository.server.name} has {told['free'] / 1e9:.1f} GB left: make room, or set quotas")  # fmt: skip


def _hand_over(repository: Keeping, catalogue: Catalogue, size: int, digest: str) -> None:
    """The copy can only grow, so it must be the beginning of what is here."""
    text = catalogue.path.read_text(encoding="ascii") if catalogue.path.exists() else ""
    if len(text) < size or hashlib.sha256(text[:size].encode()).hexdigest() != digest:
        raise Untrusted(
            f"{repository.server.name} has another catalogue of {repository.client} than this twin",
            hint=f"compare {catalogue.path} with its copy: seawall backup catalogue --from {repository.side}",
        )
    if len(text) > size:
        repository.send(text[size:], size)
