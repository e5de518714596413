"""What heads that somebody kept say about a journal.

One that has fewer entries than some head says was cut off; one with another digest at that entry was written anew.
"""

from collections.abc import Mapping, Sequence

from effects.journal import Entry
from estate.heads import Head, parse


def of_journal(host: str, job: str, entries: Sequence[Entry]) -> Head | None:
    """The head of what is there; None where nothing is."""
    return Head(host, job, entries[-1].number, entries[-1].digest) if entries else None


def contradiction(head: Head, entries: Sequence[Entry]) -> str | None:
    """How that journal differs from the head which somebody kept; None where it does not."""
    if len(entries) < head.entries:
        return f"had {head.entries} entries, and {len(entries)} are here: it was cut off"
    if head.entries and entries[head.entries - 1].digest != head.digest:
        return f"had another entry {head.entries}: it was written anew"
    return None


def where(kept: Mapping[str, str], host: str, job: str) -> str:
    """Who keeps a head of that journal, of how many entries, in words."""
    found = []
    for place, text in kept.items():
        mine = [head for head in parse(text) if (head.host, head.job) == (host, job)]
        if mine:
            newest = max(mine, key=lambda head: head.entries)
            found.append(f"{place}: entry {newest.entries}" + (f" at {newest.taken}" if newest.taken else ""))
    return "\n".join(found)
