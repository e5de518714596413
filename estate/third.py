"""A third copy of everything saved, with somebody else: who keeps it and for how long nobody can remove it."""

from dataclasses import dataclass
from datetime import time, timedelta

from estate.secret import Secret


@dataclass(frozen=True, slots=True)
class ThirdCopy:
    """Where repositories are copied to."""

    endpoint: str  # "https://s3.example.com"
    bucket: str  # with object lock
    access_key: Secret
    secret_key: Secret
    seal: Secret  # what everything is sealed with before it leaves; without it the copy says nothing to anybody
    servers: tuple[str, ...]  # the backup servers that copy what they have
    at: time = time(5)  # of the day, in the estate's time zone
    locked: timedelta = timedelta(days=30)  # what was copied can't be removed for at least as long
    region: str | None = None
    trust: str | None = None  # a PEM bundle, relative to the estate file; None: the system's
