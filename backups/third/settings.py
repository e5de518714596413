"""Where a third copy goes, with the values of its secrets: as a backup server keeps them, or from the estate."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic import TypeAdapter

from backups import paths
from effects import secrets
from estate.model import Estate
from estate.problem import BadEstate, Missing

FILE = paths.CONFIG / "third.json"
SHORTEST = 32  # characters of a seal


@dataclass(frozen=True, slots=True)
class Settings:
    """All that is needed to copy there and to fetch from there."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str
    seal: str
    locked: timedelta
    region: str | None = None
    trust: str | None = None  # PEM
    server: str | None = None  # the backup server that these are for; None on the control machine


SETTINGS = TypeAdapter(Settings)


def here() -> Settings:
    """Those of this backup server. Raises Missing."""
    try:
        return SETTINGS.validate_json(FILE.read_bytes())
    except FileNotFoundError:
        raise Missing(
            "this host makes no third copy: it has no /etc/seawall/third.json",
            hint="name it in [third_copy] servers of the estate, then: seawall install",
        ) from None


def of(estate: Estate, base: Path, server: str | None = None) -> Settings:
    """Those of an estate whose file is in `base`. Raises Missing, or BadEstate for a seal that is too short."""
    third = estate.third_copy
    if third is None:
        raise Missing("the estate has no third copy", hint="see [third_copy] in docs/third-copy.md")
    seal = secrets.resolve(third.seal, base=base)
    if len(seal) < SHORTEST:
        raise BadEstate(
            f"the seal of the third copy has {len(seal)} characters, and {SHORTEST} are the least",
            hint="make one with: openssl rand -hex 32; nobody can open what was copied with another one",
        )
    return Settings(
        endpoint=third.endpoint,
        bucket=third.bucket,
        access_key=secrets.resolve(third.access_key, base=base),
        secret_key=secrets.resolve(third.secret_key, base=base),
        seal=seal,
        locked=third.locked,
        region=third.region,
        trust=None if third.trust is None else (base / third.trust).read_text(encoding="utf-8"),
        server=server,
    )
