"""What a managed host knows of itself: its slice of the estate, its name, the repositories it may reach."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

from backups import paths
from backups.repository import Repository, class_of
from effects.clock import now
from estate.model import Estate, Host, Side
from estate.points import Archive, Kind
from estate.problem import Missing, Problem, Unreachable, Untrusted
from inventory import load

SKEW = timedelta(minutes=5)  # that clocks may differ by


@dataclass(frozen=True)
class Site:
    """A managed host as it sees itself."""

    estate: Estate
    host: Host
    without: frozenset[str] = frozenset()  # hosts that are not asked, as if they were lost: a game day

    @classmethod
    def here(cls) -> "Site":
        """This machine. Raises Missing where no slice was installed, or for anybody but root."""
        try:
            name = paths.IDENTITY.read_text(encoding="utf-8").strip()
        except OSError:
            raise Missing(
                "this machine is no host of an estate: it has no /etc/seawall/host",
                hint="from the control machine: seawall install; then run this command on the host",
            ) from None
        if os.geteuid() != 0:
            raise Missing("on a managed host seawall needs root", hint="become root, then type the same command again")
        estate = load(paths.SLICE)
        return cls(estate, estate.hosts[name])

    @cached_property
    def partner(self) -> Host:
        """The other end of the production and twin pair."""
        for host in self.estate.partners(self.host):
            return host
        raise Missing(
            f"{self.host.name} has no twin",
            hint=f"set twin under [hosts.{self.host.name}] in the estate, then: seawall install",
        )

    def server(self, client: Host, side: Side) -> Host:
        """That `client` saves to on a side. Raises Unreachable where it is not to be asked."""
        if client.backup[side] in self.without:
            raise Unreachable(f"{client.backup[side]} ({side}) is lost in this game day", hint="that was chosen so")
        return self.estate.hosts[client.backup[side]]

    @property
    def left(self) -> Estate:
        """The estate as name servers are asked: without those that are not to be, and zones that none of is left."""
        left = {
            name: replace(zone, servers=servers)
            for name, zone in self.estate.zones.items()
            if (servers := tuple(one for one in zone.servers if one not in self.without))
        }
        return replace(self.estate, zones=left)

    def repository(self, client: Host, kind: Kind, side: Side) -> Repository:
        """Where `client` keeps archives of `kind`; written to by itself, read by its partner. Raises as `server`."""
        return Repository(
            client=client.name,
            kind=class_of(kind),
            side=side,
            server=self.server(client, side),
            passphrase=paths.SECRETS / f"passphrase.{client.name}",
            writing=client.name == self.host.name,
            upload=self.estate.backup.upload_limit_kib,
        )

    def archives(self, client: Host, kinds: tuple[Kind, ...]) -> tuple[tuple[Archive, ...], tuple[Problem, ...]]:
        """All archives of `client` on both sides, oldest first, and why a repository could not be read.

        Of the same one on both, that side comes first which is not lost together with the client: it is what a proof
        looks at, so that an activation finds proven what it takes. The client itself is better off with what is near.
        All repositories are asked at once: with a datacenter gone, waiting for it one by one costs the night.
        """
        wanted = {(side, class_of(kind)): kind for side in Side for kind in kinds}
        with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
            answers = list(pool.map(lambda key: self._listed(client, wanted[key], key[0]), wanted))
        found = [archive for archives, _ in answers for archive in archives if archive.kind in kinds]
        early = [archive for archive in found if archive.taken > now() + SKEW]
        faults = [*(fault for _, fault in answers if fault), *map(_from_the_future, early)]
        order = sorted((a for a in found if a not in early), key=lambda a: (a.taken, self._second(client, a.side)))
        return tuple(order), tuple(faults)

    def _second(self, client: Host, side: Side) -> bool:
        near = self.estate.hosts[client.backup[side]].datacenter == client.datacenter
        return near != (self.host.name == client.name)

    def _listed(self, client: Host, kind: Kind, side: Side) -> tuple[tuple[Archive, ...], Problem | None]:
        try:
            return self.repository(client, kind, side).archives(), None
        except Problem as fault:
            return (), fault


def _from_the_future(archive: Archive) -> Problem:
    """Whoever is root on production may name an archive as he likes; it must never pass for the newest."""
    return Untrusted(
        f"{archive.name} on the {archive.side} side is from the future, and left out",
        hint=f"compare the clocks; if {archive.host}'s is right, somebody made this by hand",
    )
