"""A company as octoDNS sees it: its zones in a file, one value a record, each written by a question of its own.

It has no RRsets, and takes a value out before it puts another in, as the classes of several companies do. Its faults
are in a file too, for the class may run in another process: by number of the question, counted over all instances.
"""

import json
import os
import signal
import time
from logging import getLogger
from pathlib import Path
from typing import Any

from octodns.provider.base import BaseProvider
from octodns.record import Record
from octodns.record.rr import Rrset

Line = tuple[str, str, str, str]  # zone, absolute name, type, value


class Killed(BaseException):
    """The one who asks is dead."""


class AuthenticationError(Exception):
    """As companies' classes name it."""


class Company(BaseProvider):  # type: ignore[misc]
    """Some zones of one customer."""

    SUPPORTS_GEO = False
    SUPPORTS_DYNAMIC = True
    SUPPORTS = {"A", "AAAA", "CNAME", "TXT", "HTTPS", "NS"}  # noqa: RUF012 - as octoDNS has it

    def __init__(self, id: str, folder: str, token: str = "", retries: int = 0) -> None:  # noqa: A002 - octoDNS's
        self.log = getLogger("company")
        super().__init__(id)
        self.folder, self.token, self.cached = Path(folder), token, list[Line]()
        print("a class may print")

    def populate(self, zone: Any, target: bool = False, lenient: bool = False) -> bool:
        self.cached = self.ask("list", lambda lines: lines)
        mine = [line for line in self.cached if f"{line[0]}." == zone.name and line[2] in self.SUPPORTS]
        for name, rtype in sorted({(line[1], line[2]) for line in mine}):
            values = [line[3] for line in mine if line[1:3] == (name, rtype)]
            record = Record.from_rrset(zone, Rrset(name, rtype, 300, values), source=self, lenient=True)
            if (self.folder / "dynamic").exists() and name.startswith("www."):
                record.dynamic = True
            zone.add_record(record, lenient=lenient)
        return bool(mine)

    def _apply(self, plan: Any) -> None:
        for change in plan.changes:
            rrset = change.record.to_rrset()
            zone, at = plan.desired.name.rstrip("."), (rrset.name, rrset._type)
            wanted = rrset.rdatas if change.new else []
            for line in [line for line in self.cached if line[1:3] == at and line[3] not in wanted]:
                self.ask(f"delete {line[3]}", lambda lines, gone=line: [one for one in lines if one != gone])
            there = [line[3] for line in self.cached if line[1:3] == at]
            for value in (value for value in wanted if value not in there):
                self.ask(f"create {value}", lambda lines, new=(zone, *at, value): [*lines, new])

    def ask(self, what: str, act: Any) -> list[Line]:
        """One question, with what befalls it."""
        asked, faults = self.folder / "asked", json.loads((self.folder / "faults").read_text())
        said = asked.read_text().splitlines() if asked.exists() else []
        asked.write_text("\n".join([*said, what]) + "\n")
        fault = faults.get(str(len(said)), "")
        if fault.startswith("edit "):
            store(
                self.folder,
                [json.loads(fault[5:]) if one[1] == json.loads(fault[5:])[1] else one for one in lines_of(self.folder)],
            )
        self.befall(fault)
        store(self.folder, act(lines_of(self.folder)))
        self.befall(fault.removeprefix("after "))
        return lines_of(self.folder)

    def befall(self, fault: str) -> None:
        if fault == "death":
            raise Killed
        if fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "429":
            self.log.warning("rate limit encountered with %s, pausing for 300s", self.token)
            time.sleep(300)
        if fault == "lost":
            raise ConnectionResetError(104, "Connection reset by peer")
        if fault == "auth":
            raise AuthenticationError(f"Bearer {self.token} is over")


class Old(Company):
    """One that knows no HTTPS records."""

    SUPPORTS = Company.SUPPORTS - {"HTTPS"}


def lines_of(folder: Path) -> list[Line]:
    found = [json.loads(line) for line in (folder / "zones").read_text().splitlines()]
    return [(one[0], one[1], one[2], one[3]) for one in found]


def store(folder: Path, lines: list[Line]) -> None:
    (folder / "zones").write_text("".join(json.dumps(line) + "\n" for line in lines))
