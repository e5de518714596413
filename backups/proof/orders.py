"""What the proof room is asked to look at, and what it says: the JSON on both ends of its door."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from backups.tables import Evidence
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
class Said:
    """What was seen: evidence, and what does not hold, by domain, database (`engine.name`) or engine."""

    vhosts: dict[str, Evidence] = field(default_factory=dict)
    databases: dict[str, Evidence] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)


ORDER, SAID = TypeAdapter(Order), TypeAdapter(Said)
