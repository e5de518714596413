"""What the tests of backups and recovery share: the lab's estate without its hosts, and archives of it."""

import base64
import hashlib
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ordered import APPROVERS

from backups.site import Site
from estate.model import Engine, Estate, Side
from estate.points import FILES, Archive, Kind
from inventory import load
from lab.estate_file import estate_file
from lab.layout import PLACES, Plan

T0 = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def lab_estate(folder: Path) -> Estate:
    """The estate that `seawall lab up` writes, read back; each host, and each approver, with a key of its own."""
    keys = {place.name: host_key(place.name) for place in PLACES}
    path = folder / "estate.toml"
    path.write_text(estate_file(Plan("test", 84, "bookworm"), keys, APPROVERS), encoding="utf-8")
    return load(path)


def host_key(name: str) -> str:
    """A well-formed ed25519 public key that belongs to nobody."""
    parts = (b"ssh-ed25519", hashlib.sha256(name.encode()).digest())
    blob = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def site(folder: Path, host: str = "web1") -> Site:
    """What `host` of that estate knows of itself."""
    estate = lab_estate(folder)
    return Site(estate, estate.hosts[host])


def archive(kind: Kind, age: float = 1.0, side: Side = Side.ODD, host: str = "web1") -> Archive:
    """One that is `age` hours old at T0; its id follows from what it is."""
    taken = T0 - timedelta(hours=age)
    digest = hashlib.sha256(f"{host}{kind}{taken}{side}".encode()).hexdigest()
    return Archive(digest, host, kind, taken, side)


def everything(age: float = 1.0) -> tuple[Archive, ...]:
    """Enough to bring every vhost back."""
    return tuple(archive(kind, age) for kind in (FILES, *Engine))
