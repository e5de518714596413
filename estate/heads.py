"""Heads of journals that are kept outside of the host which wrote them: one line for each, wherever it stands.

    seawall-head HOST JOB ENTRIES HEAD

A backup server's file has the instant before it at which that server took it; tickets have it in their text.
"""

import re
from dataclasses import dataclass

WORD = "seawall-head"
_LINE = re.compile(rf"(?:(\S+) )?{WORD} ([A-Za-z0-9.-]{{1,63}}) ([A-Za-z0-9.-]{{1,80}}) (\d{{1,9}}) ([0-9a-f]{{64}})\b")


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
    """All heads in any text: a server's file, a ticket, a mail as it came (quoted-printable breaks its lines)."""
    whole = text.replace("=\r\n", "").replace("=\n", "")
    return tuple(
        Head(host, job, int(entries), digest, taken if taken[:2] == "20" else "")
        for taken, host, job, entries, digest in _LINE.findall(whole)
    )
