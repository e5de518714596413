"""Which chain a database server's log belongs to.

A server that was restored starts its log anew, under names that were there before: `binlog.000001` again, or the same
WAL positions with other content. So what is sent belongs to a **chain**: one data directory, one timeline. A snapshot
names its chain, and is brought forward with that chain alone.
"""

import json
import re
import secrets
from datetime import datetime

from backups import paths
from effects import files
from effects.clock import now
from estate.model import Engine

STATE = paths.STATE / "stream"
STAMP = "%Y%m%dT%H%M%SZ"
NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")


def named(at: datetime) -> str:
    """`20261122T031400Z-1f2e3d`: sorts by time; two that begin in one second differ."""
    return f"{at.strftime(STAMP)}-{secrets.token_hex(3)}"


def chain(engine: Engine, birth: str) -> str:
    """The chain of the log whose data directory and timeline are `birth`; a new one where that was never seen."""
    STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
    with files.locked(STATE / f"{engine}.lock", what="a look at the chain", wait=10):
        known = _known(engine)
        if known.get("birth") != birth:
            known = {"birth": birth, "chain": named(now())}
            files.write(STATE / f"{engine}.json", json.dumps(known), mode=0o600)
        return known["chain"]


def renew(engine: Engine, old: str) -> None:
    """`old` does not go on: its log was replaced in place. Whoever asks next gets a new chain, and all the same one."""
    with files.locked(STATE / f"{engine}.lock", what="a look at the chain", wait=10):
        if _known(engine).get("chain") == old:
            (STATE / f"{engine}.json").unlink()


def _known(engine: Engine) -> dict[str, str]:
    try:
        known: dict[str, str] = json.loads((STATE / f"{engine}.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return known
