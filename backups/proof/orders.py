"""What the proof room is asked to look at, and what it says: the JSON on both ends of its door."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from backups.tables import Evidence
from effects.clock import Stopwatch, now
from estate.model import Engine
from estate.web import Web


@dataclass(frozen=True, slots=True)
class Program:
    """A daemon of the twin's own, as systemd would start it."""

    user: str
    runtime: str  # its directory below /run
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """One vhost that shall answer."""

    domain: str
    files: Path  # where it stands hydrated, as the room sees it
    places: tuple[Path, ...]  # what of it goes where: its directory, certificates and further paths
    certificates: Path
    path: str | None  # that its check asks for; None: it can't answer in here
    expect: str
    php: Program | None


@dataclass(frozen=True, slots=True)
class Started:
    """One database server that shall start from its copy."""

    engine: Engine
    data: Path  # where it looks for its data
    copy: Path  # what it finds there
    owner: str
    databases: Mapping[str, str | None]  # name: a query for the instant of its newest business row


@dataclass(frozen=True, slots=True)
class Order:
    """One recovery point, to be brought up."""

    web: Web
    trust: Path | None
    vhosts: tuple[Shown, ...]
    engines: tuple[Started, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """A part of the work, when it began and how long it took."""

    phase: str  # below
    subject: str  # a domain, an engine or the host
    begun: datetime
    seconds: float


FETCH, SNAPSHOT, STREAM, START, WEB, ANSWER = "files", "snapshot", "stream", "start", "web", "answer"
BYTES, COPY, ROOM, TABLES = "bytes", "copy", "room", "tables"  # what a proof does and an activation does not


@contextmanager
def timed(moments: list[Moment], phase: str, subject: str) -> Iterator[None]:
    """What is done within, whether or not it comes to its end."""
    begun, watch = now(), Stopwatch()
    try:
        yield
    finally:
        moments.append(Moment(phase, subject, begun, watch.seconds))


@dataclass(frozen=True, slots=True)
class Closed:
    """How closed the room was, as its network namespace counted. Kernel: Documentation/networking/snmp_counter.rst."""

    interfaces: tuple[str, ...]  # `lo` alone
    sent: int  # bytes that left by any other
    refused: int  # packets that somebody wanted to send and no route was found for


@dataclass(frozen=True, slots=True)
class Said:
    """What was seen: evidence, and what does not hold, by domain, database (`engine.name`) or engine."""

    vhosts: dict[str, Evidence] = field(default_factory=dict)
    databases: dict[str, Evidence] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)  # one, when all was asked


ORDER, SAID = TypeAdapter(Order), TypeAdapter(Said)
