"""Heads of journals that are kept outside of the host which wrote them: one line for each, wherever it stands.

    seawall-head HOST JOB ENTRIES HEAD

A backup server's file has the instant before it at which that server took it; tickets have it in their text. A journal
that has fewer entries than some line says was cut off; one with another head at that entry was written anew.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from effects.journal import Entry

WORD = "seawall-head"
_LINE = re.compile(
    rf"(?:(\S+) )?{WORD} ([A-Za-z0-9.-]{{1,63}}) ([a-z0-9-]{{1,80}}) (\d{{1,9}}) ([0-9a-f]{{64}})(?![0-9a-f])"
)


@dataclass(frozen=True, slots=True)
class Head:
    """The digest of an entry that a journal had."""

    host: str
    job: str
    entries: int  # its number
    digest: str
    taken: str = ""  # by whoever keeps it, where that stands before it

    @property
    def line(self) -> str:
        """As it is kept."""
        return f"{WORD} {self.host} {self.job} {self.entries} {self.digest}"


def parse(text: str) -> tuple[Head, ...]:
    """All heads in any text: an anchor file, a ticket, a mail as it came (quoted-printable breaks its lines)."""
    whole = text.replace("=\r\n", "").replace("=\n", "")
    return tuple(
        Head(host, job, int(entries), digest, taken if taken[:2] == "20" else "")
        for taken, host, job, entries, digest in _LINE.findall(whole)
    )


def of_journal(host: str, job: str, entries: Iterable[Entry]) -> Head | None:
    """The head of what is there; None where nothing is."""
    last = next(iter(reversed(tuple(entries))), None)
    return None if last is None else Head(host, job, last.number, last.digest)


def contradiction(head: Head, entries: tuple[Entry, ...]) -> str | None:
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
