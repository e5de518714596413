"""Heads of the twin's journals, beside a client's repositories: only ever added to, and only by the keeper.

Neither production's key nor root on the twin takes back what stands there. So a journal that was cut off or written
anew shows, whoever did it.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from backups import paths
from effects import clock, files
from estate.heads import Head, parse

LARGEST = 4_000_000  # bytes for each client: heads of some 25,000 jobs
AT_ONCE = 1_000_000  # characters
DOOR = 10.0  # seconds for another who does the same


def kept(client: str) -> Path:
    """Each line with the instant before it at which it was taken, by this server's clock."""
    return paths.REPOSITORIES / client / ".heads"


def refusal(known: Iterable[Head], wanted: Head) -> str | None:
    """Why `wanted` contradicts what is known of that journal; None where it is new, or there already."""
    mine = [one for one in known if (one.host, one.job) == (wanted.host, wanted.job)]
    longest = max((one.entries for one in mine), default=0)
    if wanted.entries < longest:
        return f"{wanted.job} had {longest} entries on {wanted.host}, and now {wanted.entries}: it was cut off"
    if any(one.entries == wanted.entries and one.digest != wanted.digest for one in mine):
        return f"entry {wanted.entries} of {wanted.job} on {wanted.host} was another: it was written anew"
    return None


def take(client: str, text: str) -> list[str]:
    """Add the heads in `text` that are new, on the disk when this returns; what was refused, in words."""
    path, refused = kept(client), list[str]()
    with files.locked(path.with_name(".heads.lock"), what="other heads", wait=DOOR):
        known = list(parse(path.read_text(encoding="ascii"))) if path.exists() else []
        there = {one.line for one in known}
        for head in (one for one in parse(text) if one.line not in there):
            full = path.exists() and path.stat().st_size > LARGEST
            why = refusal(known, head) or ("there is no room for more heads" if full else None)
            if why is None:
                files.append(path, f"{clock.now().isoformat(timespec='seconds')} {head.line}", mode=0o640)
                known.append(head)
            else:
                refused.append(why)
    return refused


def answer(client: str) -> None:
    """The keeper's verb, with heads on standard input. Prints what was refused, as JSON."""
    print(json.dumps({"refused": take(client, sys.stdin.read(AT_ONCE))}))
