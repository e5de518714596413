"""Making a host's repositories. The two of one class are related: the same content has the same chunk ids in both.

So a twin that was hydrated from one side is topped up from the other without reading every file again. Each has an
encryption key of its own; what they share is the key of the ids and the seed of the chunker (`borg key
export-related-secrets`, borg 1.4.5). Repositories that were made apart stay apart.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from backups.repository import Repository
from backups.site import Site
from estate.model import Engine, Side
from estate.points import FILES, Kind
from estate.problem import Problem

KINDS: tuple[Kind, ...] = (FILES, Engine.MARIADB)  # one for each class
Made = list[tuple[Repository, bool]]  # with whether it was not there before


def make(site: Site, say: Callable[[str], None]) -> Made:
    """All of this host's that are not there. Raises where a side does not take one."""
    pairs = [[site.repository(site.host, kind, side) for side in Side if side in site.host.backup] for kind in KINDS]
    with ThreadPoolExecutor(len(pairs)) as pool:
        made = list(pool.map(lambda pair: _pair(pair, say), pairs))
    return [one for pair in made for one in pair]


def _pair(pair: list[Repository], say: Callable[[str], None]) -> Made:
    first, *others = pair
    made = [(first, first.init())]
    for other in others:
        try:
            secrets = first.related_secrets()
        except Problem as fault:
            say(f"{other.server.name} {other.kind}: apart from {first.server.name}'s: {fault.what}")
            secrets = None
        made.append((other, other.init(secrets)))
    return made
